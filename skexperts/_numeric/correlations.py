"""Absolute correlations between features, a block of features at a time."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array, csr_array, diags_array, issparse

from skexperts._numeric.linear_gates import Columns

# Correlations of this many pairs are held at a time.
_BLOCK_PAIRS = 1 << 22


def correlation_blocks(
    columns: Columns, weights: NDArray
) -> Iterator[tuple[slice, NDArray]]:
    """Yield absolute correlations of some features with all.

    Parameters
    ----------
    columns : Columns
        Standardised under the same weights; a constant column correlates with none.
    weights : ndarray of shape (n_rows,), sum 1

    Yields
    ------
    block : slice of features
    correlations : ndarray of shape (n_in_block, n_features)
        Rounded to 12 digits, so that equal ones are equal in whatever order the sums
        were done.
    """
    X, shift = columns.X, columns.shift
    n_features = X.shape[1]
    if issparse(X):
        X = csc_array(X)
        left = csr_array((diags_array(weights) @ X).T)
    else:
        left = (X * weights[:, None]).T
    size = max(1, _BLOCK_PAIRS // n_features)
    for first in range(0, n_features, size):
        block = slice(first, min(first + size, n_features))
        products: Any = left[block] @ X
        if issparse(products):
            entries = products.tocoo()
            products = -np.outer(shift[block], shift)
            products[entries.coords] += entries.data
        yield block, np.round(np.minimum(np.abs(products), 1), 12)


def nearest_features(columns: Columns, weights: NDArray, n_neighbors: int) -> csr_array:
    """Return the graph of the features that correlate most with one another.

    There is an edge where one of two features is among the `n_neighbors` that the other
    correlates most with, a tie to the lowest.

    Parameters
    ----------
    columns : Columns
    weights : ndarray of shape (n_rows,), sum 1
    n_neighbors : int

    Returns
    -------
    graph : csr_array of shape (n_features, n_features)
        Symmetric, absolute correlations, none on the diagonal.
    """
    n_features = columns.X.shape[1]
    parts = []
    for block, correlations in correlation_blocks(columns, weights):
        features = np.arange(n_features)[block]
        correlations[np.arange(len(features)), features] = 0
        nearest = np.argsort(-correlations, axis=1, kind="stable")[:, :n_neighbors]
        values = np.take_along_axis(correlations, nearest, axis=1)
        parts.append((np.repeat(features, nearest.shape[1]), nearest, values))
    row, column, value = (
        np.concatenate([part.ravel() for part in side])
        for side in zip(*parts, strict=True)
    )
    graph = csr_array((value, (row, column)), shape=(n_features, n_features))
    graph.eliminate_zeros()
    return csr_array(graph.maximum(graph.T))


def features_within(columns: Columns, weights: NDArray, eps: float) -> csr_array:
    """Return the distances ``1 - |corr|`` of features that are at most `eps` apart.

    Parameters
    ----------
    columns : Columns
    weights : ndarray of shape (n_rows,), sum 1
    eps : float, below 1

    Returns
    -------
    distances : csr_array of shape (n_features, n_features)
        Symmetric; distances of 0 are stored, the diagonal among them.
    """
    n_features = columns.X.shape[1]
    parts = []
    for block, correlations in correlation_blocks(columns, weights):
        features = np.arange(n_features)[block]
        correlations[np.arange(len(features)), features] = 1
        distances = np.round(1 - correlations, 12)
        near, column = np.nonzero(distances <= eps)
        parts.append((features[near], column, distances[near, column]))
    row, column, value = map(np.concatenate, zip(*parts, strict=True))
    return csr_array((value, (row, column)), shape=(n_features, n_features))
