"""Distances to cells, and the unit in which they become affinities."""

import numpy as np
from scipy.sparse import issparse
from sklearn.metrics import euclidean_distances
from sklearn.utils import gen_batches

# Rows that are copied at a time. A constant, so that no bits depend on the machine.
_BLOCK_ROWS = 4096


def squared_distances(X, centers):
    """Return squared Euclidean distances of rows to centres.

    Parameters
    ----------
    X : ndarray or CSR of shape (n_samples, n_features)
    centers : ndarray or CSR of shape (n_cells, n_features)

    Returns
    -------
    distances : ndarray of shape (n_samples, n_cells), float64
    """
    if issparse(X) or issparse(centers):
        distances = euclidean_distances(X, centers, squared=True).astype(np.float64)
    else:
        # Small numbers: a large common offset would cost the digits of the distances.
        offset = centers.mean(axis=0, dtype=np.float64)
        centers = centers - offset
        twice, lengths = -2.0 * centers.T, np.einsum("ij,ij->i", centers, centers)
        distances = np.empty((X.shape[0], len(centers)))
        with np.errstate(over="ignore", invalid="ignore"):
            for block in gen_batches(X.shape[0], _BLOCK_ROWS):
                rows, own = X[block] - offset, distances[block]
                np.matmul(rows, twice, out=own)
                own += np.einsum("ij,ij->i", rows, rows)[:, None]
                own += lengths
                np.maximum(own, 0, out=own)
    check_distances(distances, X)
    return distances


def check_distances(distances, X):
    """Raise a ValueError if distances of the rows of X overflow."""
    if not np.isfinite(distances).all():
        largest = abs(X.data if issparse(X) else X).max()
        raise ValueError(
            f"X has values up to {largest:.3g} in size, so that squared distances "
            f"to the cells overflow {X.dtype}. Scale X first, for example "
            "with sklearn.preprocessing.StandardScaler."
        )


def distance_unit(distances, sample_weight=None):
    """Half the mean squared distance to the nearest cell, at least a rounding error.

    Parameters
    ----------
    distances : ndarray of shape (n_samples, n_cells)
        Squared distances of the training rows.
    sample_weight : ndarray of shape (n_samples,), optional

    Returns
    -------
    unit : float
    """
    nearest = np.average(distances.min(axis=1), weights=sample_weight)
    return 0.5 * max(nearest, np.finfo(np.float64).eps * distances.mean()) or 1.0
