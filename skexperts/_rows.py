"""Rows and columns of X as the user gave it: an array, CSR or a frame.

A frame (pandas, polars) stays a frame: what it is cut into reaches partitioners and
experts with names and types. Everything else becomes a C-ordered array or CSR.
"""

import numpy as np
from sklearn.utils.validation import check_consistent_length, validate_data

from skexperts._sklearn import safe_indexing
from skexperts._validation import validate_fit, validate_predict


def is_frame(X) -> bool:
    """Whether X is a pandas or polars frame."""
    return hasattr(X, "columns") and hasattr(X, "dtypes")


def validate_rows(estimator, X, y, **checks):
    """Validate training data; a frame only for its length, names and y.

    Parameters
    ----------
    estimator : estimator to record ``n_features_in_`` and ``feature_names_in_`` on
    X, y : as given by the user
    **checks : of y, passed to :func:`sklearn.utils.validation.validate_data`
    """
    if not is_frame(X):
        return validate_fit(estimator, X, y, ensure_min_samples=2, **checks)
    y = validate_data(estimator, y=y, **checks)
    validate_data(estimator, X, skip_check_array=True)
    check_consistent_length(X, y)
    if X.shape[0] < 2:
        raise ValueError(
            f"Found array with {X.shape[0]} sample(s) while a minimum of 2 is required "
            f"by {type(estimator).__name__}."
        )
    return X, y


def validate_new_rows(estimator, X, *, dtype):
    """Validate new data as in fit; ``dtype=None`` says that fit was on a frame."""
    if dtype is None and is_frame(X):
        validate_data(estimator, X, reset=False, skip_check_array=True)
        return X
    return validate_predict(estimator, X, dtype=dtype)


def take_rows(X, rows):
    """Return some rows, by numbers or by a slice; the same object for all of them."""
    if isinstance(rows, slice) and rows == slice(0, X.shape[0]):
        return X
    return safe_indexing(X, rows) if is_frame(X) else X[rows]


def take_columns(X, columns):
    """Return some columns, by numbers; the same object for None."""
    if columns is None:
        return X
    if is_frame(X):
        return safe_indexing(X, columns, axis=1)
    part = X[:, columns]
    return np.ascontiguousarray(part) if isinstance(part, np.ndarray) else part


def rows_differ(X) -> bool:
    """Whether any two rows differ."""
    if is_frame(X):
        values = np.asarray(X, dtype=object)
        return bool((values != values[:1]).any())
    return bool(abs(X.max(axis=0) - X.min(axis=0)).sum() > 0)
