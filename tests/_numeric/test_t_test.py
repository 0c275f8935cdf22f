import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.stats import linregress, ttest_ind

from skexperts._numeric.t_test import class_moments, correlation_t, welch_t


def make_problem(seed, n_classes=3, n_rows=40):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 5)) * [1, 3, 0.1, 2, 1e-3] + [0, 5, 0, -1, 1e3]
    X[rng.random(X.shape) < 0.5] = 0
    codes = np.concatenate(
        [np.repeat(np.arange(n_classes), 2), rng.integers(n_classes, size=n_rows)]
    )[:n_rows]
    return X, codes, rng.integers(1, 4, size=n_rows)


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.integers(2, 4), st.booleans())
def test_welch_t_is_that_of_scipy_with_rows_repeated(seed, n_classes, sparse):
    X, codes, repeats = make_problem(seed, n_classes)
    t = welch_t(csr_array(X) if sparse else X, codes, repeats.astype(float))
    X, codes = np.repeat(X, repeats, axis=0), np.repeat(codes, repeats)
    expected = [
        ttest_ind(X[codes == code], X[codes != code], equal_var=False).statistic
        for code in (range(1, 2) if n_classes == 2 else range(n_classes))
    ]
    np.testing.assert_allclose(t, expected, rtol=1e-6)


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.booleans())
def test_correlation_t_is_slope_over_its_error_with_rows_repeated(seed, sparse):
    X, codes, repeats = make_problem(seed)
    y = X @ [1, 0, 3, -1, 0] + codes + 100
    t = correlation_t(csr_array(X) if sparse else X, y, repeats.astype(float))
    X, y = np.repeat(X, repeats, axis=0), np.repeat(y, repeats)
    lines = [linregress(column, y) for column in X.T]
    expected = [line.slope / line.stderr for line in lines]
    np.testing.assert_allclose(t, expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("wrap", [np.asarray, csr_array])
def test_limits(wrap):
    codes = np.array([0, 0, 0, 1, 1, 2, 2])
    constant = np.full(7, 0.1)
    separating = np.where(codes == 1, 0.1, 0.3)
    of_others = 1.0 * (codes == 2)
    X = wrap(np.column_stack([constant, separating, of_others, np.zeros(7)]))
    t = np.abs(welch_t(X, codes, np.ones(7)))
    np.testing.assert_array_equal(t[:, [0, 3]], 0)
    assert np.isinf(t[1, 1]) and np.isinf(t[2, 2])
    assert np.isfinite(t[0]).all() and np.isfinite(t[1, 2])
    np.testing.assert_array_equal(
        correlation_t(X, 3.0 * separating + 1, np.ones(7))[[0, 1, 3]], [0, np.inf, 0]
    )


@pytest.mark.parametrize("wrap", [np.asarray, csr_array])
def test_a_single_row_cannot_be_tested(wrap):
    X, _, _ = make_problem(0)
    codes = np.r_[2, np.arange(39) % 2]
    t = welch_t(wrap(X), codes, np.ones(40))
    others = [
        ttest_ind(X[codes == code], X[codes != code], equal_var=False).statistic
        for code in range(2)
    ]
    np.testing.assert_allclose(t, others, rtol=1e-6)
    assert welch_t(wrap(X), 1 * (codes == 2), np.ones(40)).shape == (0, 5)


def test_moments_of_full_and_empty_columns():
    X = np.array([[1.0, 0.0, 2.0], [3.0, 0.0, 0.0]])
    for wrapped in (X, csr_array(X)):
        mean, square = class_moments(wrapped, np.array([1.0, 3.0]))
        np.testing.assert_allclose(mean, [2.5, 0, 0.5])
        np.testing.assert_allclose(square, [3, 0, 3])
