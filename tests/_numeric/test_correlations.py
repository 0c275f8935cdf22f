import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from skexperts._numeric import correlations
from skexperts._numeric.correlations import (
    correlation_blocks,
    features_within,
    nearest_features,
)
from skexperts._numeric.linear_gates import standardise


def make_problem(seed, sparse, n_features=7):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(30, n_features)) @ rng.normal(size=(n_features, n_features))
    X += rng.normal(size=n_features)
    X[rng.random(X.shape) < 0.3] = 0
    X[:, 1] = 0.1
    X[:, 2] = -X[:, 0]
    repeats = rng.integers(1, 4, size=30)
    expected = np.zeros((n_features, n_features))
    live = np.flatnonzero(np.arange(n_features) != 1)
    expected[np.ix_(live, live)] = np.abs(
        np.corrcoef(np.repeat(X, repeats, axis=0)[:, live].T)
    )
    weights = repeats / repeats.sum()
    columns = standardise(csr_array(X) if sparse else X, weights)
    return columns, weights, expected


@settings(max_examples=20)
@given(st.integers(0, 10**6), st.booleans(), st.integers(1, 40))
def test_blocks_are_the_correlations_of_repeated_rows(seed, sparse, size):
    columns, weights, expected = make_problem(seed, sparse)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(correlations, "_BLOCK_PAIRS", size)
        blocks = list(correlation_blocks(columns, weights))
    np.testing.assert_array_equal(
        np.concatenate([np.arange(7)[block] for block, _ in blocks]), np.arange(7)
    )
    found = np.concatenate([values for _, values in blocks])
    np.testing.assert_allclose(found, expected, atol=1e-10)


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("n_neighbors", [1, 3, 10])
def test_nearest_features_have_an_edge(monkeypatch, sparse, n_neighbors):
    monkeypatch.setattr(correlations, "_BLOCK_PAIRS", 20)
    columns, weights, expected = make_problem(3, sparse)
    np.fill_diagonal(expected, 0)
    rank = np.argsort(np.argsort(-expected, axis=1, kind="stable"), axis=1)
    edges = (rank < n_neighbors) | (rank < n_neighbors).T
    graph = nearest_features(columns, weights, n_neighbors)
    np.testing.assert_allclose(graph.toarray(), np.where(edges, expected, 0), atol=1e-9)
    assert (abs(graph - graph.T)).nnz == 0


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("eps", [1e-9, 0.4, 0.9])
def test_features_within_eps_are_stored(monkeypatch, sparse, eps):
    monkeypatch.setattr(correlations, "_BLOCK_PAIRS", 20)
    columns, weights, expected = make_problem(4, sparse)
    np.fill_diagonal(expected, 1)
    distances = features_within(columns, weights, eps)
    stored = np.zeros((7, 7), dtype=bool)
    stored[distances.tocoo().coords] = True
    np.testing.assert_array_equal(stored, 1 - expected <= eps)
    assert stored[0, 2]
    assert stored[1].sum() == 1
    np.testing.assert_allclose(
        distances.toarray()[stored], 1 - expected[stored], atol=1e-9
    )
