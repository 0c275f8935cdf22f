"""Quadratic programs on the simplex, by their optimality conditions."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from skexperts._numeric.simplex import solve_simplex_qp

seeds = st.integers(0, 2**32 - 1)


def vectors(limit=1e6):
    return arrays(float, st.integers(1, 12), elements=st.floats(-limit, limit))


def on_simplex(x):
    return (x >= 0).all() and abs(x.sum() - 1.0) <= 1e-12


def relative_gap(hessian, linear, x):
    """Wolfe gap of the quadratic program, in units of its numbers."""
    gradient = hessian @ x + linear
    unit = np.abs(hessian).max() + np.abs(linear).max()
    return (gradient @ x - gradient.min()) / max(unit, 1e-300)


@given(seeds, st.integers(1, 9), st.integers(0, 10), st.booleans())
def test_quadratic_programs_of_every_rank_are_solved(seed, n, rank, warm):
    rng = np.random.default_rng(seed)
    factor = rng.normal(size=(rank, n)) * 10.0 ** rng.integers(-3, 4)
    hessian = factor.T @ factor
    linear = rng.normal(size=n) * 10.0 ** rng.integers(-3, 4)
    start = rng.dirichlet(np.ones(n)) if warm else None
    x = solve_simplex_qp(hessian, linear, start)
    assert on_simplex(x)
    assert relative_gap(hessian, linear, x) <= 1e-12


@given(seeds, st.integers(1, 6), st.integers(1, 7))
def test_small_integers_make_ties_and_are_solved(seed, n, rank):
    rng = np.random.default_rng(seed)
    factor = rng.integers(-2, 3, size=(rank, n)).astype(float)
    linear = rng.integers(-2, 3, size=n).astype(float)
    hessian = factor.T @ factor
    x = solve_simplex_qp(hessian, linear)
    assert on_simplex(x)
    assert relative_gap(hessian, linear, x) <= 1e-12


def brute_force(hessian, linear):
    """Lowest value over the minima of all faces."""
    n = len(linear)
    values = []
    for size in range(1, n + 1):
        for face in map(list, itertools.combinations(range(n), size)):
            system = np.ones((size + 1, size + 1))
            system[:size, :size] = hessian[np.ix_(face, face)]
            system[-1, -1] = 0.0
            right = np.append(-linear[face], 1.0)
            part = np.linalg.lstsq(system, right, rcond=None)[0][:size]
            if (part >= -1e-12).all() and abs(part.sum() - 1.0) < 1e-9:
                x = np.zeros(n)
                x[face] = part
                values.append(0.5 * x @ hessian @ x + linear @ x)
    return min(values)


@given(seeds, st.integers(1, 5))
def test_quadratic_program_against_all_faces(seed, n):
    rng = np.random.default_rng(seed)
    factor = rng.normal(size=(n + 1, n))
    hessian, linear = factor.T @ factor, rng.normal(size=n)
    x = solve_simplex_qp(hessian, linear)
    value = 0.5 * x @ hessian @ x + linear @ x
    assert value == pytest.approx(brute_force(hessian, linear), abs=1e-10)


def test_without_curvature_the_best_vertex_wins():
    x = solve_simplex_qp(np.zeros((3, 3)), np.array([2.0, -1.0, 0.0]))
    np.testing.assert_array_equal(x, [0, 1, 0])


def test_a_tie_leaves_the_start_alone():
    x = solve_simplex_qp(np.zeros((2, 2)), np.zeros(2))
    np.testing.assert_array_equal(x, [1, 0])
    start = np.array([0.25, 0.75])
    x = solve_simplex_qp(np.ones((2, 2)), np.ones(2), start)
    np.testing.assert_array_equal(x, start)


def test_many_coordinates():
    rng = np.random.default_rng(0)
    factor = rng.normal(size=(300, 120))
    truth = np.zeros(120)
    truth[:10] = 0.1
    hessian = factor.T @ factor
    linear = -factor.T @ (factor @ truth + rng.normal(size=300))
    for start in (None, np.full(120, 1 / 120)):
        x = solve_simplex_qp(hessian, linear, start)
        assert on_simplex(x)
        assert relative_gap(hessian, linear, x) <= 1e-12
        assert np.count_nonzero(x) < 60
