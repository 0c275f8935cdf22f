"""Weights of experts on top of a routing, against differences and plain loops."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.sparse import csr_array

from skexperts._numeric.expert_alpha import fit_expert_alpha, reweight
from skexperts._numeric.routing import route_top_k

LOSSES = ["log_loss", "squared_error", "squared_hinge"]


def problem(seed, loss, n_rows=40, n_experts=4, top_k=2):
    rng = np.random.default_rng(seed)
    routing = route_top_k(rng.uniform(size=(n_rows, n_experts)), top_k)
    truth = rng.integers(3, size=n_rows)
    rows = np.repeat(np.arange(n_rows), np.diff(routing.indptr))
    skill = np.linspace(0.1, 2.0, n_experts)[routing.indices]
    outputs = rng.normal(size=(routing.nnz, 3))
    outputs[np.arange(routing.nnz), truth[rows]] += skill
    targets = (truth[:, None] == np.arange(3)).astype(float)
    if loss == "log_loss":
        outputs = np.exp(outputs) / np.exp(outputs).sum(axis=1, keepdims=True)
    elif loss == "squared_hinge":
        targets = 2 * targets - 1
    return routing, outputs, targets, rng.uniform(0.1, 3, size=n_rows)


def mean_loss(alpha, routing, outputs, targets, weights, loss):
    """The objective in plain loops."""
    total = 0.0
    for i in range(routing.shape[0]):
        pairs = range(routing.indptr[i], routing.indptr[i + 1])
        v = np.array([routing.data[p] * alpha[routing.indices[p]] for p in pairs])
        z = sum(v[a] / v.sum() * outputs[p] for a, p in enumerate(pairs))
        if loss == "log_loss":
            total += weights[i] * -np.log(z[targets[i] == 1][0])
        elif loss == "squared_error":
            total += weights[i] * ((z - targets[i]) ** 2).sum()
        else:
            total += weights[i] * (np.maximum(0, 1 - targets[i] * z) ** 2).sum()
    return total / weights.sum()


@pytest.mark.parametrize("loss", LOSSES)
@settings(max_examples=4, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_alpha_is_stationary_and_not_worse_than_equal_weights(loss, seed):
    routing, outputs, targets, weights = problem(seed, loss)
    options = {"loss": loss, "tol": 1e-9, "max_iter": 500}
    alpha, _ = fit_expert_alpha(routing, outputs, targets, weights, **options)
    assert alpha.min() >= 0 and alpha.sum() == pytest.approx(1)
    data = (routing, outputs, targets, weights, loss)
    reached = mean_loss(alpha, *data)
    assert reached <= mean_loss(np.full(4, 0.25), *data) + 1e-12

    def in_logs(theta):
        return mean_loss(np.exp(theta - theta.max()), *data)

    # No descent from there: a plain search by differences finds nothing better.
    theta = np.log(np.maximum(alpha, 1e-13))
    found = minimize(in_logs, theta, bounds=[(t - 0.5, t + 0.5) for t in theta])
    assert found.fun >= reached - 1e-5 * abs(reached)


def test_the_better_of_two_experts_gets_the_weight():
    n_rows = 50
    routing = csr_array(np.full((n_rows, 2), 0.5))
    y = np.linspace(-1, 1, n_rows)[:, None]
    outputs = np.empty((2 * n_rows, 1))
    outputs[::2], outputs[1::2] = y, y + 3.0
    alpha, n_iter = fit_expert_alpha(
        routing, outputs, y, None, loss="squared_error", tol=1e-10, max_iter=200
    )
    assert alpha[0] > 0.999 and n_iter > 0


def test_an_expert_without_rows_changes_nothing():
    routing, outputs, targets, weights = problem(0, "squared_error")
    wider = csr_array((routing.data, routing.indices, routing.indptr), shape=(40, 5))
    options = {"loss": "squared_error", "tol": 1e-10, "max_iter": 500}
    alpha, _ = fit_expert_alpha(routing, outputs, targets, weights, **options)
    more, _ = fit_expert_alpha(wider, outputs, targets, weights, **options)
    np.testing.assert_allclose(more[:4] / more[:4].sum(), alpha, rtol=1e-4)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n_zero=st.integers(0, 5))
def test_reweighted_rows_sum_to_one(seed, n_zero):
    rng = np.random.default_rng(seed)
    routing = route_top_k(rng.uniform(size=(30, 5)), 3)
    alpha = rng.uniform(size=5)
    alpha[:n_zero] = 0
    weighted = reweight(routing, alpha).toarray()
    np.testing.assert_allclose(weighted.sum(axis=1), 1)
    for given_row, row in zip(routing.toarray(), weighted, strict=True):
        product = given_row * alpha
        expected = product / product.sum() if product.any() else given_row
        np.testing.assert_allclose(row, expected, atol=1e-15)


def test_equal_alpha_leaves_a_routing_as_it_is():
    routing = route_top_k(np.random.default_rng(0).uniform(size=(30, 5)), 3)
    weighted = reweight(routing, np.full(5, 0.2))
    np.testing.assert_allclose(weighted.data, routing.data, rtol=1e-15)
