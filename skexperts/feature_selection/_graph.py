"""Scores by the place of a feature in the graph of correlations."""

import numpy as np

from skexperts._numeric.correlations import nearest_features

# Edges from each feature. Shortest paths begin at no more than so many features.
_N_NEIGHBORS = 10
_MAX_SOURCES = 200
# Two features that are the same are not in one place: else paths would have ties.
_MIN_DISTANCE = 1e-6


def pagerank_scores(columns, weights, preference):
    """Return the PageRank of every feature, edges weighted by absolute correlation.

    Parameters
    ----------
    columns : Columns
    weights : ndarray of shape (n_samples,)
        Positive, sum 1.
    preference : ndarray of shape (n_features,) or None
        Where the surfer begins anew, in proportion; None or all 0 means anywhere.

    Returns
    -------
    scores : ndarray of shape (n_features,)
        0 for constant features.
    """
    networkx = _networkx()
    graph = networkx.from_scipy_sparse_array(
        nearest_features(columns, weights, _N_NEIGHBORS)
    )
    varying = np.isfinite(columns.scale)
    start = varying * (1.0 if preference is None else preference)
    if not start.any():
        start = varying
    if not start.any():
        return np.zeros(len(varying))
    ranks = networkx.pagerank(
        graph,
        personalization=dict(enumerate(start.astype(float).tolist())),
        max_iter=1000,
        tol=1e-12 / len(varying),
    )
    return _rounded(ranks)


def betweenness_scores(columns, weights, seed):
    """Return the share of shortest paths through every feature, distances 1 - |corr|.

    Parameters
    ----------
    columns : Columns
    weights : ndarray of shape (n_samples,)
        Positive, sum 1.
    seed : int
        Decides where paths begin if there are more than 200 features.

    Returns
    -------
    scores : ndarray of shape (n_features,)
    """
    networkx = _networkx()
    distances = nearest_features(columns, weights, _N_NEIGHBORS)
    distances.data = np.maximum(1 - distances.data, _MIN_DISTANCE)
    n_features = distances.shape[0]
    shares = networkx.betweenness_centrality(
        networkx.from_scipy_sparse_array(distances),
        k=_MAX_SOURCES if n_features > _MAX_SOURCES else None,
        weight="weight",
        seed=seed,
    )
    return _rounded(shares)


def _rounded(scores):
    # Sums of equal parts are equal in whatever order.
    return np.round([scores[feature] for feature in range(len(scores))], 12)


def _networkx():
    try:
        import networkx
    except ImportError as error:
        raise ImportError(
            'strategy="pagerank" and strategy="betweenness" need networkx, which is '
            'not installed. Install it: pip install "skexperts[graph]".'
        ) from error
    return networkx
