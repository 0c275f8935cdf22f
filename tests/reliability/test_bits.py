"""Bits do not depend on jobs, backend and layout, for a share of the models."""

import bits
import pytest
from models import MODELS
from threadpoolctl import threadpool_limits

pytestmark = pytest.mark.filterwarnings("ignore")
PARALLEL = bits.parallel_models()
# Another layout for every model, in turn.
LAYOUTS = [
    (model, bits.layouts_of(model)[turn % len(bits.layouts_of(model))])
    for turn, model in enumerate(MODELS)
]


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    with threadpool_limits(1):
        yield


@pytest.mark.parametrize(("model", "layout"), LAYOUTS, ids=str)
def test_bits_do_not_depend_on_the_layout(model, layout):
    assert bits.of_layout(model, layout)


@pytest.mark.parametrize("model", PARALLEL[::4], ids=str)
@pytest.mark.parametrize(("n_jobs", "backend"), [(2, "threading"), (3, "threading")])
def test_bits_do_not_depend_on_threads(model, n_jobs, backend):
    assert bits.of_jobs(model, n_jobs, backend)


@pytest.mark.parametrize("model", PARALLEL[::9], ids=str)
def test_bits_do_not_depend_on_processes(model):
    assert bits.of_jobs(model, 2, "loky", sparse=model.takes_sparse)


def test_a_digest_sees_a_bit():
    model = PARALLEL[0]
    fitted = bits.fitted(model, bits.X)
    before = bits.digest(fitted, bits.X_NEW)
    fitted.fit_report_ = None
    fitted.cells_ = fitted.cells_ + 1
    assert bits.digest(fitted, bits.X_NEW) != before
