"""Distances to cells, and the unit in which they become affinities."""

import numpy as np
from scipy.sparse import issparse
from sklearn.metrics import euclidean_distances

from skexperts._numeric.routing import row_blocks
from skexperts._rows import take_rows

# Rows that are copied at a time. A constant, so that no bits depend on the machine.
_BLOCK_ROWS = 4096


class DistancesTo:
    """Squared Euclidean distances of rows to fixed centres.

    Parameters
    ----------
    centers : ndarray or CSR of shape (n_cells, n_features)
    """

    def __init__(self, centers):
        self.centers = centers
        if not issparse(centers):
            # Small numbers: a large common offset costs the digits of the distances.
            self.offset = centers.mean(axis=0, dtype=np.float64)
            centred = centers - self.offset
            self.twice = -2.0 * centred.T
            self.lengths = np.einsum("ij,ij->i", centred, centred)

    def of(self, X):
        """Return the distances of the rows of X, of shape (n_samples, n_cells)."""
        if issparse(X) or issparse(self.centers):
            distances = euclidean_distances(X, self.centers, squared=True)
            distances = distances.astype(np.float64)
        else:
            distances = np.empty((X.shape[0], len(self.centers)))
            with np.errstate(over="ignore", invalid="ignore"):
                for start in range(0, X.shape[0], _BLOCK_ROWS):
                    own = distances[start : start + _BLOCK_ROWS]
                    rows = X[start : start + _BLOCK_ROWS] - self.offset
                    np.matmul(rows, self.twice, out=own)
                    own += np.einsum("ij,ij->i", rows, rows)[:, None]
                    own += self.lengths
                    np.maximum(own, 0, out=own)
        check_distances(distances, X)
        return distances


def check_distances(distances, X):
    """Raise a ValueError if distances of the rows of X overflow."""
    if not np.isfinite(distances).all():
        values = X.data if issparse(X) else X
        if np.isnan(values).any():
            raise ValueError(
                "Input X contains NaN, which has no distance to any cell. Fill missing "
                "values, for example with sklearn.impute.SimpleImputer."
            )
        largest = abs(values).max()
        raise ValueError(
            f"X has values up to {largest:.3g} in size, so that squared distances "
            f"to the cells overflow {X.dtype}. Scale X first, for example "
            "with sklearn.preprocessing.StandardScaler."
        )


def distance_unit(distances, X, sample_weight=None):
    """Half the mean squared distance to the nearest cell, at least a rounding error.

    Parameters
    ----------
    distances : DistancesTo
    X : ndarray or CSR of shape (n_samples, n_features)
        The training rows.
    sample_weight : ndarray of shape (n_samples,), optional

    Returns
    -------
    unit : float
    """
    nearest, mean = np.empty(X.shape[0]), 0.0
    for block in row_blocks(X.shape[0], distances.centers.shape[0]):
        own = distances.of(take_rows(X, block))
        nearest[block] = own.min(axis=1)
        mean += own.mean() * len(own) / len(nearest)
    mean_nearest = np.average(nearest, weights=sample_weight)
    return 0.5 * max(mean_nearest, np.finfo(np.float64).eps * mean) or 1.0
