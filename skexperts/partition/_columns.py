"""Columns of X as the user gave it: a frame, an array, CSR, or a list of rows."""

from numbers import Integral

import numpy as np
from sklearn.utils.validation import validate_data

from skexperts import _rows
from skexperts._rows import is_frame, some_names

REMEDY = (
    "Pass a pipeline with, for example, a ColumnTransformer in front of the "
    "partitioner, or ColumnPartitioner(column) for cells that one of them names."
)

_AS_IT_IS = {"dtype": None, "ensure_all_finite": False, "accept_sparse": "csr"}


def validate_table(estimator, X, *, reset):
    """Record or check the features of X and leave its values alone.

    A frame stays a frame, anything else becomes an array or CSR.
    """
    if not is_frame(X):
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
                f"{parameter}={column!r} is no column of X. Pass one of "
                f"{some_names(names)}."
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


def as_numbers(X):
    """Return X as array or CSR of floats, or name the columns that are not numbers."""
    return _rows.as_numbers(X, "The partitioner", REMEDY)
