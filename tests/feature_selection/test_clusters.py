"""Clusters of features against scikit-learn on the columns themselves."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from sklearn.cluster import DBSCAN
from sklearn.metrics import adjusted_rand_score, pairwise_distances

from skexperts._numeric.linear_gates import standardise
from skexperts.feature_selection import SparseFeatureSelector, _clusters
from skexperts.feature_selection._clusters import feature_points


def grouped(seed=0, n_rows=80, n_groups=4, size=3, noise=0.3):
    """Features of a group are noisy copies of one another."""
    rng = np.random.default_rng(seed)
    source = rng.normal(size=(n_rows, n_groups))
    source *= rng.random(source.shape) < 0.6
    X = np.repeat(source, size, axis=1)
    X += noise * rng.normal(size=X.shape) * (X != 0)
    order = rng.permutation(X.shape[1])
    return X[:, order] * rng.uniform(0.1, 9, size=len(order)), order // size


@settings(max_examples=15)
@given(st.integers(0, 10**6), st.booleans())
def test_kmeans_keeps_one_feature_of_each_group(seed, sparse):
    X, groups = grouped(seed)
    selector = SparseFeatureSelector("kmeans", k=4, random_state=0)
    selector.fit(csr_array(X) if sparse else X)
    assert adjusted_rand_score(selector.labels_, groups) == 1
    assert sorted(groups[selector.get_support()]) == [0, 1, 2, 3]
    assert selector.scores_[selector.support_].tolist() == [3, 3, 3, 3]
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    for label in range(4):
        members = np.flatnonzero(selector.labels_ == label)
        centre = Z[:, members].mean(axis=1, keepdims=True)
        nearest = members[np.linalg.norm(Z[:, members] - centre, axis=0).argmin()]
        assert selector.support_[nearest]


@settings(max_examples=15)
@given(st.integers(0, 10**6), st.floats(0.05, 0.8), st.booleans())
def test_dbscan_is_that_of_the_dense_distances(seed, eps, sparse):
    X, _ = grouped(seed, noise=1.0)
    correlation = np.abs(np.corrcoef(X.T))
    distance = np.clip(1 - correlation, 0, None)
    expected = DBSCAN(eps=eps, min_samples=2, metric="precomputed").fit(distance)
    selector = SparseFeatureSelector("dbscan", k="all", eps=eps)
    selector.fit(csr_array(X) if sparse else X)
    np.testing.assert_array_equal(selector.labels_, expected.labels_)
    kept = selector.support_
    assert kept[selector.labels_ == -1].all()
    strength = np.where(distance <= eps, correlation, 0).sum(axis=1)
    for label in range(selector.labels_.max() + 1):
        members = np.flatnonzero(selector.labels_ == label)
        assert kept[members].sum() == 1
        best = members[kept[members]]
        np.testing.assert_allclose(strength[best], strength[members].max())
        assert selector.scores_[best] == len(members)


def test_dbscan_ranks_by_the_size_or_with_y_by_relevance():
    X, _ = grouped()
    alone = np.random.default_rng(1).normal(size=80)
    X = np.column_stack([alone, X])
    selector = SparseFeatureSelector("dbscan", k=4, eps=0.5)
    assert not selector.fit(X).support_[0]
    selector.set_params(k=2).fit(X, alone > 0)
    assert selector.support_[0]
    assert selector.scores_[0] == selector.scores_.max()


@pytest.mark.parametrize("sparse", [False, True])
def test_points_are_at_the_distances_of_correlations(sparse):
    X, _ = grouped()
    weights = np.random.default_rng(0).dirichlet(np.ones(80))
    columns = standardise(csr_array(X) if sparse else X, weights)
    points = feature_points(columns, weights, np.random.RandomState(0))
    correlation = np.cov(X.T, aweights=weights, ddof=0)
    spread = np.sqrt(np.diag(correlation))
    correlation /= np.outer(spread, spread)
    np.testing.assert_allclose(
        pairwise_distances(points) ** 2, 2 * (1 - correlation), atol=1e-9
    )


@pytest.mark.parametrize("sparse", [False, True])
def test_many_rows_are_projected(monkeypatch, sparse):
    monkeypatch.setattr(_clusters, "_MAX_ENTRIES", 1)
    X, groups = grouped(n_rows=3000)
    columns = standardise(csr_array(X) if sparse else X, np.full(3000, 1 / 3000))
    points = feature_points(columns, np.full(3000, 1 / 3000), np.random.RandomState(0))
    assert points.shape == (12, 128)
    np.testing.assert_allclose(
        pairwise_distances(points) ** 2,
        np.maximum(2 * (1 - np.corrcoef(X.T)), 0),
        rtol=0.5,
        atol=1e-6,
    )
    dense = standardise(X, np.full(3000, 1 / 3000))
    same = feature_points(dense, np.full(3000, 1 / 3000), np.random.RandomState(0))
    np.testing.assert_allclose(points, same, atol=1e-9)
    selector = SparseFeatureSelector("kmeans", k=4, random_state=0).fit(X)
    assert sorted(groups[selector.support_]) == [0, 1, 2, 3]


@pytest.mark.parametrize("strategy", ["kmeans", "dbscan"])
def test_a_constant_feature_is_in_no_cluster_and_ties_go_to_the_lowest(strategy):
    X, _ = grouped()
    X = np.column_stack([np.full(80, 0.3), X[:, 0], X[:, 0] * 3, X[:, 0] - 1])
    selector = SparseFeatureSelector(strategy, k=1, random_state=0).fit(X)
    assert selector.labels_.tolist() == [-1, 0, 0, 0]
    assert selector.scores_.tolist() == [0, 3, 0, 0]


@pytest.mark.parametrize("strategy", ["kmeans", "dbscan"])
def test_no_feature_that_varies_is_an_error(strategy):
    with pytest.raises(ValueError, match="no feature of X varies"):
        SparseFeatureSelector(strategy).fit(np.ones((5, 12)))
