import numpy as np
import pytest
from scipy.optimize import approx_fprime
from scipy.sparse import csr_array
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from skexperts._numeric.linear_gates import (
    cell_loss,
    competence_loss,
    fit_linear_gates,
    objective,
    share_loss,
    sigmoid_loss,
    standardise,
)


def make_problem(sparse, seed=0, n_rows=60, n_features=4, n_experts=3):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, n_features)) * [1, 3, 0.1, 2] + [0, 5, 0, -1]
    if sparse:
        X[rng.random(X.shape) < 0.5] = 0
        X = csr_array(X)
    cells = rng.integers(n_experts, size=n_rows)
    weights = rng.uniform(size=n_rows)
    return X, cells, weights / weights.sum(), rng.uniform(size=(n_rows, n_experts))


def losses(cells, competence):
    holes = np.where(competence > 0.8, 0, competence)
    holes[:, 2] = 0.5
    with np.errstate(divide="ignore"):
        logs = np.log(holes)
    return {
        "cells": (cell_loss, cells),
        "competence": (competence_loss, logs),
        "sigmoid of cells": (sigmoid_loss, cells),
        "sigmoid": (sigmoid_loss, competence),
        "shares": (share_loss, competence / competence.sum(axis=1, keepdims=True)),
    }


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("name", losses(np.zeros(1, dtype=int), np.ones((1, 3))))
def test_gradient_is_the_derivative_of_the_value(name, sparse):
    X, cells, weights, competence = make_problem(sparse)
    columns = standardise(X, weights)
    blocks = [(slice(0, 35), columns.X[:35]), (slice(35, 60), columns.X[35:])]
    parameters = np.random.default_rng(1).normal(size=3 * 5)
    center = np.random.default_rng(2).normal(size=(3, 4))
    chosen = losses(cells, competence)[name]
    arguments = blocks, columns.shift, weights, 0.3, center, *chosen
    _, gradient = objective(parameters, *arguments)
    expected = approx_fprime(parameters, lambda p: objective(p, *arguments)[0], 1e-7)
    np.testing.assert_allclose(gradient, expected, atol=1e-6)


@pytest.mark.parametrize("sparse", [False, True])
def test_objective_is_the_formula(sparse):
    X, cells, weights, competence = make_problem(sparse)
    columns = standardise(X, weights)
    parameters = np.random.default_rng(1).normal(size=(3, 5))
    dense = X.toarray() if sparse else X
    scaled = StandardScaler().fit(dense, sample_weight=weights).transform(dense)
    gates = np.exp(scaled @ parameters[:, :4].T + parameters[:, 4])
    opened = gates / (1 + gates)
    gates /= gates.sum(axis=1, keepdims=True)
    logs = {
        "cells": np.log(gates[np.arange(60), cells]),
        "competence": np.log((gates * competence).sum(axis=1)),
        "shares": np.average(np.log(gates), weights=competence, axis=1),
        "sigmoid": (
            competence * np.log(opened) + (1 - competence) * np.log(1 - opened)
        ).sum(axis=1),
    }
    fits = losses(cells, competence) | {
        "competence": (competence_loss, np.log(competence))
    }
    center = np.random.default_rng(2).normal(size=(3, 4))
    for name, log in logs.items():
        blocks = [(slice(0, 60), columns.X)]
        value, _ = objective(
            parameters.ravel(), blocks, columns.shift, weights, 0.3, center, *fits[name]
        )
        expected = 0.15 * ((parameters[:, :4] - center) ** 2).sum() - weights @ log
        assert value == pytest.approx(expected)


def test_competence_of_one_expert_is_its_cell():
    logits = np.random.default_rng(0).normal(size=(9, 3)) * 50
    cells = np.arange(9) % 3
    with np.errstate(divide="ignore"):
        competence = np.log(np.eye(3)[cells])
    for one, other in zip(
        cell_loss(logits.copy(), cells),
        competence_loss(logits.copy(), competence),
        strict=True,
    ):
        np.testing.assert_allclose(one, other, atol=1e-12)


@pytest.mark.parametrize("name", losses(np.zeros(1, dtype=int), np.ones((1, 3))))
def test_losses_of_extreme_logits_are_finite(name):
    logits = np.array([[1e300, -1e300, 0.0], [-1e300, 1e300, 1e300], [800, -800, 0]])
    loss, targets = losses(np.array([1, 0, 2]), np.full((3, 3), 0.5))[name]
    values, forces = loss(logits, targets)
    assert np.isfinite(values).all()
    assert np.isfinite(forces).all()
    assert np.abs(forces).max() <= 1


@pytest.mark.parametrize("sparse", [False, True])
def test_standardised_columns(sparse):
    X, _, weights, _ = make_problem(sparse)
    columns = standardise(X, weights)
    dense = X.toarray() if sparse else X
    scaler = StandardScaler().fit(dense, sample_weight=weights)
    np.testing.assert_allclose(columns.mean, scaler.mean_)
    np.testing.assert_allclose(columns.scale, scaler.scale_)
    stored = columns.X.toarray() if sparse else columns.X
    np.testing.assert_allclose(stored - columns.shift, scaler.transform(dense))


@pytest.mark.parametrize("constant", [0.1, 1e6, 0.0])
def test_a_constant_column_has_no_part(constant):
    X = np.full((7, 1), constant)
    for rows in (X, csr_array(X)):
        columns = standardise(rows, np.full(7, 1 / 7))
        assert columns.scale == np.inf
        assert abs(columns.X).max() == 0
        assert columns.shift == 0


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("C", [0.05, 5.0])
def test_optimum_is_that_of_logistic_regression(C, seed, sparse):
    X, cells, weights, _ = make_problem(sparse, seed)
    columns = standardise(X, weights)
    start = np.zeros((3, 5))
    gates = fit_linear_gates(
        columns, weights, 1 / (60 * C), cell_loss, cells, start, 1e-9, 5000
    )
    dense = X.toarray() if sparse else X
    scaled = (dense - columns.mean) / columns.scale
    expected = LogisticRegression(C=C, tol=1e-10, max_iter=5000)
    expected.fit(scaled, cells, sample_weight=60 * weights)
    np.testing.assert_allclose(gates.coef * columns.scale, expected.coef_, atol=1e-5)
    logits = dense @ gates.coef.T + gates.intercept
    gap = logits - expected.decision_function(scaled)
    np.testing.assert_allclose(gap - gap.mean(), 0, atol=1e-5)
