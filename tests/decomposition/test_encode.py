"""Codes are optimal: KKT conditions, closed forms, and equality with scikit-learn."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from joblib import parallel_config
from scipy.sparse import csr_array, csr_matrix, random_array
from sklearn.decomposition import sparse_encode
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_info

from skexperts.decomposition import SparseCoder

METHODS = ["lasso", "elastic_net", "omp", "threshold"]
pytestmark = pytest.mark.filterwarnings("ignore:all codes are zero")


def small_integers(draw, n_rows, n_features, dtype):
    """Rows in which zeros, duplicates and dependence are common."""
    elements = st.integers(-3, 3).map(float)
    return draw(arrays(dtype, (n_rows, n_features), elements=elements))


@st.composite
def problems(draw):
    """Draw (X, dictionary); often more atoms than features."""
    dtype = draw(st.sampled_from([np.float64, np.float32]))
    n_features = draw(st.integers(1, 4))
    dictionary = small_integers(draw, draw(st.integers(1, 7)), n_features, dtype)
    return small_integers(draw, draw(st.integers(1, 4)), n_features, dtype), dictionary


def dense_codes(X, **params):
    return SparseCoder(sparse_output=False, **params).fit(X).transform(X)


def kkt_violation(X, dictionary, codes, l1, l2, positive):
    """Distance of minus the gradient of the smooth part from the subdifferential."""
    X, dictionary = X.astype(float), dictionary.astype(float)
    gradient = (X - codes @ dictionary) @ dictionary.T - l2 * codes
    active = np.abs(gradient - l1 * np.sign(codes))
    inactive = np.maximum((gradient if positive else np.abs(gradient)) - l1, 0)
    return np.where(codes != 0, active, inactive).max()


@given(
    problem=problems(),
    alpha=st.sampled_from([0.05, 0.5, 3.0]),
    l1_ratio=st.sampled_from([0.1, 0.6, 1.0]),
    positive=st.booleans(),
)
def test_codes_of_coordinate_descent_satisfy_the_kkt_conditions(
    problem, alpha, l1_ratio, positive
):
    X, dictionary = problem
    codes = dense_codes(
        X,
        method="elastic_net",
        alpha=alpha,
        l1_ratio=l1_ratio,
        dictionary=dictionary,
        positive=positive,
        tol=1e-12,
        max_iter=100_000,
    )
    l1, l2 = alpha * l1_ratio, alpha * (1 - l1_ratio)
    assert codes.dtype == X.dtype
    assert kkt_violation(X, dictionary, codes, l1, l2, positive) < 1e-3
    assert not codes[:, ~dictionary.any(axis=1)].any()
    assert not codes[~X.any(axis=1)].any()
    if positive:
        assert (codes >= 0).all()


@given(problem=problems(), n_nonzero_coefs=st.integers(1, 8))
def test_matching_pursuit_leaves_nothing_of_its_atoms(problem, n_nonzero_coefs):
    X, dictionary = problem
    codes = dense_codes(
        X,
        method="omp",
        n_nonzero_coefs=n_nonzero_coefs,
        dictionary=dictionary,
        tol=1e-10,
    )
    X, dictionary = X.astype(float), dictionary.astype(float)
    left = (X - codes @ dictionary) @ dictionary.T
    assert (np.count_nonzero(codes, axis=1) <= n_nonzero_coefs).all()
    assert np.abs(left[codes != 0]).max(initial=0) < 1e-3
    assert not codes[:, ~dictionary.any(axis=1)].any()


def random_problem(seed=0, n_samples=30, n_components=25, n_features=12):
    rng = np.random.default_rng(seed)
    dictionary = rng.normal(size=(n_components, n_features))
    dictionary /= np.linalg.norm(dictionary, axis=1, keepdims=True)
    return rng.normal(size=(n_samples, n_features)), dictionary


@pytest.mark.parametrize("positive", [False, True])
@pytest.mark.parametrize("alpha", [0.1, 1.0])
def test_lasso_minimises_the_objective_of_scikit_learn(alpha, positive):
    X, dictionary = random_problem()

    def objective(codes):
        return 0.5 * np.sum((X - codes @ dictionary) ** 2) + alpha * np.abs(codes).sum()

    ours = dense_codes(
        X,
        alpha=alpha,
        dictionary=dictionary,
        positive=positive,
        tol=1e-10,
        max_iter=100_000,
    )
    theirs = sparse_encode(
        X,
        dictionary,
        algorithm="lasso_cd",
        alpha=alpha,
        positive=positive,
        max_iter=100_000,
    )
    assert objective(ours) == pytest.approx(objective(theirs), rel=1e-6)


def test_elastic_net_with_l1_ratio_1_is_the_lasso():
    X, dictionary = random_problem()
    np.testing.assert_array_equal(
        dense_codes(X, method="elastic_net", l1_ratio=1.0, dictionary=dictionary),
        dense_codes(X, method="lasso", dictionary=dictionary),
    )


@pytest.mark.parametrize("positive", [False, True])
def test_threshold_is_that_of_scikit_learn(positive):
    X, dictionary = random_problem()
    ours = dense_codes(
        X, method="threshold", alpha=0.4, dictionary=dictionary, positive=positive
    )
    theirs = sparse_encode(
        X, dictionary, algorithm="threshold", alpha=0.4, positive=positive
    )
    np.testing.assert_allclose(ours, theirs, atol=1e-12)


@pytest.mark.parametrize("n_nonzero_coefs", [None, 1, 4])
def test_matching_pursuit_is_that_of_scikit_learn(n_nonzero_coefs):
    X, dictionary = random_problem()
    ours = dense_codes(
        X, method="omp", n_nonzero_coefs=n_nonzero_coefs, dictionary=dictionary, tol=0
    )
    theirs = sparse_encode(
        X, dictionary, algorithm="omp", n_nonzero_coefs=n_nonzero_coefs
    )
    np.testing.assert_array_equal(ours != 0, theirs != 0)
    np.testing.assert_allclose(ours, theirs, atol=1e-10)


def test_matching_pursuit_does_not_depend_on_the_norms_of_atoms():
    X, dictionary = random_problem()
    norms = np.geomspace(1e-3, 1e3, len(dictionary))
    plain = dense_codes(X, method="omp", n_nonzero_coefs=3, dictionary=dictionary)
    scaled = dense_codes(
        X, method="omp", n_nonzero_coefs=3, dictionary=norms[:, None] * dictionary
    )
    np.testing.assert_allclose(scaled * norms, plain, atol=1e-10)


def test_matching_pursuit_stops_at_tol_or_at_the_number_of_atoms():
    X, dictionary = random_problem(n_components=12)
    tol = 0.2
    codes = dense_codes(
        X, method="omp", n_nonzero_coefs=4, dictionary=dictionary, tol=tol
    )
    residuals = np.sum((X - codes @ dictionary) ** 2, axis=1) / np.sum(X**2, axis=1)
    sizes = np.count_nonzero(codes, axis=1)
    assert set(sizes) > {4}
    assert (residuals[sizes < 4] <= tol).all()


def test_matching_pursuit_takes_no_more_atoms_than_a_row_is_made_of():
    _, dictionary = random_problem(n_features=40)
    rows = 2 * dictionary[:5] - 3 * dictionary[5:10]
    codes = dense_codes(
        rows, method="omp", n_nonzero_coefs=10, dictionary=dictionary, tol=1e-12
    )
    np.testing.assert_array_equal(np.count_nonzero(codes, axis=1), 2)
    np.testing.assert_allclose(codes @ dictionary, rows, atol=1e-9)


def test_matching_pursuit_passes_over_an_atom_in_the_span_of_others():
    dictionary = np.array([[1.0, 0, 0], [1.0, 1e-9, 0], [0, 0, 1.0]])
    codes = dense_codes(
        np.array([[1.0, 1.0, 0.5]]),
        method="omp",
        n_nonzero_coefs=3,
        dictionary=dictionary,
    )
    assert np.abs(codes).max() < 1.1


@pytest.mark.parametrize("scale", [1e-200, 1e200])
@pytest.mark.parametrize("method", ["omp", "threshold"])
def test_codes_scale_with_the_rows(method, scale):
    X, dictionary = random_problem()
    plain = dense_codes(X, method=method, alpha=0.3, dictionary=dictionary)
    scaled = dense_codes(
        scale * X, method=method, alpha=0.3 * scale, dictionary=dictionary
    )
    np.testing.assert_allclose(scaled / scale, plain, atol=1e-10)


@given(
    X=arrays(np.float64, (4, 3), elements=st.integers(-9, 9).map(float)),
    alpha=st.sampled_from([0.0, 0.5, 2.0]),
    positive=st.booleans(),
)
def test_identity_is_the_soft_threshold(X, alpha, positive):
    expected = np.sign(X) * np.maximum(np.abs(X) - alpha, 0)
    if positive:
        expected = np.maximum(expected, 0)
    params = {"alpha": alpha, "dictionary": "identity", "positive": positive}
    for method in ("lasso", "threshold"):
        np.testing.assert_array_equal(dense_codes(X, method=method, **params), expected)
    if alpha > 0:
        params["dictionary"] = np.eye(3)
        np.testing.assert_allclose(dense_codes(X, tol=1e-12, **params), expected)


@pytest.mark.parametrize("method", ["elastic_net", "omp"])
def test_identity_is_the_dictionary_of_unit_vectors(method):
    X, _ = random_problem()
    params = {"method": method, "alpha": 0.3, "tol": 1e-12, "n_nonzero_coefs": 3}
    np.testing.assert_allclose(
        dense_codes(X, dictionary="identity", **params),
        dense_codes(X, dictionary=np.eye(X.shape[1]), **params),
        atol=1e-6,
    )


@pytest.mark.parametrize("container", [csr_array, csr_matrix])
@pytest.mark.parametrize(
    "params",
    [
        {"method": "threshold", "dictionary": "sample"},
        {"method": "threshold", "dictionary": "kmeans"},
        {"method": "threshold", "dictionary": random_problem()[1]},
        {"method": "threshold", "dictionary": "identity"},
        {"method": "lasso", "dictionary": "identity", "positive": True},
        {"method": "elastic_net", "dictionary": "identity"},
    ],
    ids=lambda params: f"{params['method']}-{type(params['dictionary']).__name__}",
)
def test_sparse_rows_have_the_codes_of_dense_rows(params, container):
    X, _ = random_problem()
    X[np.abs(X) < 1] = 0
    coder = SparseCoder(5, alpha=0.3, random_state=0, batch_size=7, **params)
    from_dense = coder.fit_transform(X)
    from_sparse = coder.fit_transform(container(X))
    assert from_sparse.nnz == from_dense.nnz > 0
    np.testing.assert_allclose(from_sparse.toarray(), from_dense.toarray())
    assert from_sparse.has_canonical_format
    assert np.count_nonzero(from_sparse.data) == from_sparse.nnz


def test_sparse_rows_are_never_made_dense():
    X = random_array((1000, 1_000_000), density=1e-5, rng=0, format="csr")
    before = X.copy()
    codes = SparseCoder(alpha=0.5, dictionary="identity").fit_transform(X)
    assert 0 < codes.nnz < X.nnz
    assert abs(X - before).nnz == 0


def blas_threads():
    return [pool["num_threads"] for pool in threadpool_info()]


@pytest.mark.parametrize("backend", ["loky", "threading"])
@pytest.mark.parametrize("method", METHODS)
def test_bits_do_not_depend_on_n_jobs(method, backend):
    # Sizes at which the products of one and of two BLAS threads differ.
    X, dictionary = random_problem(n_samples=200, n_components=100, n_features=500)
    coder = SparseCoder(
        method=method,
        alpha=0.1,
        dictionary=dictionary,
        n_nonzero_coefs=3,
        batch_size=64,
    ).fit(X)
    threads = blas_threads()
    alone = coder.transform(X)
    with parallel_config(backend):
        together = coder.set_params(n_jobs=2).transform(X)
    assert alone.nnz > 0
    assert (alone != together).nnz == 0
    assert blas_threads() == threads


def test_transforms_in_threads_give_the_blas_its_threads_back():
    X, dictionary = random_problem()
    coder = SparseCoder(dictionary=dictionary, batch_size=4).fit(X)
    threads = blas_threads()
    with ThreadPoolExecutor(4) as pool:
        codes = list(pool.map(coder.transform, [X] * 40))
    assert blas_threads() == threads
    assert all(abs(other - codes[0]).nnz == 0 for other in codes)


@pytest.mark.parametrize("method", METHODS)
def test_batch_size_does_not_change_the_codes(method):
    X, dictionary = random_problem()
    coder = SparseCoder(method=method, alpha=0.5, dictionary=dictionary).fit(X)
    whole = coder.transform(X).toarray()
    for batch_size in (1, 7):
        parts = coder.set_params(batch_size=batch_size).transform(X).toarray()
        np.testing.assert_allclose(parts, whole, atol=1e-10)


def test_rows_that_do_not_converge_are_counted_once():
    X, dictionary = random_problem()
    X[0] = 0
    coder = SparseCoder(
        alpha=0.01, dictionary=dictionary, max_iter=1, tol=1e-8, batch_size=8
    )
    message = r"codes of 29 of 30 rows did not reach tol=1e-08 in max_iter=1 steps"
    with pytest.warns(ConvergenceWarning, match=message) as record:
        coder.fit_transform(X)
    assert len(record) == 1
