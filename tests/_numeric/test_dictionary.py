"""Atom updates are those of block coordinate descent."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from skexperts._kernels.dictionary import update_atoms
from skexperts._numeric.dictionary import Statistics, replace_atoms


def problem(n_atoms, n_features, dtype=np.float64):
    rng = np.random.default_rng(0)
    codes = rng.normal(size=(300, n_atoms)) * (rng.random((300, n_atoms)) < 0.2)
    X = rng.normal(size=(300, n_features))
    D = rng.normal(size=(n_atoms, n_features))
    D /= np.linalg.norm(D, axis=1, keepdims=True)
    return codes.astype(dtype), X.astype(dtype), D.astype(dtype)


@pytest.mark.parametrize("n_atoms", [1, 5, 15, 16, 17, 80])
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


def arrays(codes):
    codes = csr_array(codes)
    return codes.data, codes.indices, codes.indptr


@pytest.mark.parametrize("container", [np.asarray, csr_array])
@pytest.mark.parametrize(("dtype", "rtol"), [(np.float64, 1e-12), (np.float32, 1e-4)])
@pytest.mark.parametrize("weighted", [False, True])
def test_sums_are_those_of_the_codes(container, dtype, rtol, weighted):
    codes, X, D = problem(6, 4, dtype)
    codes[0] = X[1] = codes[:, 4] = 0
    weights = np.random.default_rng(1).random(300) if weighted else None
    statistics = Statistics.start(D).decayed(300.0, np.inf)
    for rows in (slice(0, 200), slice(200, 300)):
        chosen = None if weights is None else weights[rows]
        statistics.add(container(X[rows]), arrays(codes[rows]), chosen)
    scaled = codes.T * (1 if weights is None else weights)
    np.testing.assert_allclose(statistics.codes, scaled @ codes, rtol, atol=rtol)
    np.testing.assert_allclose(statistics.products, scaled @ X, rtol, atol=rtol)
    np.testing.assert_array_equal(statistics.idle, [0, 0, 0, 0, 300, 0])


def test_decayed_sums_share_nothing():
    codes, X, D = problem(6, 4)
    before = Statistics.start(D).decayed(300.0, np.inf)
    before.add(X, arrays(codes), None)
    kept = before.codes.copy(), before.products.copy(), before.idle.copy()
    after = before.decayed(300.0, np.inf)
    assert 0 < after.codes[0, 0] < 0.5 * before.codes[0, 0]
    after.add(X, arrays(codes), None)
    sums = before.codes, before.products, before.idle
    for now, then in zip(sums, kept, strict=True):
        np.testing.assert_array_equal(now, then)


@pytest.mark.parametrize("container", [np.asarray, csr_array])
def test_weights_count_as_repetitions(container):
    codes, X, D = problem(6, 4)
    weights = np.random.default_rng(1).integers(1, 4, 300)
    repeated = np.repeat(np.arange(300), weights)
    results = []
    for rows, w in ((np.arange(300), weights.astype(float)), (repeated, None)):
        atoms, statistics = D.copy(), Statistics.start(D)
        for _ in range(3):
            added = float(len(rows) if w is None else w.sum())
            statistics = statistics.decayed(added, memory=1000.0)
            statistics.add(container(X[rows]), arrays(codes[rows]), w)
            statistics.improve(atoms)
        results.append(atoms)
        assert statistics.weight == 1000.0
    np.testing.assert_allclose(*results)


def test_replaced_atoms_have_no_past():
    codes, X, D = problem(6, 4)
    statistics = Statistics.start(D).decayed(300.0, np.inf)
    statistics.add(X, arrays(codes), None)
    kept = statistics.codes.copy()
    replace_atoms(statistics, D, np.array([1, 3]), X[:2])
    np.testing.assert_array_equal(D[[1, 3]], X[:2])
    assert not statistics.codes[[1, 3]].any()
    assert not statistics.codes[:, [1, 3]].any()
    assert not statistics.products[[1, 3]].any()
    np.testing.assert_array_equal(
        statistics.codes[np.ix_([0, 2], [0, 2])], kept[np.ix_([0, 2], [0, 2])]
    )
