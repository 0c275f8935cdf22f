"""Best constants and critical C: against scipy and by definition."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.sparse import csr_array

from skexperts._numeric.l1_path import best_constant, critical_C
from skexperts._numeric.l1_svm import class_intervals

seeds = st.integers(0, 2**32 - 1)


def draw(seed, n, scale=1.0):
    """Intervals of all kinds: one-sided, points, wide, overlapping or not."""
    rng = np.random.default_rng(seed)
    middle, half = scale * rng.normal(size=n), scale * rng.exponential(size=n)
    half[rng.random(n) < 0.3] = 0.0
    lower = np.where(rng.random(n) < 0.3, -np.inf, middle - half)
    upper = np.where(rng.random(n) < 0.3, np.inf, middle + half)
    return lower, upper, rng.uniform(0.1, 3, n)


def loss(b, lower, upper, weights):
    return weights @ (np.clip(b, lower, upper) - b) ** 2


@given(seed=seeds, n=st.integers(1, 40), scale=st.sampled_from([1e-6, 1.0, 1e6]))
def test_no_other_constant_is_better(seed, n, scale):
    lower, upper, weights = draw(seed, n, scale)
    b = best_constant(lower, upper, weights)
    bounds, problem = (-10 * scale, 10 * scale), (lower, upper, weights)
    other = minimize_scalar(loss, bounds=bounds, method="bounded", args=problem)
    ours = loss(b, lower, upper, weights)
    assert ours <= other.fun * (1 + 1e-12) + 1e-20 * scale**2


def test_best_constants_in_closed_form():
    y, weights = np.arange(30) % 3, np.linspace(1, 2, 30)
    lower, upper = class_intervals(y, np.array([1]))
    sign = np.where(y == 1, 1.0, -1.0)
    expected = np.average(sign, weights=weights)
    assert best_constant(lower[0], upper[0], weights) == pytest.approx(expected)
    values = 1e9 + np.arange(30.0)
    expected = np.average(values, weights=weights)
    assert best_constant(values, values, weights) == pytest.approx(expected, rel=1e-15)


def test_a_constant_inside_all_intervals():
    ones = np.ones(4)
    assert best_constant(-ones, ones, ones) == 0.0
    assert 2 <= best_constant(2 * ones, 3 * ones, ones) <= 3
    assert best_constant(-np.inf * ones, -3 * ones, ones) <= -3
    assert best_constant(-np.inf * ones, np.inf * ones, ones) == 0.0


@pytest.mark.parametrize("sparse", [False, True])
def test_critical_C_by_definition(sparse):
    X = np.random.default_rng(0).normal(size=(40, 5))
    y = X[:, 0] + 3
    force = 2 * (y - y.mean())
    expected = 1 / np.abs(X.T @ force).max()
    critical = critical_C(
        csr_array(X) if sparse else X,
        lambda chosen: (y[None], y[None]),
        1,
        np.ones(40),
        fit_intercept=True,
    )
    assert critical == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("sparse", [False, True])
def test_no_critical_C(sparse, dtype):
    X = np.full((1000, 2), [1e5, 1 / 3], dtype=dtype)
    y = np.random.default_rng(0).normal(size=(1, 1000))
    critical = critical_C(
        csr_array(X) if sparse else X,
        lambda chosen: (y, y),
        1,
        np.ones(1000),
        fit_intercept=True,
    )
    assert critical == np.inf
