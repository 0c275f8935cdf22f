"""Rows as gated experts take them, and the settings that follow from them."""

from dataclasses import replace

import numpy as np
from scipy.sparse import issparse

from skexperts._numeric.gated_experts import GatedData, GatedExperts
from skexperts._numeric.routing import row_blocks
from skexperts._validation import (
    drop_weightless,
    validate_fit,
    validate_sample_weight,
)

# Columns with smaller means, in standard deviations, count as centred.
_SMALL_MEAN = 0.01
# How far a step at the default rate may move an output, the largest such rate, and of
# how many rows it follows.
_MOVE, _LARGEST_RATE, _ROWS_OF_SIZE = 0.4, 0.03, 4096
# Default decay for as many features as rows, and the largest.
_DECAY, _LARGEST_DECAY = 10, 0.5


def validate_rows_of_fit(estimator, X, y, sample_weight, *, reset=True, **checks):
    """Return X, y and weights of the rows of positive weight."""
    X, y = validate_fit(estimator, X, y, reset=reset, **checks)
    sample_weight = validate_sample_weight(sample_weight, X)
    sample_weight, X, y = drop_weightless(sample_weight, X, y)
    return X, y, sample_weight


def centre_of(X):
    """Return the means of the columns, None if X is sparse or as good as centred."""
    if issparse(X):
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        mean = X.mean(axis=0, dtype=np.float64)
        squares = sum(np.square(X[b] - mean).sum(axis=0) for b in row_blocks(*X.shape))
        centred = np.abs(mean) <= _SMALL_MEAN * np.sqrt(squares / X.shape[0])
    return None if centred.all() else mean


def to_float32(X, centre=None):
    """Return X minus its centre in single precision, or raise if it overflows."""
    if issparse(X) and X.indices.dtype != np.int32:
        raise ValueError(
            f"X has {X.nnz} stored entries, more than the 2147483647 that 32-bit "
            "indices can number. Use partial_fit on parts of the rows."
        )
    with np.errstate(over="ignore", invalid="ignore"):
        if centre is None:
            narrow = X.astype(np.float32, copy=False)
        else:
            narrow = np.empty(X.shape, dtype=np.float32)
            np.subtract(X, centre, out=narrow, casting="same_kind")
    values = narrow.data if issparse(narrow) else narrow
    if not np.isfinite(values).all():
        raise ValueError(
            "X has values that overflow float32, in which gated experts compute. "
            "Scale X, for example with sklearn.preprocessing.StandardScaler."
        )
    return narrow


def uncentred(lines, centre):
    """Return what lines for centred rows are for rows as they are, in float64.

    Parameters
    ----------
    lines : ndarray of shape (..., n_features + 1)
        Intercepts come last.
    centre : ndarray of shape (n_features,) or None
    """
    lines = lines.astype(np.float64)
    if centre is not None:
        lines[..., -1] -= lines[..., :-1] @ centre
    return lines


def without_centre(model: GatedExperts, centre) -> GatedExperts:
    """Return the model for rows that are not centred."""
    model = replace(model, table=model.table.copy())
    model.lines[:] = uncentred(model.lines, centre)
    return model


def default_rate(X):
    """Return the rate at which a step moves an output by a given length.

    A step of Adam moves each coefficient by about the rate, so an output by the rate
    times the sum of the absolute values of the row.
    """
    some = X[:: -(-X.shape[0] // _ROWS_OF_SIZE)]
    size = float(abs(some).sum(dtype=np.float64)) / some.shape[0]
    return min(_LARGEST_RATE, _MOVE / max(size, 1.0))


def default_decay(n_features, n_rows):
    """Return the decay, which is the larger the fewer rows there are to a feature."""
    return min(_LARGEST_DECAY, _DECAY * n_features / n_rows)


def training_data(X, labels, targets, weights):
    """Return rows to train on; no weights are weights of 1."""
    if weights is None:
        weights = np.ones(X.shape[0])
    return GatedData(
        X,
        labels,
        targets,
        weights.astype(np.float32),
        np.zeros(X.shape[0], dtype=np.float32),
    )


def check_outputs(outputs, X):
    """Refuse outputs that overflow."""
    if not np.isfinite(outputs).all():
        raise ValueError(
            f"X has values up to {abs(X).max():.3g}, with which outputs overflow "
            "float32. Scale X as the training data."
        )
