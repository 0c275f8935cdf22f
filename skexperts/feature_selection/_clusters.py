"""Clusters of features, one feature kept of each."""

import numpy as np
from scipy.sparse import issparse
from sklearn.cluster import DBSCAN, KMeans
from sklearn.neighbors import sort_graph_by_row_values

from skexperts._numeric.correlations import features_within

# A feature is a point in the space of the rows. Beyond so many numbers the points are
# projected, to no fewer dimensions than these.
_MAX_ENTRIES = 1 << 24
_MIN_DIMENSIONS = 128
_BLOCK_ROWS = 1024


def kmeans_clusters(columns, weights, *, k, rng):
    """Cluster the features by k-means; a cluster is represented by its central feature.

    Parameters
    ----------
    columns : Columns
    weights : ndarray of shape (n_samples,)
        Positive, sum 1.
    k : int
    rng : RandomState

    Returns
    -------
    scores : ndarray of shape (n_features,)
        The size of the cluster for the feature nearest to its centre, 0 for others.
    labels : ndarray of shape (n_features,)
        -1 for constant features.
    """
    varying = np.flatnonzero(np.isfinite(columns.scale))
    points = feature_points(columns, weights, rng)[varying]
    model = KMeans(min(k, len(varying)), n_init=3, random_state=rng).fit(points)
    offsets = points - model.cluster_centers_[model.labels_]
    distances = np.einsum("ij,ij->i", offsets, offsets)
    labels = np.full(len(columns.scale), -1)
    labels[varying] = model.labels_
    closeness = np.full(len(labels), -np.inf)
    closeness[varying] = -distances
    return _representatives(labels, closeness), labels


def dbscan_clusters(columns, weights, *, eps):
    """Cluster the features that correlate by at least ``1 - eps``.

    Parameters
    ----------
    columns : Columns
    weights : ndarray of shape (n_samples,)
        Positive, sum 1.
    eps : float

    Returns
    -------
    scores : ndarray of shape (n_features,)
        The size of the cluster for the feature that is most correlated with its
        neighbours in it, 1 for features without a neighbour, 0 for others.
    labels : ndarray of shape (n_features,)
        -1 for features without a neighbour and for constant features.
    """
    distances = features_within(columns, weights, eps)
    graph = sort_graph_by_row_values(distances, warn_when_not_sorted=False)
    labels = DBSCAN(eps=eps, min_samples=2, metric="precomputed").fit(graph).labels_
    similarity = distances.copy()
    similarity.data = 1 - similarity.data
    scores = _representatives(labels, similarity.sum(axis=1))
    scores[(labels == -1) & np.isfinite(columns.scale)] = 1
    return scores, labels


def feature_points(columns, weights, rng):
    """Return points whose squared distances are 2 (1 - corr).

    Exact if there is a dimension for each row, else a random projection, which keeps
    distances nearly. Sparse columns are centred on the way.

    Parameters
    ----------
    columns : Columns
    weights : ndarray of shape (n_samples,)
        Positive, sum 1.
    rng : RandomState

    Returns
    -------
    points : ndarray of shape (n_features, n_dimensions)
    """
    n_rows, n_features = columns.X.shape
    roots = np.sqrt(weights)
    n_dimensions = max(_MIN_DIMENSIONS, _MAX_ENTRIES // n_features)
    if n_rows <= n_dimensions:
        if not issparse(columns.X):
            return columns.X.T * roots
        points = -np.outer(columns.shift, roots)
        entries = columns.X.tocoo()
        row, column = entries.coords
        points[column, row] += entries.data * roots[row]
        return points
    points = np.zeros((n_features, n_dimensions))
    for first in range(0, n_rows, _BLOCK_ROWS):
        block = slice(first, first + _BLOCK_ROWS)
        directions = roots[block, None] * rng.normal(
            scale=n_dimensions**-0.5, size=(len(roots[block]), n_dimensions)
        )
        points += columns.X[block].T @ directions
        points -= np.outer(columns.shift, directions.sum(axis=0))
    return points


def _representatives(labels, closeness):
    """Return the size of a cluster at its closest feature, a tie to the lowest."""
    scores = np.zeros(len(labels))
    order = np.lexsort((-np.round(closeness, 9), labels))
    found, first, sizes = np.unique(
        labels[order], return_index=True, return_counts=True
    )
    clusters = found >= 0
    scores[order[first[clusters]]] = sizes[clusters]
    return scores
