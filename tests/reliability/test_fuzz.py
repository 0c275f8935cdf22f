"""Ten thousand random compositions say what plain loops say.

The seed of one that fails is in its message: ``fuzz.check(seed)`` tries it alone.
"""

import coverage
import fuzz
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

pytestmark = pytest.mark.filterwarnings("ignore")
N_INPUTS, BLOCK = 10_000, 250


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    with threadpool_limits(1):
        yield


@pytest.fixture
def no_counts():
    """Let coverage rest: other tests run these lines, and counting takes long."""
    counting = coverage.Coverage.current()
    if counting is None:
        yield
        return
    counting.stop()
    yield
    counting.start()


@pytest.mark.usefixtures("no_counts")
@pytest.mark.parametrize("start", range(0, N_INPUTS, BLOCK))
def test_random_compositions(start):
    n_fitted = sum(fuzz.check(seed) for seed in range(start, start + BLOCK))
    assert n_fitted > 0.9 * BLOCK


@settings(max_examples=30)
@given(st.integers(10**6, 2**32 - 1))
def test_other_compositions(seed):
    fuzz.check(seed)


@pytest.mark.parametrize("seed", [11855, 12235])
def test_rows_of_equal_weight_where_room_is_limited(seed):
    assert fuzz.check(seed)


def test_fewer_rows_with_a_weight_than_a_cluster_needs():
    assert not fuzz.check(16057)


def test_wrong_weights_are_seen_where_room_is_limited(monkeypatch):
    right = fuzz.Oracle.training_weights.func

    def wrong(oracle):
        return [[weight * (1 + 1e-6) for weight in row] for row in right(oracle)]

    monkeypatch.setattr(fuzz.Oracle, "training_weights", property(wrong))
    with pytest.raises(AssertionError, match="tolerance"):
        fuzz.check(12235)


class Forgets(fuzz.Shares):
    """Says something else when it is asked again."""

    def predict_proba(self, X):
        self.answers_ = self.answers_[:, ::-1]
        return super().predict_proba(X)


def test_a_wrong_answer_is_seen(monkeypatch):
    trial = fuzz.draw(8)
    trial.model.set_params(expert=Forgets())
    monkeypatch.setattr(fuzz, "draw", lambda seed: trial)
    assert isinstance(fuzz.try_goals(8)["G3"], AssertionError)
    with pytest.raises(AssertionError, match="tolerance"):
        fuzz.check(8)


def test_a_changed_row_is_seen(monkeypatch):
    monkeypatch.setattr(fuzz, "check_outputs", lambda said, X: X.fill(0.0))
    failures = fuzz.try_goals(8)
    assert failures["G4"] is None
    assert isinstance(failures["G13"], AssertionError)
