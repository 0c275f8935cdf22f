"""Offsets and units of X, and the settings that follow from the rows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array
from sklearn.preprocessing import StandardScaler
from test_gated_experts import (
    by_hand,
    classes,
    classifier,
    problems,
    regressor,
    say,
    values,
)

from skexperts import GatedExpertsClassifier
from skexperts.datasets import load_letter
from skexperts.ensemble._gated_rows import centre_of, default_decay, default_rate


@pytest.fixture(params=range(len(problems())))
def problem(request):
    return problems()[request.param]


def close(found, expected, atol):
    """Compare in units of the largest values."""
    scale = np.abs(expected).max(axis=0)
    np.testing.assert_allclose(found / scale, expected / scale, atol=atol)


# Offsets ------------------------------------------------------------------------------


def test_an_offset_changes_intercepts_only(problem):
    model, (X, y) = problem
    # Multiples of 2^-10 plus 1024 are exact, and so is their mean.
    X = np.round(X[: len(X) // 2] * 1024) / 1024
    X = np.concatenate([X, 0.125 - X])
    moved = X + 1024 * np.arange(1, X.shape[1] + 1)
    expected, coef, gate = say(model.fit(X, y), X), model.coef_, model.gate_coef_
    found = say(model.fit(moved, y), moved)
    close(found, expected, 1e-4)
    np.testing.assert_allclose(model.coef_, coef, atol=1e-4 * np.abs(coef).max())
    np.testing.assert_allclose(model.gate_coef_, gate, atol=1e-4 * np.abs(gate).max())


def test_attributes_are_for_rows_as_they_are(problem):
    model, (X, y) = problem
    X = 100 + 3 * X
    said = say(model.fit(X, y), X).reshape(len(X), -1)
    close(by_hand(model, X), said, 2e-3)


def test_a_large_offset_is_learned():
    X, y = load_letter(subset="test", return_X_y=True)
    X = StandardScaler().fit_transform(X) + 1e6
    model = classifier(n_experts=64, top_k=8, max_iter=25).fit(X[:3000], y[:3000])
    assert model.score(X[3000:], y[3000:]) > 0.85
    assert model.fit_report_["n_routed"].all()


@pytest.mark.filterwarnings("ignore:.*serve no training row:UserWarning")
def test_sparse_rows_are_not_centred_but_answered(problem):
    model, (X, y) = problem
    X = np.where(X < 0.3, 0, X)
    model.fit(X, y)
    assert model._centre is not None
    close(say(model, csr_array(X)), say(model, X), 1e-3)
    model.fit(csr_array(X), y)
    assert model._centre is None
    close(say(model, csr_array(X)), say(model, X), 1e-4)


@pytest.mark.parametrize("how", ["partial_fit", "fit"])
def test_sparse_rows_may_follow_dense_ones(problem, how):
    model, (X, y) = problem
    X = np.where(X < 0.3, 0, X)
    expected = say(model.fit(X, y), X)
    model.set_params(warm_start=True, learning_rate_init=1e-7, l2=0)
    getattr(model, how)(csr_array(X), y)
    close(say(model, X), expected, 5e-3)
    assert model._centre is None


def test_streams_keep_the_first_centre():
    X, y = classes()
    model = classifier().partial_fit(X[:100] + 5, y[:100], classes=range(4))
    centre = model._centre.copy()
    np.testing.assert_allclose(centre, X[:100].mean(axis=0) + 5)
    model.partial_fit(X[100:], y[100:])
    np.testing.assert_array_equal(model._centre, centre)
    close(by_hand(model, X), say(model, X), 1e-4)


def test_centred_columns_are_left_alone():
    X, _ = classes()
    assert centre_of(X) is None
    assert centre_of(csr_array(X + 1)) is None
    np.testing.assert_allclose(centre_of(X + [0, 0, 0.1, 0, 0, 0])[2], 0.1)


# Defaults -----------------------------------------------------------------------------


@given(st.integers(1, 60), st.integers(1, 40), st.floats(1e-3, 1e3), st.booleans())
def test_a_step_at_the_default_rate_moves_outputs_equally(n, p, unit, sparse):
    X = unit * np.random.default_rng(n).normal(size=(n, p))
    rate = default_rate(csr_array(X) if sparse else X)
    move = rate * np.abs(X).sum(axis=1).mean()
    assert rate <= 0.03
    assert move <= 0.4 * (1 + 1e-6)
    assert rate == 0.03 or move == pytest.approx(0.4)


def test_the_default_rate_of_many_rows_is_that_of_some():
    X = np.random.default_rng(0).normal(size=(9000, 40))
    np.testing.assert_allclose(
        default_rate(X), 0.4 / np.abs(X).sum(axis=1).mean(), rtol=0.01
    )


def test_rows_of_zeros_have_a_default_rate():
    assert default_rate(np.zeros((5, 3), np.float32)) == 0.03


def test_the_default_decay_falls_with_rows_and_rises_with_features():
    assert default_decay(16, 16000) == pytest.approx(0.01)
    assert default_decay(160, 16000) == pytest.approx(0.1)
    assert default_decay(160, 100) == 0.5


@pytest.mark.parametrize("kind", [classifier, regressor])
def test_defaults_are_these_numbers(kind):
    X, y = classes() if kind is classifier else values()
    X = 3 * X
    auto = kind().fit(X, y)
    rate, decay = default_rate(X.astype(np.float32)), 10 * 6 / len(X)
    given = kind(learning_rate_init=rate, l2=decay).fit(X, y)
    np.testing.assert_array_equal(say(auto, X), say(given, X))
    other = kind(l2=2 * decay).fit(X, y)
    assert (say(other, X) != say(auto, X)).any()


def test_the_decay_of_streams_counts_the_rows_so_far():
    X, y = classes()
    auto, given = classifier(), classifier()
    for first in (0, 200):
        rows = slice(first, first + 200)
        given.set_params(l2=10 * 6 / (first + 200))
        auto.partial_fit(X[rows], y[rows])
        given.partial_fit(X[rows], y[rows])
    np.testing.assert_array_equal(say(auto, X), say(given, X))


def test_many_features_are_learned_by_default():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, 300))
    y = (X[:, :3].sum(axis=1) * X[:, 0] > 0) + 2 * (X[:, 5:60].sum(axis=1) > 0)
    model = GatedExpertsClassifier(random_state=0, max_iter=15)
    score = model.fit(X[:500], y[:500]).score(X[500:], y[500:])
    fast = model.set_params(learning_rate_init=0.03, l2=0)
    assert score > fast.fit(X[:500], y[:500]).score(X[500:], y[500:])


# Streams ------------------------------------------------------------------------------


def test_a_short_first_call_is_named():
    X, y = values()
    with pytest.warns(UserWarning, match="has 20 rows, so that there are 2 experts"):
        model = regressor().partial_fit(X[:20], y[:20])
    assert model.n_experts_ == 2


def test_streams_report_their_last_call(problem):
    model, (X, y) = problem
    model.set_params(early_stopping=True).fit(X, y)
    model.partial_fit(X[:100], y[:100])
    assert not hasattr(model, "validation_scores_")
    fresh = type(model)(**model.get_params()).partial_fit(X, y)
    fresh.partial_fit(X[:100], y[:100])
    for one in (model, fresh):
        report, k = one.fit_report_, min(one.top_k, 6)
        assert report["n_routed"].sum() == 100 * k * one.n_estimators
        assert report["n_nonzero"].sum() == np.count_nonzero(one.coef_)
        assert not report["n_reseeded"].any()


def test_sparse_rows_with_wide_pointers_are_taken():
    X, y = values()
    wide = csr_array(X)
    wide.indptr = wide.indptr.astype(np.int64)
    assert wide.indices.dtype == np.int32
    model = regressor().fit(csr_array(X), y)
    said = model.predict(csr_array(X))
    np.testing.assert_array_equal(model.predict(wide), said)
    np.testing.assert_array_equal(model.fit(wide, y).predict(wide), said)
