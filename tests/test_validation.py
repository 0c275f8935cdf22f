import numpy as np
import pytest
from scipy.sparse import coo_array, csr_array
from sklearn.base import BaseEstimator

from skexperts import _validation
from skexperts._validation import (
    all_or_nothing,
    drop_weightless,
    validate_fit,
    validate_predict,
    validate_sample_weight,
)


def test_a_failure_gives_back_the_state_from_before():
    estimator = BaseEstimator()
    estimator.coef_ = 1
    with pytest.raises(KeyboardInterrupt), all_or_nothing(estimator):
        estimator.coef_ = 2
        estimator.intercept_ = 3
        raise KeyboardInterrupt
    assert vars(estimator) == {"coef_": 1}


def test_success_keeps_the_new_state():
    estimator = BaseEstimator()
    with all_or_nothing(estimator):
        estimator.coef_ = 2
    assert vars(estimator) == {"coef_": 2}


def test_sparse_input_becomes_canonical_csr_without_changing_it():
    X = csr_array((np.array([1.0, 2.0, 3.0]), np.array([1, 0, 1]), np.array([0, 3])))
    before = X.data.copy()
    clean = validate_fit(BaseEstimator(), X)
    np.testing.assert_array_equal(clean.toarray(), [[2.0, 4.0]])
    assert clean.has_canonical_format
    np.testing.assert_array_equal(X.data, before)
    assert X.nnz == 3


def test_64_bit_indices_are_narrowed():
    X = csr_array(np.eye(3))
    X.indices, X.indptr = X.indices.astype(np.int64), X.indptr.astype(np.int64)
    clean = validate_fit(BaseEstimator(), X)
    assert clean.indices.dtype == clean.indptr.dtype == np.int32
    assert X.indices.dtype == np.int64
    np.testing.assert_array_equal(clean.toarray(), np.eye(3))


def test_new_data_are_cast_to_the_fitted_dtype():
    estimator = BaseEstimator()
    validate_fit(estimator, np.eye(3))
    X = validate_predict(estimator, np.eye(3, dtype=np.float32), dtype=np.float64)
    assert X.dtype == np.float64
    assert validate_predict(estimator, coo_array(np.eye(3))).format == "csr"


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_valid_array_is_taken_as_it_is(dtype, monkeypatch):
    estimator = BaseEstimator()
    X = np.eye(3, dtype=dtype)
    validate_fit(estimator, X)
    # Squares that overflow are no infinity.
    large = X * np.finfo(dtype).max
    assert validate_predict(estimator, large, dtype=dtype) is large
    monkeypatch.setattr(_validation, "validate_data", None)
    assert validate_predict(estimator, X, dtype=dtype) is X
    assert validate_predict(estimator, X) is X


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_an_array_of_the_fitted_dtype_must_be_finite(value):
    estimator = BaseEstimator()
    X = np.eye(3)
    validate_fit(estimator, X)
    X[1, 1] = value
    with pytest.raises(ValueError, match="contains (NaN|infinity)"):
        validate_predict(estimator, X, dtype=np.float64)


@pytest.mark.parametrize("container", [np.asarray, csr_array])
def test_values_that_overflow_the_fitted_dtype_are_refused(container):
    estimator = BaseEstimator()
    validate_fit(estimator, np.eye(3, dtype=np.float32))
    with pytest.raises(ValueError, match="X has values that overflow float32"):
        validate_predict(estimator, container(1e300 * np.eye(3)), dtype=np.float32)


def test_fortran_and_read_only_input_comes_back_in_c_order():
    X = np.asfortranarray(np.random.default_rng(0).random((4, 3)))
    X.flags.writeable = False
    assert validate_fit(BaseEstimator(), X).flags.c_contiguous


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1.0, -1.0, 1.0], "Negative"),
        ([0.0, 0.0, 0.0], "zero"),
        ([1.0, np.nan, 1.0], "sample_weight.* NaN"),
        ([1.0, 1.0], "sample_weight.shape"),
    ],
)
def test_bad_weights_are_refused(weights, message):
    with pytest.raises(ValueError, match=message):
        validate_sample_weight(weights, np.eye(3))


def test_rows_without_weight_are_left_out_everywhere():
    X, weights = np.arange(6.0).reshape(3, 2), np.array([2.0, 0.0, 1.0])
    left, rows, sparse_rows, nothing = drop_weightless(weights, X, csr_array(X), None)
    np.testing.assert_array_equal(left, [2.0, 1.0])
    np.testing.assert_array_equal(rows, X[[0, 2]])
    np.testing.assert_array_equal(sparse_rows.toarray(), X[[0, 2]])
    assert nothing is None


@pytest.mark.parametrize("weights", [None, np.ones(3)])
def test_nothing_is_copied_where_no_row_is_left_out(weights):
    X = np.eye(3)
    assert drop_weightless(weights, X)[1] is X


def test_no_weights_stay_none():
    assert validate_sample_weight(None, np.eye(3)) is None
