"""Where the atoms come from."""

import numpy as np
import pytest
from scipy.sparse import csr_array, issparse
from sklearn.datasets import load_digits

from skexperts.decomposition import SparseCoder


@pytest.fixture(scope="module")
def rows():
    return np.random.default_rng(0).normal(size=(60, 8))


@pytest.mark.parametrize("dictionary", ["learn", "kmeans", "sample"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_atoms_are_in_the_unit_ball_and_follow_the_seed(rows, dictionary, dtype):
    X = rows.astype(dtype)
    first, again, other = (
        SparseCoder(5, alpha=0.3, dictionary=dictionary, random_state=seed).fit(X)
        for seed in (0, 0, 1)
    )
    assert first.components_.shape == (5, 8)
    assert first.components_.dtype == dtype
    norms = np.linalg.norm(first.components_, axis=1)
    if dictionary == "learn":
        assert (norms <= 1 + 1e-6).all()
    else:
        np.testing.assert_allclose(norms, 1, rtol=1e-6)
    np.testing.assert_array_equal(first.components_, again.components_)
    assert not np.array_equal(first.components_, other.components_)


@pytest.mark.parametrize("dictionary", ["learn", "kmeans", "sample"])
def test_a_random_state_is_used_up(rows, dictionary):
    def fit(rng):
        coder = SparseCoder(5, alpha=0.3, dictionary=dictionary, random_state=rng)
        return coder.fit(rows).components_

    rng = np.random.RandomState(0)
    first, second = fit(rng), fit(rng)
    np.testing.assert_array_equal(first, fit(np.random.RandomState(0)))
    assert not np.array_equal(first, second)


@pytest.mark.parametrize("container", [np.asarray, csr_array])
@pytest.mark.parametrize("scale", [1e-200, 1.0, 1e200])
def test_sampled_atoms_are_distinct_rows(rows, container, scale):
    X = scale * np.vstack([rows[:6], rows[:6], np.zeros((3, 8))])
    coder = SparseCoder(6, method="threshold", dictionary="sample", random_state=0)
    atoms = coder.fit(container(X)).components_
    expected = rows[:6] / np.linalg.norm(rows[:6], axis=1, keepdims=True)
    np.testing.assert_allclose(
        atoms[np.argsort(atoms[:, 0])], expected[np.argsort(expected[:, 0])]
    )


def test_minus_zero_is_zero():
    X = np.array([[1.0, 0.0], [1.0, -0.0]])
    with pytest.raises(ValueError, match="has only 1"):
        SparseCoder(2, dictionary="sample").fit(X)


@pytest.mark.parametrize("dictionary", ["kmeans", "sample"])
def test_more_atoms_than_rows_is_an_error(rows, dictionary):
    message = (
        f"dictionary='{dictionary}' makes n_components=5 .* n_samples=4 has only 3: "
        "lower n_components"
    )
    X = np.vstack([rows[:3], np.zeros((1, 8))])
    with pytest.raises(ValueError, match=message):
        SparseCoder(5, dictionary=dictionary).fit(X)


def test_equal_rows_give_finite_centres():
    coder = SparseCoder(3, dictionary="kmeans", alpha=0.1, random_state=0)
    codes = coder.fit_transform(np.ones((10, 4)))
    assert np.isfinite(coder.components_).all()
    assert codes.nnz > 0


def test_learned_atoms_code_better_than_sampled_atoms():
    X = load_digits().data[:400]
    alpha = 10.0

    def objective(dictionary):
        coder = SparseCoder(16, alpha=alpha, dictionary=dictionary, random_state=0)
        codes = coder.fit_transform(X)
        residual = X - coder.inverse_transform(codes)
        return 0.5 * np.sum(residual**2) + alpha * abs(codes).sum()

    assert objective("learn") < 0.9 * objective("sample")


def test_learning_takes_more_atoms_than_rows_and_rows_of_zeros(rows):
    X = np.vstack([rows[:4], np.zeros((6, 8))])
    coder = SparseCoder(7, alpha=0.2, random_state=0)
    codes = coder.fit_transform(X).toarray()
    assert np.isfinite(coder.components_).all()
    assert codes[:4].any(axis=1).all()
    assert not codes[4:].any()


def test_learning_from_nothing_gives_zero_atoms_and_zero_codes():
    coder = SparseCoder(2, random_state=0)
    codes = coder.fit_transform(np.zeros((5, 3)))
    assert codes.shape == (5, 2)
    assert codes.nnz == 0
    np.testing.assert_array_equal(coder.components_, 0)


def test_identity_is_sparse(rows):
    coder = SparseCoder(3, dictionary="identity", alpha=0.1).fit(rows)
    assert issparse(coder.components_)
    np.testing.assert_array_equal(coder.components_.toarray(), np.eye(8))


def test_a_given_dictionary_is_copied(rows):
    atoms = rows[:4].copy()
    coder = SparseCoder(dictionary=atoms, alpha=0.1).fit(rows)
    codes = coder.transform(rows)
    atoms[:] = 0
    assert (coder.transform(rows) != codes).nnz == 0
    np.testing.assert_array_equal(coder.components_, rows[:4])


@pytest.mark.parametrize(
    ("dictionary", "message"),
    [
        (np.ones(8), r"dictionary must be a finite array .*1D array"),
        ([[1.0, np.nan]], "dictionary must be a finite array .*contains NaN"),
        (np.empty((0, 8)), "dictionary must be a finite array .*0 sample"),
        ("PCA", "dictionary.*'learn'"),
        (np.ones((2, 5)), "dictionary has 5 features, but X has 8: give"),
    ],
)
def test_a_bad_dictionary_is_named(rows, dictionary, message):
    with pytest.raises(ValueError, match=message):
        SparseCoder(dictionary=dictionary).fit(rows)


@pytest.mark.parametrize("dictionary", ["learn", "kmeans", "sample", "identity"])
def test_n_iter_counts_passes_over_the_rows(rows, dictionary):
    coder = SparseCoder(5, alpha=0.3, dictionary=dictionary, random_state=0).fit(rows)
    assert isinstance(coder.n_iter_, int)
    assert coder.n_iter_ >= 1
