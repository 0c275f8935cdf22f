"""Rows and columns of X as the user gave it: an array, CSR or a frame.

A frame (pandas, polars) stays a frame: what it is cut into reaches partitioners and
experts with names and types. Everything else becomes a C-ordered array or CSR.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import numpy as np
from scipy.sparse import issparse
from sklearn.utils.validation import check_consistent_length, validate_data

from skexperts._sklearn import safe_indexing
from skexperts._validation import (
    as_matrix,
    check_labels_given,
    validate_fit,
    validate_predict,
)


def is_frame(X) -> bool:
    """Whether X is a pandas or polars frame."""
    return hasattr(X, "columns") and hasattr(X, "dtypes")


def validate_rows(estimator, X, y, *, finite, **checks):
    """Validate training data; a frame only for its length, names and y.

    Parameters
    ----------
    estimator : estimator to record ``n_features_in_`` and ``feature_names_in_`` on
    X, y : as given by the user
    finite : True or "allow-nan"
        What is asked of X, unless it is a frame.
    **checks : of y, passed to :func:`sklearn.utils.validation.validate_data`
    """
    if not is_frame(X):
        return validate_fit(
            estimator, X, y, ensure_min_samples=2, ensure_all_finite=finite, **checks
        )
    if not checks.get("y_numeric"):
        check_labels_given(y)
    y = validate_data(estimator, y=y, **checks)
    validate_data(estimator, X, skip_check_array=True)
    check_consistent_length(X, y)
    if X.shape[0] < 2:
        raise ValueError(
            f"Found array with {X.shape[0]} sample(s) while a minimum of 2 is required "
            f"by {type(estimator).__name__}."
        )
    if X.shape[1] == 0:
        raise ValueError(
            f"Found array with 0 feature(s) (shape={X.shape}) while a minimum of 1 is "
            f"required by {type(estimator).__name__}."
        )
    return X, y


def validate_new_rows(estimator, X, *, dtype, finite):
    """Validate new data as in fit; ``dtype=None`` says that fit was on a frame."""
    if dtype is None and is_frame(X):
        validate_data(estimator, X, reset=False, skip_check_array=True)
        if X.shape[0] == 0:
            raise ValueError(
                f"Found array with 0 sample(s) (shape={X.shape}) while a minimum of 1 "
                f"is required by {type(estimator).__name__}."
            )
        return X
    return validate_predict(estimator, X, dtype=dtype, ensure_all_finite=finite)


def asking_parts(estimator, X):
    """Return a context in which parts of a model are asked about new rows.

    If rows of a frame make a part fail, a note names columns that may be why. If rows
    of an array come after a fit on a frame, no part says again that names are missing.

    Parameters
    ----------
    estimator : the model, which has validated X
    X : new rows, validated
    """
    if is_frame(X):
        return noting_columns(X)
    return _nameless() if hasattr(estimator, "feature_names_in_") else nullcontext()


@contextmanager
def _nameless() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "X does not have valid feature names")
        yield


@contextmanager
def noting_columns(X) -> Iterator[None]:
    """Note on any error which columns of a frame not every estimator takes."""
    try:
        yield
    except Exception as error:
        if is_frame(X):
            missing = [j for j in range(X.shape[1]) if _has_missing(X, j)]
            text = [j for j in range(X.shape[1]) if not _is_numeric(X, j)]
            for columns, what in [
                (missing, "missing or infinite values"),
                ([j for j in text if j not in missing], "text or other objects"),
            ]:
                if columns:
                    names = some_names([X.columns[j] for j in columns])
                    error.add_note(f"X has {what} in the columns {names}.")
        raise


def take_rows(X, rows):
    """Return some rows, by numbers or by a slice; the same object for all of them."""
    n_rows = X.shape[0]
    if isinstance(rows, slice) and rows.indices(n_rows) == (0, n_rows, 1):
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
        columns = (column_values(X, j).tolist() for j in range(X.shape[1]))
        return any(len(set(map(str, column))) > 1 for column in columns)
    return bool(abs(X.max(axis=0) - X.min(axis=0)).sum() > 0)


def check_rows_differ(X):
    """Raise a ValueError if all rows are equal."""
    if not rows_differ(X):
        raise ValueError(
            f"All {X.shape[0]} rows of X are equal, so there are no regions to find "
            "and nothing to learn from X. Check how X was made; sparse codes are all "
            "zero when their penalty is too large."
        )


def column_values(X, position):
    """Return one column as ndarray of shape (n_samples,)."""
    if issparse(X):
        return X[:, [position]] @ np.ones(1, dtype=X.dtype)
    return np.asarray(safe_indexing(X, position, axis=1))


def as_numbers(X, who, remedy):
    """Return X as C-ordered array or CSR of floats, or name the columns that are not.

    An array or CSR of floats is returned as it is.

    Parameters
    ----------
    X, who, remedy : as in :func:`naming_columns`
    """
    plain = isinstance(X, np.ndarray) or (issparse(X) and X.format == "csr")
    if plain and X.dtype in (np.float32, np.float64):
        return X
    with naming_columns(X, who, remedy):
        return as_matrix(X)


@contextmanager
def naming_columns(X, who, remedy) -> Iterator[None]:
    """Name the columns of X that are not numbers if anything fails for them.

    Parameters
    ----------
    X : as given by the user
    who : str
        Who needs numbers, as the subject of the message.
    remedy : str
        What to do, a sentence.
    """
    try:
        yield
    except (ValueError, TypeError) as error:
        text = [] if issparse(X) or np.ndim(X) != 2 else _columns_of_text(X)
        if not text:
            raise
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(
            f"{who} needs numbers, but these columns of X are not numeric: "
            f"{some_names(text)} ({error}). {remedy}"
        ) from error


def _columns_of_text(X):
    if isinstance(X, np.ndarray) and X.dtype.kind in "biuf":
        return []
    names = list(X.columns) if is_frame(X) else range(np.shape(X)[1])
    X = X if hasattr(X, "shape") else np.asarray(X, dtype=object)
    return [name for j, name in enumerate(names) if not _is_numeric(X, j)]


def _is_numeric(X, position):
    try:
        column_values(X, position).astype(np.float64)
    except (ValueError, TypeError):
        return False
    return True


def _has_missing(X, position):
    values = column_values(X, position)
    if values.dtype.kind == "f":
        return not np.isfinite(values).all()
    # pandas.NA is neither equal nor unequal to anything.
    return values.dtype == object and any(
        value is None or str(value) in ("<NA>", "NaT", "nan") for value in values
    )


def some_names(names, most=10) -> str:
    """Write a list of names, the first ones only if there are many."""
    names = [str(name) if isinstance(name, str) else name for name in names]
    return str(names[:most])[:-1] + (", ...]" if len(names) > most else "]")
