"""Every public estimator goes through pickle, joblib and skops."""

import importlib
import pickle
from functools import cache

import joblib
import pytest
import skops.io
from fitted_models import FLAT, OTHERS, assert_same

import skexperts
from skexperts.io import TRUSTED

MODELS = FLAT | OTHERS
# Types that are not of this package, and that skops does not trust by itself.
FOREIGN = {
    "tree": {"sklearn.tree._tree.Tree"},
    "partitioned by a tree": {"sklearn.tree._tree.Tree"},
    "coder identity": {"scipy.sparse._csr.csr_matrix"},
}
pytestmark = pytest.mark.filterwarnings("ignore")


@cache
def fitted(name):
    return MODELS[name]()


def test_every_public_estimator_is_here():
    there = {type(fitted(name)).__name__ for name in MODELS}
    assert set(skexperts.__all__) - {"__version__"} <= there


@pytest.mark.parametrize("name", MODELS)
def test_pickle(name):
    model = fitted(name)
    again = pickle.loads(pickle.dumps(model))
    assert_same(again, model)
    assert_same(pickle.loads(pickle.dumps(again)), model)


@pytest.mark.parametrize("name", MODELS)
def test_joblib(name, tmp_path):
    model = fitted(name)
    joblib.dump(model, tmp_path / "model")
    assert_same(joblib.load(tmp_path / "model"), model)
    if not name.startswith("alpha"):
        # Arrays on the disk cannot be written to.
        assert_same(joblib.load(tmp_path / "model", mmap_mode="r"), model)


@pytest.mark.parametrize("name", MODELS)
def test_skops(name):
    model = fitted(name)
    data = skops.io.dumps(model)
    others = set(skops.io.get_untrusted_types(data=data)) - set(TRUSTED)
    assert others == FOREIGN.get(name, set())
    again = skops.io.loads(data, trusted=[*TRUSTED, *others])
    assert_same(again, model)


def test_a_model_of_a_frame_goes_through_skops():
    import pandas as pd
    from fitted_models import LABELS, X

    frame = pd.DataFrame(X, columns=list("abcdef"))
    model = skexperts.PartitionedExpertsClassifier(n_experts=3, random_state=0)
    model.fit(frame, LABELS)
    again = skops.io.loads(skops.io.dumps(model), trusted=TRUSTED)
    assert (again.predict(frame) == model.predict(frame)).all()


@pytest.mark.parametrize("name", TRUSTED)
def test_only_classes_of_this_package_are_trusted(name):
    module, _, cls = name.rpartition(".")
    assert module.startswith("skexperts.")
    assert isinstance(getattr(importlib.import_module(module), cls), type)


def test_what_is_trusted_is_needed():
    met = set()
    for name in MODELS:
        met |= set(skops.io.get_untrusted_types(data=skops.io.dumps(fitted(name))))
    rare = {
        "skexperts.partition._fitted_partition._Labels",
        "skexperts.partition._function_partitioner._FunctionPartitioner",
        "skexperts.decomposition._encode.Encoder",
    }
    assert set(TRUSTED) - met <= rare
