"""Atom updates are those of block coordinate descent."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from skexperts._kernels.dictionary import update_atoms
from skexperts._numeric.dictionary import Statistics, learn_from, replace_atoms


def problem(n_atoms, n_features, dtype=np.float64):
    rng = np.random.default_rng(0)
    codes = rng.normal(size=(300, n_atoms)) * (rng.random((300, n_atoms)) < 0.2)
    X = rng.normal(size=(300, n_features))
    D = rng.normal(size=(n_atoms, n_features))
    D /= np.linalg.norm(D, axis=1, keepdims=True)
    return codes.astype(dtype), X.astype(dtype), D.astype(dtype)


@pytest.mark.parametrize("n_atoms", [1, 5, 31, 32, 33, 80])
@pytest.mark.parametrize(("dtype", "atol"), [(np.float64, 1e-10), (np.float32, 1e-3)])
def test_atoms_are_updated_one_after_the_other(n_atoms, dtype, atol):
    codes, X, D = problem(n_atoms, 7, dtype)
    A, B = codes.T @ codes, codes.T @ X
    expected = D.copy()
    for j in range(n_atoms):
        if A[j, j] > 0:
            atom = expected[j] + (B[j] - A[j] @ expected) / A[j, j]
            expected[j] = atom / max(1.0, np.linalg.norm(atom))
    update_atoms(A, B, D)
    np.testing.assert_allclose(D, expected, atol=atol)


def test_an_atom_that_no_row_uses_stays():
    codes, X, D = problem(5, 7)
    codes[:, 2] = 0
    before = D[2].copy()
    update_atoms(codes.T @ codes, codes.T @ X, D)
    np.testing.assert_array_equal(D[2], before)


def test_rounds_lower_the_error():
    codes, X, D = problem(40, 12)
    A, B = codes.T @ codes, codes.T @ X
    errors = []
    for _ in range(5):
        errors.append(((X - codes @ D) ** 2).sum())
        update_atoms(A, B, D)
    assert (np.diff(errors) < 0).all()
    assert (np.linalg.norm(D, axis=1) <= 1 + 1e-12).all()


@pytest.mark.parametrize("container", [np.asarray, csr_array])
def test_weights_count_as_repetitions(container):
    codes, X, D = problem(6, 4)
    weights = np.random.default_rng(1).integers(1, 4, 300)
    repeated = np.repeat(np.arange(300), weights)
    results = []
    for rows, w in ((np.arange(300), weights.astype(float)), (repeated, None)):
        atoms, statistics = D.copy(), Statistics.start(D)
        batch = container(X[rows]), csr_array(codes[rows])
        for _ in range(3):
            learn_from(statistics, atoms, *batch, w, memory=1000.0)
        results.append(atoms)
        assert statistics.weight == 1000.0
    np.testing.assert_allclose(*results)


def test_replaced_atoms_have_no_past():
    codes, X, D = problem(6, 4)
    statistics = Statistics.start(D)
    learn_from(statistics, D, X, csr_array(codes), None, np.inf)
    kept = statistics.copy()
    replace_atoms(statistics, D, np.array([1, 3]), X[:2])
    np.testing.assert_array_equal(D[[1, 3]], X[:2])
    assert not statistics.codes[[1, 3]].any()
    assert not statistics.codes[:, [1, 3]].any()
    assert not statistics.products[[1, 3]].any()
    np.testing.assert_array_equal(
        statistics.codes[np.ix_([0, 2], [0, 2])], kept.codes[np.ix_([0, 2], [0, 2])]
    )
