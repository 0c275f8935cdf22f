"""Columns of X as the user gave it: a frame, an array, CSR, or a list of rows."""

from collections.abc import Iterator
from contextlib import contextmanager
from numbers import Integral

import numpy as np
from scipy.sparse import issparse
from sklearn.utils.validation import validate_data

from skexperts._sklearn import safe_indexing
from skexperts._validation import as_matrix

_AS_IT_IS = {"dtype": None, "ensure_all_finite": False, "accept_sparse": "csr"}


def validate_table(estimator, X, *, reset):
    """Record or check the features of X and leave its values alone.

    A frame stays a frame, anything else becomes an array or CSR.
    """
    if not _is_frame(X):
        return validate_data(estimator, X, reset=reset, **_AS_IT_IS)
    X = validate_data(estimator, X, reset=reset, skip_check_array=True)
    if not all(X.shape):
        raise ValueError(
            f"X has shape {X.shape}: {type(estimator).__name__} needs at least one row "
            "and one column."
        )
    return X


def column_position(column, n_features, names, *, parameter):
    """Return the position of a column given by name or by position.

    Parameters
    ----------
    column : str or int
        Negative positions count from the end.
    n_features : int
    names : sequence of str or None
        The names of the features, if X has any.
    parameter : str
        What the message calls the column.
    """
    if isinstance(column, str):
        if names is None:
            raise ValueError(
                f"{parameter}={column!r} is a name, but X has no column names. Pass a "
                "DataFrame, or the position of the column."
            )
        found = [j for j, name in enumerate(names) if name == column]
        if not found:
            raise ValueError(
                f"{parameter}={column!r} is no column of X. Pass one of {_some(names)}."
            )
        return found[0]
    if not isinstance(column, Integral) or isinstance(column, bool | np.bool_):
        raise TypeError(
            f"{parameter}={column!r} is neither the name of a column nor a position."
        )
    if not -n_features <= column < n_features:
        raise ValueError(
            f"{parameter}={column} is out of range: X has {n_features} features. Pass "
            f"a position from {-n_features} to {n_features - 1}."
        )
    return int(column) % n_features


def column_values(X, position):
    """Return one column as ndarray of shape (n_samples,)."""
    if issparse(X):
        return X[:, [position]] @ np.ones(1, dtype=X.dtype)
    return np.asarray(safe_indexing(X, position, axis=1))


def as_numbers(X):
    """Return X as C-ordered array or CSR of floats, or name the columns that are not.

    An array or CSR of floats is returned as it is.
    """
    plain = isinstance(X, np.ndarray) or (issparse(X) and X.format == "csr")
    if plain and X.dtype in (np.float32, np.float64):
        return X
    with naming_columns(X):
        return as_matrix(X)


@contextmanager
def naming_columns(X) -> Iterator[None]:
    """Name the columns of X that are not numbers if anything fails for them."""
    try:
        yield
    except (ValueError, TypeError) as error:
        text = [] if issparse(X) or np.ndim(X) != 2 else _columns_of_text(X)
        if not text:
            raise
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(
            f"The partitioner needs numbers, but these columns of X are not numeric: "
            f"{_some(text)} ({error}). Pass a pipeline with, for example, a "
            "ColumnTransformer in front of the partitioner, or "
            "ColumnPartitioner(column) for cells that one of them names."
        ) from error


def _columns_of_text(X):
    if isinstance(X, np.ndarray) and X.dtype.kind in "biuf":
        return []
    names = list(X.columns) if _is_frame(X) else range(np.shape(X)[1])
    X = X if hasattr(X, "shape") else np.asarray(X, dtype=object)
    return [name for j, name in enumerate(names) if not _is_numeric(X, j)]


def _is_numeric(X, position):
    try:
        column_values(X, position).astype(np.float64)
    except (ValueError, TypeError):
        return False
    return True


def _is_frame(X):
    return hasattr(X, "columns") and hasattr(X, "shape")


def _some(names, most=10):
    names = [str(name) if isinstance(name, str) else name for name in names]
    return str(names[:most])[:-1] + (", ...]" if len(names) > most else "]")
