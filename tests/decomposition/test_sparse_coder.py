"""SparseCoder keeps the contracts of scikit-learn and of this library."""

import pickle
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.sparse import csr_array, issparse, isspmatrix
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler
from sklearn.utils.estimator_checks import (
    check_param_validation,
    parametrize_with_checks,
)

from skexperts.decomposition import SparseCoder

CONFIGURATIONS = [
    SparseCoder(2, alpha=0.05),
    SparseCoder(2, alpha=0.05, dictionary="sample"),
    SparseCoder(2, alpha=0.05, dictionary="sample", positive=True),
    SparseCoder(2, alpha=0.05, dictionary="sample", sparse_output=False),
    SparseCoder(2, alpha=0.05, dictionary="identity"),
    SparseCoder(2, alpha=0.05, method="elastic_net", dictionary="sample"),
    SparseCoder(2, alpha=0.05, method="elastic_net", dictionary="identity"),
    SparseCoder(2, method="omp", dictionary="sample"),
    SparseCoder(2, method="omp", dictionary="identity"),
    SparseCoder(2, alpha=0.05, method="threshold"),
    SparseCoder(2, alpha=0.05, method="threshold", dictionary="sample"),
    SparseCoder(2, alpha=0.05, method="threshold", dictionary="kmeans", positive=True),
]


def expected_failures(coder):
    if coder.dictionary == "identity":
        return {}
    reason = "the first atoms are drawn by row, whatever the weights"
    return {
        "check_sample_weight_equivalence_on_dense_data": reason,
        "check_sample_weight_equivalence_on_sparse_data": reason,
    }


@pytest.fixture
def X():
    return np.random.default_rng(0).normal(size=(40, 6))


@pytest.fixture
def coder():
    return SparseCoder(5, alpha=0.2, dictionary="sample", random_state=0)


@pytest.mark.filterwarnings("ignore:the codes of", "ignore:all codes are zero")
@parametrize_with_checks(
    CONFIGURATIONS, expected_failed_checks=expected_failures, xfail_strict=True
)
def test_scikit_learn_contract(estimator, check):
    check(estimator)


def test_parameters_are_validated():
    check_param_validation("SparseCoder", SparseCoder(2))


def test_codes_of_digits_are_sparse_and_improve_as_alpha_falls():
    X = load_digits().data
    densities, errors = [], []
    for alpha in (1.0, 10.0, 50.0):
        coder = SparseCoder(40, alpha=alpha, dictionary="sample", random_state=0)
        codes = coder.fit_transform(X)
        densities.append(codes.nnz / np.prod(codes.shape))
        errors.append(np.linalg.norm(X - coder.inverse_transform(codes)))
    assert 0.5 > densities[0] > densities[1] > densities[2] > 0
    assert errors[0] < errors[1] < errors[2] < np.linalg.norm(X)


def test_parameters_are_tuned_in_a_pipeline():
    X, y = load_digits(n_class=3, return_X_y=True)
    pipeline = make_pipeline(
        MaxAbsScaler(), SparseCoder(20, alpha=0.5, random_state=0), RidgeClassifier()
    )
    grid = {
        "sparsecoder__method": ["lasso", "threshold"],
        "sparsecoder__dictionary": ["sample", X[:20] / 50],
    }
    assert GridSearchCV(pipeline, grid, cv=2).fit(X, y).best_score_ > 0.9


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("sparse_output", [True, False])
def test_codes_have_the_dtype_of_the_training_rows(X, coder, dtype, sparse_output):
    coder.set_params(sparse_output=sparse_output).fit(X.astype(dtype))
    for rows in (X.astype(np.float32), X.astype(np.float64)):
        codes = coder.transform(rows)
        assert issparse(codes) == sparse_output
        assert codes.dtype == dtype
        assert coder.inverse_transform(codes).dtype == dtype


@pytest.mark.parametrize(("interface", "matrix"), [("spmatrix", 1), ("sparray", 0)])
@pytest.mark.parametrize("dictionary", ["sample", "identity"])
def test_codes_follow_the_sparse_interface(X, coder, interface, matrix, dictionary):
    with config_context(sparse_interface=interface):
        coder.set_params(dictionary=dictionary).fit(X)
        codes = coder.transform(X)
        assert codes.format == "csr"
        assert isspmatrix(codes) == matrix
        rows = coder.inverse_transform(codes)
        assert issparse(rows) == (dictionary == "identity")
        assert not issparse(rows) or isspmatrix(rows) == matrix


@pytest.mark.parametrize("dictionary", ["sample", "identity"])
def test_inverse_transform_is_codes_times_atoms(X, coder, dictionary):
    codes = coder.set_params(dictionary=dictionary).fit(X).transform(X)
    rows = coder.inverse_transform(codes.toarray())
    assert isinstance(rows, np.ndarray)
    np.testing.assert_allclose(rows, (codes @ coder.components_) + np.zeros(1))


def test_inverse_transform_wants_one_column_per_atom(X, coder):
    message = "X has 6 columns, but codes of this SparseCoder have 5, one per atom"
    with pytest.raises(ValueError, match=message):
        coder.fit(X).inverse_transform(X)


def test_names_of_features_and_atoms(X, coder):
    frame = pd.DataFrame(X, columns=list("abcdef"), index=np.arange(40) + 7)
    coder.set_params(sparse_output=False).set_output(transform="pandas")
    codes = coder.fit(frame).transform(frame)
    names = [f"sparsecoder{k}" for k in range(5)]
    assert list(coder.get_feature_names_out()) == list(codes.columns) == names
    assert list(coder.feature_names_in_) == list("abcdef")
    assert codes.index.equals(frame.index)
    np.testing.assert_array_equal(
        codes, clone(coder).set_output(transform="default").fit(X).transform(X)
    )
    polars_codes = coder.fit(pl.from_pandas(frame)).transform(pl.from_pandas(frame))
    np.testing.assert_array_equal(polars_codes, codes)


@pytest.mark.parametrize("dictionary", ["learn", "kmeans", "sample", "identity"])
def test_rows_are_not_changed(X, coder, dictionary):
    before = X.copy()
    X.flags.writeable = False
    coder.set_params(dictionary=dictionary).fit(X).transform(X)
    np.testing.assert_array_equal(X, before)


@pytest.mark.parametrize("layout", [np.asfortranarray, lambda X: X[::-1].copy()[::-1]])
@pytest.mark.parametrize("dictionary", ["learn", "kmeans", "sample", "identity"])
def test_bits_do_not_depend_on_the_layout_of_rows(X, coder, dictionary, layout):
    coder.set_params(dictionary=dictionary)
    expected = coder.fit(X).transform(X)
    assert (coder.fit(layout(X)).transform(layout(X)) != expected).nnz == 0


@pytest.mark.parametrize("positive", [False, True])
@pytest.mark.parametrize("dictionary", ["sample", "identity"])
@pytest.mark.parametrize("method", ["lasso", "elastic_net", "threshold"])
def test_max_useful_alpha_is_where_codes_vanish(X, method, dictionary, positive):
    coder = SparseCoder(
        5,
        method=method,
        dictionary=dictionary,
        positive=positive,
        tol=1e-10,
        random_state=0,
    )
    limit = coder.fit(X).max_useful_alpha_
    assert coder.set_params(alpha=0.999 * limit).fit_transform(X).nnz > 0
    with pytest.warns(UserWarning, match="all codes are zero"):
        assert coder.set_params(alpha=1.001 * limit).fit_transform(X).nnz == 0


def test_no_alpha_makes_codes_of_matching_pursuit_zero(X, coder):
    assert coder.set_params(method="omp").fit(X).max_useful_alpha_ == np.inf


def test_zero_codes_are_explained_once(X, coder):
    coder.set_params(alpha=1e6, batch_size=7).fit(X)
    limit = np.abs(X[:20] @ coder.components_.T).max()
    message = (
        r"all codes are zero: alpha=1e\+06 is too large; the largest useful alpha for "
        f"these rows is {limit:.6g}"
    )
    with pytest.warns(UserWarning, match=message) as record:
        assert coder.transform(X[:20]).nnz == 0
    assert len(record) == 1
    assert record[0].filename == __file__


@pytest.mark.parametrize(
    ("positive", "message"),
    [(False, "no atom correlates with"), (True, "no atom has a positive product with")],
)
def test_zero_codes_that_no_alpha_explains(positive, message):
    atoms, rows = np.array([[1.0, 0.0]]), np.array([[-float(positive), 1.0]])
    coder = SparseCoder(dictionary=atoms, positive=positive).fit(rows)
    with pytest.warns(UserWarning, match=f"all codes are zero: {message}"):
        coder.transform(rows)


@pytest.mark.parametrize("container", [np.asarray, csr_array])
def test_zero_rows_have_zero_codes_without_a_warning(container):
    rows = container(np.zeros((3, 2)))
    coder = SparseCoder(dictionary="identity").fit(rows)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert coder.transform(rows).nnz == 0
    assert coder.max_useful_alpha_ == 0


def test_sparse_rows_are_refused_with_the_remedy(X):
    coder = SparseCoder(method="omp", dictionary="identity")
    message = r"X is sparse, but method=.* needs dense X: use .* or X.toarray\(\)"
    with pytest.raises(TypeError, match=message):
        coder.fit(csr_array(X))
    with pytest.raises(TypeError, match=message):
        coder.fit(X).transform(csr_array(X))


@pytest.mark.parametrize("dictionary", ["learn", "kmeans", "sample"])
@pytest.mark.parametrize("method", ["lasso", "elastic_net", "omp", "threshold"])
@pytest.mark.parametrize(("dtype", "rtol"), [(np.float64, 1e-7), (np.float32, 1e-3)])
def test_sparse_rows_are_coded_as_dense_rows(X, method, dictionary, dtype, rtol):
    X[np.abs(X) < 0.7] = 0
    X = X.astype(dtype)
    options = {
        "method": method,
        "alpha": 0.3,
        "dictionary": dictionary,
        "tol": rtol / 1e3,
    }
    coder = SparseCoder(5, random_state=0, **options).fit(X)
    codes = coder.transform(X)
    sparse = coder.transform(csr_array(X))
    assert sparse.dtype == dtype
    np.testing.assert_allclose(sparse.toarray(), codes.toarray(), rtol, atol=rtol)
    again = SparseCoder(5, random_state=0, **options).fit(csr_array(X))
    np.testing.assert_allclose(again.components_, coder.components_, atol=rtol)


@pytest.mark.parametrize(
    ("method", "dictionary", "allowed"),
    [
        ("lasso", "sample", False),
        ("elastic_net", "kmeans", False),
        ("threshold", "learn", False),
        ("omp", "learn", False),
        ("lasso", "identity", True),
        ("threshold", "sample", True),
        ("omp", "sample", True),
    ],
)
def test_alpha_0_is_refused_where_it_is_least_squares(X, method, dictionary, allowed):
    coder = SparseCoder(5, method=method, alpha=0, dictionary=dictionary)
    if allowed:
        assert coder.fit_transform(X).nnz > 0
    else:
        with pytest.raises(ValueError, match=r"alpha=0 is least squares .* alpha > 0"):
            coder.fit(X)


def test_setting_parameters_after_fit_changes_no_code(X, coder):
    expected = coder.fit(X).transform(X)
    coder.set_params(
        n_components=2,
        method="omp",
        alpha=1e9,
        l1_ratio=0.1,
        n_nonzero_coefs=1,
        dictionary=np.ones((2, 6)),
        positive=True,
        tol=1.0,
        max_iter=1,
        sparse_output=False,
        random_state=1,
    )
    assert (coder.transform(X) != expected).nnz == 0


@pytest.mark.parametrize(
    "break_fit",
    [
        lambda coder, X: coder.fit(X * np.nan),
        lambda coder, X: coder.set_params(dictionary=np.ones((2, 9))).fit(X[:, :2]),
        lambda coder, X: coder.set_params(n_components=50).fit(X[:9, :2]),
        lambda coder, X: coder.set_params(n_components=0).fit(X[:, :2]),
    ],
)
def test_a_failed_fit_changes_nothing(X, coder, break_fit):
    broken = clone(coder)
    with pytest.raises(ValueError):
        break_fit(broken, X)
    with pytest.raises(NotFittedError):
        broken.transform(X)
    expected = coder.fit(X).transform(X)
    with pytest.raises(ValueError):
        break_fit(coder, X)
    assert coder.n_features_in_ == 6
    assert (coder.transform(X) != expected).nnz == 0


@pytest.mark.parametrize("configuration", CONFIGURATIONS, ids=lambda c: c.method)
def test_pickled_coders_give_the_same_codes(X, configuration):
    coder = clone(configuration).set_params(random_state=0).fit(X)
    copy = pickle.loads(pickle.dumps(coder))
    codes = csr_array(coder.transform(X))
    assert (csr_array(copy.transform(X)) != codes).nnz == 0
