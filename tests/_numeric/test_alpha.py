"""Learned alpha: optimality against other solvers, limit cases and invariances."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from sklearn.exceptions import ConvergenceWarning

from skexperts._numeric.alpha import _line_search, fit_alpha
from skexperts._numeric.losses import LOSSES, PROBABILITY_FLOOR, Loss

NAMES = list(LOSSES)
seeds = st.integers(0, 2**32 - 1)


def problem(name, seed, n_experts=3, n=40, n_classes=3):
    """Outputs of experts that are good on different rows, and targets."""
    rng = np.random.default_rng(seed)
    one_hot = np.eye(n_classes)[rng.integers(0, n_classes, size=n)]
    skill = 0.9 * rng.beta(0.4, 0.6, size=(n_experts, n, 1))
    noise = rng.dirichlet(np.full(n_classes, 0.5), size=(n_experts, n))
    outputs = skill * one_hot + (1 - skill) * noise
    if name == "squared_hinge":
        return 2 * outputs - 1, 2 * one_hot - 1
    return outputs, one_hot


def loss_of(name, beta, outputs, targets, weights=None):
    """Mean loss of a row, written down once more."""
    z = np.tensordot(beta, outputs, axes=1)
    weights = np.ones(len(z)) if weights is None else weights
    if name == "log_loss":
        row = -np.log(np.maximum((z * targets).sum(axis=1), PROBABILITY_FLOOR))
    elif name == "squared_error":
        row = ((z - targets) ** 2).sum(axis=1)
    else:
        row = (np.maximum(0, 1 - z * targets) ** 2).sum(axis=1)
    return weights @ row / weights.sum()


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=30)
@given(seed=seeds, n_experts=st.integers(1, 6))
def test_no_other_solver_finds_less(name, seed, n_experts):
    outputs, targets = problem(name, seed, n_experts)
    fit = fit_alpha(outputs, targets, loss=name)
    assert (fit.alpha >= 0).all()
    assert fit.alpha.sum() == pytest.approx(1, abs=1e-12)
    ours = loss_of(name, fit.scale * fit.alpha, outputs, targets)
    free = name == "squared_hinge"
    other = minimize(
        lambda beta: loss_of(name, beta, outputs, targets),
        np.full(n_experts, 1 / n_experts),
        method="SLSQP",
        bounds=[(0, None)] * n_experts,
        constraints=[] if free else {"type": "eq", "fun": lambda b: b.sum() - 1},
        options={"ftol": 1e-13, "maxiter": 300},
    )
    assert ours <= other.fun + 1e-7


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("max_iter", [1, 2, 100])
@settings(max_examples=15)
@given(seed=seeds)
def test_the_gap_bounds_what_could_be_gained(name, max_iter, seed):
    outputs, targets = problem(name, seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        fit = fit_alpha(outputs, targets, loss=name, tol=0, max_iter=max_iter)
    ours = loss_of(name, fit.scale * fit.alpha, outputs, targets)
    steps = np.arange(21) / 20
    grid = [
        scale * np.array([a, b, 1 - a - b])
        for scale in (fit.scale, 2 * fit.scale, 0.5 * fit.scale)[
            : 1 + 2 * (name[-1] == "e")
        ]
        for a in steps
        for b in steps[steps <= 1 - a + 1e-12]
    ]
    best = min(loss_of(name, beta, outputs, targets) for beta in grid)
    assert ours - best <= fit.duality_gap + 1e-12


@pytest.mark.parametrize("name", NAMES)
def test_a_dense_grid_of_two_experts(name):
    outputs, targets = problem(name, seed=1, n_experts=2)
    fit = fit_alpha(outputs, targets, loss=name)
    grid = np.linspace(0, 1, 10_001)
    losses = [
        loss_of(name, fit.scale * np.array([a, 1 - a]), outputs, targets) for a in grid
    ]
    assert fit.alpha[0] == pytest.approx(grid[np.argmin(losses)], abs=2e-4)


def test_the_scale_is_the_best_scale():
    outputs, targets = problem("squared_hinge", seed=2)
    fit = fit_alpha(outputs, targets, loss="squared_hinge")
    losses = [
        loss_of("squared_hinge", s * fit.scale * fit.alpha, outputs, targets)
        for s in (0.99, 1.0, 1.01)
    ]
    assert losses[1] <= min(losses) + 1e-12


@pytest.mark.parametrize("factor", [1e-6, 1e-2, 1e6])
def test_the_scale_undoes_a_factor_of_all_margins(factor):
    outputs, targets = problem("squared_hinge", seed=3)
    fit = fit_alpha(outputs, targets, loss="squared_hinge")
    scaled = fit_alpha(factor * outputs, targets, loss="squared_hinge")
    assert scaled.scale * factor == pytest.approx(fit.scale, rel=1e-6)
    np.testing.assert_allclose(scaled.alpha, fit.alpha, atol=1e-6)


@pytest.mark.parametrize("name", ["log_loss", "squared_error"])
def test_the_scale_is_one_for_the_other_losses(name):
    assert fit_alpha(*problem(name, seed=0), loss=name).scale == 1.0


def test_margins_that_are_worse_than_none_get_scale_zero():
    _, targets = problem("squared_hinge", seed=4)
    fit = fit_alpha(np.stack([-targets, -2 * targets]), targets, loss="squared_hinge")
    assert fit.scale == 0.0
    np.testing.assert_array_equal(fit.alpha, [0.5, 0.5])
    assert fit.duality_gap == 0.0


# Limit cases --------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_a_perfect_expert_takes_all(name):
    outputs, targets = problem(name, seed=5)
    outputs[1] = targets
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit = fit_alpha(outputs, targets, loss=name)
    assert loss_of(name, fit.scale * fit.alpha, outputs, targets) <= 1e-12
    if name != "squared_hinge":  # whose loss is 0 for other scales and weights too
        np.testing.assert_allclose(fit.alpha, [0, 1, 0], atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_one_expert_has_weight_one(name):
    outputs, targets = problem(name, seed=6, n_experts=1)
    fit = fit_alpha(outputs, targets, loss=name)
    np.testing.assert_array_equal(fit.alpha, [1.0])
    if name != "squared_hinge":
        assert fit == (fit.alpha, 1.0, 0.0, 0)


@pytest.mark.parametrize("name", NAMES)
def test_identical_experts_share(name):
    outputs, targets = problem(name, seed=7)
    plain = fit_alpha(outputs, targets, loss=name)
    doubled = fit_alpha(outputs[[0, 1, 1, 2, 1]], targets, loss=name)
    np.testing.assert_allclose(doubled.alpha[[1, 2, 4]], plain.alpha[1] / 3, atol=1e-15)
    np.testing.assert_allclose(doubled.alpha[[0, 3]], plain.alpha[[0, 2]], atol=1e-15)


@pytest.mark.parametrize("name", NAMES)
def test_only_identical_experts_share_all(name):
    outputs, targets = problem(name, seed=8, n_experts=1)
    fit = fit_alpha(outputs[[0, 0, 0, 0]], targets, loss=name)
    np.testing.assert_array_equal(fit.alpha, np.full(4, 0.25))


@pytest.mark.parametrize("name", NAMES)
def test_collinear_experts_reach_the_same_loss(name):
    outputs, targets = problem(name, seed=9)
    between = 0.3 * outputs[0] + 0.7 * outputs[1]
    more = np.concatenate((outputs, between[None]))
    fits = [fit_alpha(o, targets, loss=name) for o in (outputs, more)]
    losses = [
        loss_of(name, fit.scale * fit.alpha, o, targets)
        for fit, o in zip(fits, (outputs, more), strict=True)
    ]
    assert losses[0] == pytest.approx(losses[1], abs=1e-9)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("constant", [0.0, 0.5])
def test_constant_outputs(name, constant):
    outputs, targets = problem(name, seed=10)
    outputs[:] = constant
    outputs[2, :, 0] += 0.1
    fit = fit_alpha(outputs, targets, loss=name)
    assert np.isfinite(fit.alpha).all() and np.isfinite(fit.scale)
    assert fit.alpha[0] == fit.alpha[1]


def test_a_row_no_expert_believes_in_changes_nothing():
    outputs, targets = problem("log_loss", seed=11)
    plain = fit_alpha(outputs, targets)
    hopeless = np.zeros((3, 1, 3))
    hopeless[:, 0, 0] = 1.0
    fit = fit_alpha(
        np.concatenate((outputs, hopeless), axis=1), np.vstack((targets, [0, 0, 1]))
    )
    np.testing.assert_allclose(fit.alpha, plain.alpha, atol=1e-5)
    assert np.isfinite(fit.duality_gap)


@settings(max_examples=50)
@given(seed=seeds, n_experts=st.integers(2, 6))
def test_votes_have_a_finite_log_loss(seed, n_experts):
    rng = np.random.default_rng(seed)
    targets = np.eye(3)[rng.integers(0, 3, size=30)]
    votes = np.eye(3)[rng.integers(0, 3, size=(n_experts, 30))]
    fit = fit_alpha(votes, targets)
    assert fit.alpha.sum() == pytest.approx(1) and fit.duality_gap < 1e-6


# Invariances --------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=15)
@given(seed=seeds)
def test_permuting_experts_permutes_alpha(name, seed):
    outputs, targets = problem(name, seed, n_experts=4)
    order = np.random.default_rng(seed).permutation(4)
    fits = [
        fit_alpha(o, targets, loss=name, tol=1e-11) for o in (outputs, outputs[order])
    ]
    betas = [fit.scale * fit.alpha for fit in fits]
    np.testing.assert_allclose(betas[1], betas[0][order], atol=1e-4)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=15)
@given(seed=seeds)
def test_weights_are_repetitions(name, seed):
    outputs, targets = problem(name, seed)
    times = np.random.default_rng(seed).integers(0, 4, size=len(targets))
    weighted = fit_alpha(outputs, targets, times.astype(float), loss=name, tol=1e-11)
    repeated = fit_alpha(
        outputs.repeat(times, axis=1),
        targets.repeat(times, axis=0),
        loss=name,
        tol=1e-11,
    )
    betas = [fit.scale * fit.alpha for fit in (weighted, repeated)]
    np.testing.assert_allclose(betas[0], betas[1], atol=1e-4)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("factor", [1e-300, 1e300])
def test_a_factor_of_all_weights_changes_nothing(name, factor):
    outputs, targets = problem(name, seed=12)
    fits = [
        fit_alpha(outputs, targets, w * np.ones(40), loss=name) for w in (1, factor)
    ]
    np.testing.assert_allclose(fits[0].alpha, fits[1].alpha, atol=1e-12)


def test_a_shift_of_outputs_and_targets_changes_nothing():
    rng = np.random.default_rng(13)
    y = rng.normal(size=(50, 1))
    outputs = y + rng.normal(size=(3, 50, 1))
    plain = fit_alpha(outputs, y, loss="squared_error")
    shifted = fit_alpha(outputs + 1e9, y + 1e9, loss="squared_error")
    np.testing.assert_allclose(shifted.alpha, plain.alpha, atol=1e-5)
    assert shifted.duality_gap < 1e-6


def test_the_unit_of_a_regression_changes_nothing():
    rng = np.random.default_rng(14)
    y = rng.normal(size=(50, 1))
    outputs = y + rng.normal(size=(3, 50, 1))
    plain = fit_alpha(outputs, y, loss="squared_error")
    for unit in (1e-90, 1e90):
        other = fit_alpha(unit * outputs, unit * y, loss="squared_error")
        np.testing.assert_allclose(other.alpha, plain.alpha, atol=1e-9)


def test_an_unconverged_fit_warns():
    outputs, targets = problem("log_loss", seed=15, n_experts=6)
    with pytest.warns(ConvergenceWarning, match="did not converge in 1 Newton steps"):
        fit = fit_alpha(outputs, targets, tol=1e-12, max_iter=1)
    assert fit.n_iter == 1
    assert fit.duality_gap > 0


def test_the_line_search_stops_before_a_kink():
    absolute = Loss(np.abs, lambda z, y: np.where(z < y, -1.0, 1.0), np.zeros_like)
    one = np.ones(1)
    step = _line_search(absolute, np.zeros(1), 3 * one, one, one)
    assert step == pytest.approx(1 / 3)


def test_inputs_are_not_written_to():
    for name in NAMES:
        outputs, targets = problem(name, seed=16)
        weights = np.ones(len(targets))
        for array in (outputs, targets, weights):
            array.flags.writeable = False
        fit_alpha(outputs, targets, weights, loss=name)
