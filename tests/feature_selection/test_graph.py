"""Scores on the graph of features against networkx on the dense one."""

import sys

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.stats import ttest_ind

from skexperts.feature_selection import SparseFeatureSelector, _graph


def make_problem(seed, n_features=8):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(50, n_features)) @ rng.normal(size=(n_features, n_features))
    X[rng.random(X.shape) < 0.3] = 0
    return X, X @ rng.normal(size=n_features) > 0


def complete_graph(X, distances=False):
    """With so few features every one is joined to all others."""
    weights = np.abs(np.corrcoef(X.T))
    if distances:
        weights = 1 - weights
    np.fill_diagonal(weights, 0)
    return nx.from_numpy_array(weights)


def values(scores):
    return [scores[feature] for feature in sorted(scores)]


@settings(max_examples=15)
@given(st.integers(0, 10**6), st.booleans())
def test_pagerank_is_that_of_networkx(seed, sparse):
    X, y = make_problem(seed)
    selector = SparseFeatureSelector("pagerank", k=3)
    selector.fit(csr_array(X) if sparse else X)
    expected = values(nx.pagerank(complete_graph(X), tol=1e-12, max_iter=1000))
    np.testing.assert_allclose(selector.scores_, expected, atol=1e-9)

    t = ttest_ind(X[y], X[~y], equal_var=False).statistic
    start = dict(enumerate(np.abs(t) / np.sqrt(len(y) + t**2)))
    expected = nx.pagerank(
        complete_graph(X), personalization=start, tol=1e-12, max_iter=1000
    )
    selector.fit(csr_array(X) if sparse else X, y)
    np.testing.assert_allclose(selector.scores_, values(expected), atol=1e-9)


@settings(max_examples=15)
@given(st.integers(0, 10**6), st.booleans())
def test_betweenness_is_that_of_networkx(seed, sparse):
    X, _ = make_problem(seed)
    selector = SparseFeatureSelector("betweenness", k=3)
    selector.fit(csr_array(X) if sparse else X)
    expected = nx.betweenness_centrality(complete_graph(X, True), weight="weight")
    np.testing.assert_allclose(selector.scores_, values(expected), atol=1e-9)


def test_relevance_draws_the_walk_to_what_y_depends_on():
    X = np.random.default_rng(0).normal(size=(200, 6))
    selector = SparseFeatureSelector("pagerank", k=1)
    assert selector.fit(X, X[:, 4] > 0).get_support(indices=True).tolist() == [4]
    assert selector.fit(X, X[:, 2]).get_support(indices=True).tolist() == [2]


def test_a_feature_between_two_groups_is_on_their_paths():
    rng = np.random.default_rng(0)
    left, right = 22 * np.linalg.qr(rng.normal(size=(500, 2)))[0].T
    middle = left + right
    sides = [side + 0.5 * rng.normal(size=500) for side in [left] * 12 + [right] * 12]
    X = np.column_stack([*sides, middle])
    selector = SparseFeatureSelector("betweenness", k=1).fit(X)
    assert selector.get_support(indices=True).tolist() == [24]


def test_paths_of_many_features_begin_at_some_by_the_seed(monkeypatch):
    monkeypatch.setattr(_graph, "_MAX_SOURCES", 4)
    X, _ = make_problem(0, n_features=30)
    fits = [
        SparseFeatureSelector("betweenness", random_state=seed).fit(X).scores_
        for seed in (0, 0, 1)
    ]
    np.testing.assert_array_equal(fits[0], fits[1])
    assert (fits[0] != fits[2]).any()


@pytest.mark.parametrize("strategy", ["pagerank", "betweenness"])
def test_constant_features_score_0(strategy):
    X, y = make_problem(0, n_features=30)
    X[:, 3] = 0.1
    scores = SparseFeatureSelector(strategy).fit(X, y).scores_
    assert scores[3] == 0
    assert scores.sum() > 0
    assert not SparseFeatureSelector(strategy).fit(np.ones((5, 12))).scores_.any()


@pytest.mark.parametrize("strategy", ["pagerank", "betweenness"])
def test_a_missing_networkx_is_named_with_its_extra(monkeypatch, strategy):
    monkeypatch.setitem(sys.modules, "networkx", None)
    selector = SparseFeatureSelector(strategy)
    with pytest.raises(ImportError, match=r'pip install "skexperts\[graph\]"'):
        selector.fit(np.eye(12))
    assert not hasattr(selector, "n_features_in_")
