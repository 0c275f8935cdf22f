"""Losses of a combination: values by their definitions, derivatives by differences."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from skexperts._numeric.losses import (
    LOSSES,
    combined_gradient,
    combined_hessian,
)

seeds = st.integers(0, 2**32 - 1)


def problem(name, seed, n_experts=4, n=30):
    """Arguments of a combined loss at a point away from its kinks."""
    rng = np.random.default_rng(seed)
    alpha = rng.dirichlet(np.ones(n_experts))
    weights = rng.dirichlet(np.ones(n))
    if name == "log_loss":
        return alpha, rng.uniform(0.05, 1, (n_experts, n)), np.ones(n), weights
    outputs = rng.normal(size=(n_experts, n))
    if name == "squared_error":
        return alpha, outputs, rng.normal(size=n), weights
    y = rng.choice([-1.0, 1.0], size=n)
    near = np.abs(1.0 - y * (alpha @ outputs)) < 1e-3
    outputs[:, near] *= 2.0
    return alpha, outputs, y, weights


def combined_value(loss, alpha, outputs, targets, weights):
    return weights @ loss.value(alpha @ outputs, targets)


def central_differences(function, alpha, step=1e-6):
    steps = step * np.eye(len(alpha))
    return np.array(
        [(function(alpha + e) - function(alpha - e)) / (2 * step) for e in steps]
    )


@pytest.mark.parametrize("name", LOSSES)
@given(seed=seeds)
def test_gradient_is_the_slope_of_the_value(name, seed):
    alpha, *rest = problem(name, seed)
    slope = central_differences(lambda a: combined_value(LOSSES[name], a, *rest), alpha)
    gradient = combined_gradient(LOSSES[name], alpha, *rest)
    np.testing.assert_allclose(gradient, slope, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", LOSSES)
@given(seed=seeds)
def test_hessian_is_the_slope_of_the_gradient(name, seed):
    alpha, *rest = problem(name, seed)
    slope = central_differences(
        lambda a: combined_gradient(LOSSES[name], a, *rest), alpha
    )
    hessian = combined_hessian(LOSSES[name], alpha, *rest)
    np.testing.assert_allclose(hessian, slope, rtol=1e-4, atol=1e-5)
    assert np.linalg.eigvalsh(hessian).min() > -1e-12


@pytest.mark.parametrize("name", LOSSES)
@given(seed=seeds, t=st.floats(0, 1))
def test_losses_are_convex(name, seed, t):
    alpha, *rest = problem(name, seed)
    beta = np.random.default_rng(seed).dirichlet(np.ones(len(alpha)))
    at = [combined_value(LOSSES[name], a, *rest) for a in (alpha, beta)]
    between = combined_value(LOSSES[name], t * alpha + (1 - t) * beta, *rest)
    assert between <= t * at[0] + (1 - t) * at[1] + 1e-12


def test_values_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    weights = rng.dirichlet(np.ones(40))
    y = rng.integers(0, 2, size=40)
    p = rng.uniform(0.01, 0.99, size=40)
    true_class = np.where(y == 1, p, 1 - p)
    assert weights @ LOSSES["log_loss"].value(true_class, np.ones(40)) == pytest.approx(
        metrics.log_loss(y, p, sample_weight=weights)
    )
    assert weights @ LOSSES["squared_error"].value(p, y) == pytest.approx(
        metrics.brier_score_loss(y, p, sample_weight=weights)
    )
    margins = rng.normal(size=40)
    hinge = np.sqrt(LOSSES["squared_hinge"].value(margins, 2 * y - 1))
    assert weights @ hinge == pytest.approx(
        metrics.hinge_loss(y, margins, sample_weight=weights)
    )


def test_the_kink_of_the_squared_hinge_is_flat():
    at_one = LOSSES["squared_hinge"].curvature(np.array([1.0, 0.9]), np.ones(2))
    np.testing.assert_array_equal(at_one, [0, 2])
