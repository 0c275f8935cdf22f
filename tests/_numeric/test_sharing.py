"""The design matrix of shared models, against sums written pair by pair."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from skexperts._numeric.sharing import shared_design, split_coef


def pairs(seed, *, n_rows=12, n_features=4, n_experts=3, dtype=np.float64):
    """Sparse rows, and pairs of which expert 1 has none."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, n_features)).astype(dtype)
    X[rng.random(X.shape) < 0.6] = 0
    rows = rng.integers(n_rows, size=2 * n_rows)
    owners = np.sort(rng.choice([0, 2], size=2 * n_rows) % n_experts)
    return X, rows, owners, n_experts


@given(
    seed=st.integers(0, 2**32 - 1),
    penalty=st.sampled_from([1e-3, 0.5, 1.0, 2.0, 1e3]),
    fit_intercept=st.booleans(),
    sparse=st.booleans(),
    n_problems=st.integers(1, 3),
)
def test_the_design_gives_margins_and_penalty(
    seed, penalty, fit_intercept, sparse, n_problems
):
    X, rows, owners, n_experts = pairs(seed)
    n_features = X.shape[1]
    weights = np.random.default_rng(seed).random(len(rows)) + 0.1
    design = shared_design(
        csr_array(X) if sparse else X,
        rows,
        owners,
        weights,
        n_experts,
        penalty,
        fit_intercept=fit_intercept,
    )
    n_columns = n_features + len(design.columns)
    coef = np.random.default_rng(seed).normal(size=(n_problems, n_columns))
    shared, deviation, intercept = split_coef(design, coef, n_features, n_experts)
    assert design.matrix.has_canonical_format
    assert design.matrix.indices.dtype == np.int32
    s = 3 * np.sqrt(np.average((X[rows] ** 2).sum(axis=1), weights=weights))
    for p in range(n_problems):
        margins = [
            (shared[p] + deviation[k].toarray()[p]) @ X[i] + intercept[k, p]
            for i, k in zip(rows, owners, strict=True)
        ]
        np.testing.assert_allclose(design.matrix @ coef[p], margins, atol=1e-12)
        total = np.abs(shared[p]).sum() + penalty * np.abs(intercept[:, p]).sum() / s
        total += penalty * sum(abs(own)[[p]].sum() for own in deviation)
        # The solver's penalty is 1, but C is divided by a penalty below 1.
        assert total == pytest.approx(np.abs(coef[p]).sum() * min(1.0, penalty))
    if not fit_intercept:
        np.testing.assert_array_equal(intercept, 0.0)


def test_columns_that_no_pair_uses_are_left_out():
    X, rows, owners, n_experts = pairs(0)
    X[:, 2] = 0.0
    design = shared_design(X, rows, owners, None, n_experts, 1.0, fit_intercept=True)
    features = set((design.columns % 5).tolist())
    assert set((design.columns // 5).tolist()) == {0, 2}
    assert 2 not in features
    assert 4 in features


@pytest.mark.parametrize("penalty", [1e-30, 1e30])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_extreme_penalties_stay_finite_and_keep_the_type(penalty, dtype):
    X, rows, owners, n_experts = pairs(0, dtype=dtype)
    design = shared_design(
        X, rows, owners, None, n_experts, penalty, fit_intercept=True
    )
    assert design.matrix.dtype == dtype
    assert np.isfinite(design.matrix.data).all()
    assert abs(design.matrix.data).max() <= np.linalg.norm(X)


def test_rows_of_zeros_have_intercepts():
    X = np.zeros((4, 2))
    rows, owners = np.arange(4), np.array([0, 0, 1, 1])
    design = shared_design(X, rows, owners, None, 2, 1.0, fit_intercept=True)
    np.testing.assert_array_equal(design.matrix.data, 3.0)
    np.testing.assert_array_equal(design.columns, [2, 5])
