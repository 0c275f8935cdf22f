"""Random compositions say what plain loops say.

A few hundred here; ``python -m benchmarks.reliability`` has more than ten thousand.
"""

import fuzz
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

pytestmark = pytest.mark.filterwarnings("ignore")
BLOCK = 50


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    with threadpool_limits(1):
        yield


@pytest.mark.parametrize("block", range(8))
def test_random_compositions(block):
    n_fitted = 0
    for seed in range(block * BLOCK, (block + 1) * BLOCK):
        try:
            n_fitted += fuzz.check(seed)
        except Exception as error:
            error.add_note(f"seed {seed}: {fuzz.draw(seed)}")
            raise
    assert n_fitted > 0.8 * BLOCK


@settings(max_examples=30)
@given(st.integers(10**6, 2**32 - 1))
def test_other_compositions(seed):
    fuzz.check(seed)
