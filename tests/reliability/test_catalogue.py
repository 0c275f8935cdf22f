"""A share of the catalogue; ``python -m benchmarks.reliability`` tries all of it."""

import cases_codes
import cases_forms
import cases_models
import cases_process
import cases_rows
import cases_targets
import cases_weights
import pytest
from catalogue import CASES, all_inputs, share
from models import PAIRS
from threadpoolctl import threadpool_limits

pytestmark = pytest.mark.filterwarnings("ignore")
# Inputs of each case.
SHARE = 24


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Small arrays: threads would wait for each other."""
    with threadpool_limits(1):
        yield


@pytest.mark.parametrize("given", share(SHARE), ids=str)
def test_a_fault_ends_as_it_should(given):
    given.check()


def test_the_catalogue_covers_what_it_says():
    modules = cases_codes, cases_forms, cases_models, cases_process
    modules += cases_rows, cases_targets, cases_weights
    assert {case.check.__module__ for case in CASES} == {m.__name__ for m in modules}
    assert len(PAIRS) == 12 * 6
    assert len(all_inputs()) >= 10_000
    assert len(share(SHARE)) >= 1500
