"""The gradient in the atoms is that of the loss; heads are at their minimum."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from skexperts._kernels.task_driven import solve_on_supports
from skexperts._numeric.coding import join_codes, lasso_codes, squared_norms
from skexperts._numeric.task_driven import (
    ROW_LOSSES,
    Descent,
    Head,
    dictionary_gradient,
    into_ball,
    solve_head,
)

L1, L2 = 0.3, 0.05
N_ROWS, N_FEATURES, N_ATOMS = 25, 7, 11


def targets_of(loss, n_outputs, rng):
    if loss == "squared_error":
        return rng.normal(size=(N_ROWS, n_outputs))
    if loss == "squared_hinge":
        return rng.choice([-1.0, 1.0], size=(N_ROWS, n_outputs))
    if n_outputs == 1:
        return rng.random((N_ROWS, 1))
    return rng.dirichlet(np.ones(n_outputs), size=N_ROWS)


def make(seed, loss, n_outputs=3):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(N_ROWS, N_FEATURES))
    atoms = into_ball(rng.normal(size=(N_ATOMS, N_FEATURES)))
    head = Head(rng.normal(size=(n_outputs, N_ATOMS)), rng.normal(size=n_outputs))
    return X, atoms, head, targets_of(loss, n_outputs, rng)


def codes_of(X, atoms, positive=False, tol=1e-13, l2=L2):
    arrays = lasso_codes(
        X @ atoms.T,
        squared_norms(X),
        atoms @ atoms.T,
        X.shape[1],
        l1=L1,
        l2=l2,
        positive=positive,
        tol=tol,
        max_iter=1000,
    ).arrays
    return join_codes([arrays], len(atoms))


def loss_and_gradient(X, atoms, head, targets, loss, positive, l2=L2):
    codes = codes_of(X, atoms, positive, l2=l2)
    values, slopes = ROW_LOSSES[loss](head.scores(codes), targets)
    gradient = dictionary_gradient(
        X, atoms, codes, slopes @ head.coef, atoms @ atoms.T, l2
    )
    return values.sum(), gradient, codes


@pytest.mark.parametrize("loss", sorted(ROW_LOSSES))
@pytest.mark.parametrize("positive", [False, True])
@settings(max_examples=20, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n_outputs=st.integers(1, 4),
    l2=st.sampled_from([0.0, 0.05, 1.0]),
)
def test_gradient_agrees_with_finite_differences(loss, positive, seed, n_outputs, l2):
    X, atoms, head, targets = make(seed, loss, n_outputs)
    way = np.random.default_rng(seed + 1).normal(size=atoms.shape)
    step = 1e-6
    options = targets, loss, positive, l2
    _, gradient, codes = loss_and_gradient(X, atoms, head, *options)
    ends = [
        loss_and_gradient(X, atoms + sign * step * way, head, *options)
        for sign in (1, -1)
    ]
    supports = [end[2] for end in ends] + [codes]
    same = all(
        np.array_equal(each.indices, codes.indices)
        and np.array_equal(each.indptr, codes.indptr)
        for each in supports
    )
    if not same:
        # Where a support changes there is no gradient.
        return
    slope = (ends[0][0] - ends[1][0]) / (2 * step)
    scale = np.linalg.norm(gradient) * np.linalg.norm(way)
    assert abs(slope - (gradient * way).sum()) <= 1e-5 * scale + 1e-7


@pytest.mark.parametrize("loss", sorted(ROW_LOSSES))
def test_a_step_against_the_gradient_lowers_the_loss(loss):
    X, atoms, head, targets = make(3, loss)
    value, gradient, _ = loss_and_gradient(X, atoms, head, targets, loss, False)
    step = 1e-3 / np.abs(gradient).max()
    lower, *_ = loss_and_gradient(
        X, atoms - step * gradient, head, targets, loss, False
    )
    assert lower < value


@pytest.mark.parametrize(("dtype", "rtol"), [(np.float64, 1e-9), (np.float32, 2e-3)])
def test_gradient_of_sparse_rows_is_that_of_dense_ones(dtype, rtol):
    X, atoms, _, _ = make(0, "squared_error")
    X = np.where(np.abs(X) < 0.8, 0, X).astype(dtype)
    atoms = atoms.astype(dtype)
    codes = codes_of(X, atoms, tol=1e-6)
    slopes = np.random.default_rng(0).normal(size=codes.shape).astype(dtype)
    gram = atoms @ atoms.T
    dense = dictionary_gradient(X, atoms, codes, slopes, gram, L2)
    sparse = dictionary_gradient(csr_array(X), atoms, codes, slopes, gram, L2)
    assert dense.dtype == sparse.dtype == dtype
    np.testing.assert_allclose(sparse, dense, rtol=rtol, atol=rtol)


def test_systems_on_supports_are_solved():
    X, atoms, _, _ = make(1, "squared_error")
    codes = codes_of(X, atoms)
    gram = atoms @ atoms.T
    wanted = np.random.default_rng(1).normal(size=codes.nnz)
    found = wanted.copy()
    solve_on_supports(codes.indices, codes.indptr, gram, L2, found)
    for first, last in zip(codes.indptr, codes.indptr[1:], strict=False):
        own = codes.indices[first:last]
        system = gram[np.ix_(own, own)] + L2 * np.eye(len(own))
        np.testing.assert_allclose(system @ found[first:last], wanted[first:last])


def test_equal_atoms_give_a_finite_solution():
    gram = np.ones((2, 2))
    found = np.array([1.0, 2.0])
    places = np.array([0, 1], dtype=np.int32), np.array([0, 2], dtype=np.int32)
    solve_on_supports(*places, gram, 0.0, found)
    assert np.isfinite(found).all()


def test_rows_without_a_code_have_no_gradient():
    X, atoms, _, _ = make(2, "squared_error")
    codes = codes_of(0 * X, atoms)
    assert codes.nnz == 0
    slopes = np.ones(codes.shape)
    gradient = dictionary_gradient(0 * X, atoms, codes, slopes, atoms @ atoms.T, L2)
    assert not gradient.any()


@pytest.mark.parametrize("loss", sorted(ROW_LOSSES))
@pytest.mark.parametrize("n_outputs", [1, 3])
@pytest.mark.parametrize("unit", [1.0, 20.0])
def test_no_direction_leads_down_from_the_best_head(loss, n_outputs, unit):
    X, atoms, head, targets = make(4, loss, n_outputs)
    codes, l2 = codes_of(X, atoms), 0.01
    shares = np.random.default_rng(4).random(N_ROWS)
    shares /= shares.sum()
    best = solve_head(codes, targets, shares, loss, l2, head, unit)

    def objective(head):
        values, _ = ROW_LOSSES[loss](head.scores(codes), targets)
        return shares @ values + l2 / 2 * (head.coef**2).sum()

    rng = np.random.default_rng(5)
    for size in (1e-2, 1e-1, 1.0):
        moves = (size * rng.normal(size=each.shape) for each in best)
        other = Head(*(a + b for a, b in zip(best, moves, strict=True)))
        assert objective(other) > objective(best)


@given(st.integers(0, 2**32 - 1), st.floats(0.01, 100))
def test_atoms_come_into_the_ball_by_the_shortest_way(seed, scale):
    atoms = scale * np.random.default_rng(seed).normal(size=(5, 3))
    norms = np.linalg.norm(atoms, axis=1)
    inside = into_ball(atoms)
    np.testing.assert_allclose(np.linalg.norm(inside, axis=1), np.minimum(norms, 1))
    np.testing.assert_allclose(inside * np.maximum(norms, 1)[:, None], atoms)


def test_the_first_steps_have_the_length_of_the_rate():
    parameters = [np.zeros(3), np.zeros((2, 2))]
    gradients = [np.array([1.0, -5.0, 0.0]), np.full((2, 2), 1e-3)]
    descent = Descent.start(*parameters)
    descent, (vector, matrix) = descent.step(parameters, gradients, [0.1, 0.2])
    np.testing.assert_allclose(vector, [-0.1, 0.1, 0.0])
    np.testing.assert_allclose(matrix, -0.2)
    again, _ = descent.step([vector, matrix], gradients, [0.1, 0.2])
    assert (descent.n_steps, again.n_steps) == (1, 2)
