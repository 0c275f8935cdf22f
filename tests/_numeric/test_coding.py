"""Codes are optimal, and what they claim about it is true."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import ElasticNet

from skexperts._numeric.coding import join_codes, lasso_codes, pursuit_codes


def make(seed, n_rows, n_atoms, n_features, structure, dtype=np.float64):
    rng = np.random.default_rng(seed)
    D = rng.normal(size=(n_atoms, n_features))
    if "duplicates" in structure:
        D[1::2] = D[: 2 * (n_atoms // 2) : 2]
    if "nearly equal" in structure:
        D[1::2] = D[: 2 * (n_atoms // 2) : 2] + 1e-6 * D[1::2]
    if "zero atom" in structure:
        D[0] = 0
    if "low rank" in structure:
        D = D[:, :1] * D[:1]
    if "scales" in structure:
        D *= np.geomspace(1e-2, 1e2, n_atoms)[:, None]
    X = rng.normal(size=(n_rows, n_features))
    X[0] = 0
    return X.astype(dtype), D.astype(dtype)


def code(X, D, **options):
    options = {
        "l2": 0.0,
        "positive": False,
        "tol": 1e-10,
        "max_iter": 1000,
    } | options
    norms = np.einsum("ij,ij->i", X, X, dtype=np.float64)
    return lasso_codes(X @ D.T, norms, D @ D.T, X.shape[1], **options)


def lasso(X, D, **options):
    codes = code(X, D, **options)
    return join_codes([codes.arrays], len(D)), codes.n_missed


def objectives(X, D, codes, l1, l2):
    X, D, codes = X.astype(float), D.astype(float), codes.toarray().astype(float)
    left = X - codes @ D
    return (
        0.5 * (left**2).sum(axis=1)
        + l1 * np.abs(codes).sum(axis=1)
        + 0.5 * l2 * (codes**2).sum(axis=1)
    )


def best_objectives(X, D, l1, l2, positive):
    model = ElasticNet(
        alpha=(l1 + l2) / X.shape[1],
        l1_ratio=l1 / (l1 + l2),
        fit_intercept=False,
        positive=positive,
        tol=1e-14,
        max_iter=200_000,
    )
    codes = np.array([model.fit(D.T, x).coef_ for x in X])
    left = X - codes @ D
    return (
        0.5 * (left**2).sum(axis=1)
        + l1 * np.abs(codes).sum(axis=1)
        + 0.5 * l2 * (codes**2).sum(axis=1)
    )


STRUCTURES = ["duplicates", "nearly equal", "zero atom", "low rank", "scales"]


@given(
    seed=st.integers(0, 10**6),
    shape=st.tuples(st.integers(1, 5), st.integers(1, 30), st.integers(1, 12)),
    structure=st.sets(st.sampled_from(STRUCTURES), max_size=2),
    share=st.floats(1e-3, 1.2),
    l2=st.sampled_from([0.0, 0.1]),
    positive=st.booleans(),
)
@pytest.mark.filterwarnings("ignore:Objective did not converge")
def test_no_objective_is_lower_by_more_than_the_gap(
    seed, shape, structure, share, l2, positive
):
    X, D = make(seed, *shape, structure)
    l1 = share * max(1e-3, np.abs(X @ D.T).max())
    norms = (X**2).sum(axis=1)
    for tol in (1e-2, 1e-8):
        codes, missed = lasso(X, D, l1=l1, l2=l2, positive=positive, tol=tol)
        assert missed == 0
        best = best_objectives(X, D, l1, l2, positive)
        assert (objectives(X, D, codes, l1, l2) <= best + 1.01 * tol * norms).all()
        assert not positive or codes.data.min(initial=0) >= 0
        assert codes.has_canonical_format
        assert codes.data.all()


@given(
    seed=st.integers(0, 10**6),
    shape=st.tuples(st.integers(1, 5), st.integers(1, 40), st.integers(1, 20)),
    structure=st.sets(st.sampled_from(STRUCTURES[:4]), max_size=2),
    share=st.floats(0.02, 1.0),
)
def test_single_precision_is_as_good_as_it_says(seed, shape, structure, share):
    X, D = make(seed, *shape, structure, dtype=np.float32)
    l1 = float(share * max(1e-3, np.abs(X @ D.T).max()))
    codes, missed = lasso(X, D, l1=l1, tol=1e-4)
    assert codes.dtype == np.float32
    assert missed == 0
    exact, _ = lasso(X.astype(float), D.astype(float), l1=l1)
    norms = (X.astype(float) ** 2).sum(axis=1)
    ours, best = objectives(X, D, codes, l1, 0), objectives(X, D, exact, l1, 0)
    assert (ours <= best + 2e-4 * norms).all()


@pytest.mark.parametrize("n_atoms", [1, 63, 64, 65, 128, 200])
def test_one_atom_is_soft_thresholding_and_widths_do_not_matter(n_atoms):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(7, 300))
    D = np.linalg.qr(rng.normal(size=(300, n_atoms)))[0].T
    codes, missed = lasso(X, np.ascontiguousarray(D), l1=0.5)
    products = X @ D.T
    expected = np.sign(products) * np.maximum(np.abs(products) - 0.5, 0)
    assert missed == 0
    np.testing.assert_allclose(codes.toarray(), expected, atol=1e-12)


def test_too_few_steps_are_counted():
    X, D = make(0, 20, 30, 10, ())
    _, missed = lasso(X, D, l1=0.01, max_iter=2)
    assert missed == 19  # the row of zeros needs none


@given(
    seed=st.integers(0, 10**6),
    shape=st.tuples(st.integers(1, 5), st.integers(1, 30), st.integers(1, 12)),
    n_nonzero=st.integers(1, 6),
)
def test_positive_pursuit_fits_rows_on_its_atoms_without_negative_parts(
    seed, shape, n_nonzero
):
    X, D = make(seed, *shape, ())
    X[0] = -D[0]
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    D /= np.linalg.norm(D, axis=1, keepdims=True)
    codes = pursuit_codes(
        X @ D.T,
        D @ D.T,
        n_nonzero=min(n_nonzero, *D.shape),
        positive=True,
        tol=0.0,
    )
    codes = join_codes([codes], len(D)).toarray()
    assert codes.min() >= 0
    assert (np.count_nonzero(codes, axis=1) <= n_nonzero).all()
    left = (X - codes @ D) @ D.T
    assert np.abs(left[codes > 0]).max(initial=0) < 1e-8


def test_the_elastic_net_uses_more_atoms_than_there_are_features():
    rng = np.random.default_rng(0)
    D = rng.normal(size=(100, 8))
    D /= np.linalg.norm(D, axis=1, keepdims=True)
    X = rng.normal(size=(20, 8))
    codes, missed = lasso(X, D, l1=0.1, l2=0.4)
    assert missed == 0
    assert np.diff(codes.indptr).max() > 20
    best = best_objectives(X, D, 0.1, 0.4, False)
    np.testing.assert_allclose(objectives(X, D, codes, 0.1, 0.4), best, rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("positive", [False, True])
@pytest.mark.parametrize("kind", ["twins", "scales", "offset"])
def test_no_code_is_worse_than_none(dtype, positive, kind):
    for seed in range(10):
        rng = np.random.default_rng(seed)
        D = rng.normal(size=(64, 64))
        if kind == "twins":
            D[32:] = D[:32] + 1e-3 * D[32:]
        if kind == "offset":
            D = 1 + 0.1 * D
        D /= np.linalg.norm(D, axis=1, keepdims=True)
        if kind == "scales":
            D *= 10 ** rng.uniform(-2, 2, (64, 1))
        X = rng.normal(size=(10, 64))
        X, D = X.astype(dtype), D.astype(dtype)
        for share in (1e-5, 1e-3):
            l1 = float(share * np.abs(X @ D.T).max())
            codes, _ = lasso(X, D, l1=l1, positive=positive, tol=1e-4)
            norms = (X.astype(float) ** 2).sum(axis=1)
            values = objectives(X, D, codes, l1, 0)
            assert (values <= 0.5 * norms * (1 + 1e-5)).all()


@given(
    seed=st.integers(0, 10**6),
    shape=st.tuples(st.integers(1, 5), st.integers(1, 30), st.integers(1, 12)),
    structure=st.sets(st.sampled_from(STRUCTURES), max_size=2),
    share=st.floats(1e-3, 1.2),
    l2=st.sampled_from([0.0, 0.1]),
    positive=st.booleans(),
    dtype=st.sampled_from([np.float32, np.float64]),
    max_iter=st.sampled_from([1, 3, 1000]),
)
def test_what_is_reported_of_a_row_is_true(
    seed, shape, structure, share, l2, positive, dtype, max_iter
):
    X, D = make(seed, *shape, structure, dtype)
    l1 = float(share * max(1e-3, np.abs(X @ D.T).max()))
    options = {"l1": l1, "l2": l2, "positive": positive, "max_iter": max_iter}
    codes = code(X, D, **options)
    matrix = join_codes([codes.arrays], len(D))
    values = objectives(X, D, matrix, l1, l2)
    # Rounding is that of the products, of up to the norms of row, atoms and code.
    sizes = (X.astype(float) ** 2).sum(axis=1) + (
        abs(matrix).astype(float) @ np.linalg.norm(D, axis=1)
    ) ** 2
    atol = 30 * np.finfo(dtype).eps * sizes
    assert (np.abs(codes.objectives - values) <= atol).all()
    losses = values - l1 * abs(matrix).astype(float).sum(axis=1)
    assert (np.abs(codes.losses - losses) <= atol).all()
    products = X @ D.T
    largest = (products if positive else np.abs(products)).max(axis=1)
    np.testing.assert_array_equal(codes.largest, np.maximum(largest, 0))
