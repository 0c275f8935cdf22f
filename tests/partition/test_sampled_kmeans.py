"""KMeans on a sample: all rows if they are few, a random part if they are many."""

import numpy as np
import pytest
from sklearn.cluster import KMeans

from skexperts.partition import _sampled_kmeans
from skexperts.partition._sampled_kmeans import _SampledKMeans


@pytest.fixture
def X():
    rng = np.random.default_rng(0)
    return rng.permutation(
        np.concatenate(
            [rng.standard_normal((400, 3)), 9 + rng.standard_normal((400, 3))]
        )
    )


def test_few_rows_are_all_used(X):
    plain = KMeans(2, random_state=0).fit(X)
    sampled = _SampledKMeans(2, random_state=0).fit(X)
    np.testing.assert_array_equal(sampled.cluster_centers_, plain.cluster_centers_)


@pytest.mark.parametrize("weighted", [False, True])
def test_many_rows_are_sampled(X, monkeypatch, weighted):
    monkeypatch.setattr(_sampled_kmeans, "_MOST_ROWS", 100)
    monkeypatch.setattr(_sampled_kmeans, "_ROWS_PER_CENTRE", 10)
    weight = np.ones(len(X)) if weighted else None
    model = _SampledKMeans(2, random_state=0).fit(X, sample_weight=weight)
    again = _SampledKMeans(2, random_state=0).fit(X, sample_weight=weight)
    assert len(model.labels_) == 100
    np.testing.assert_array_equal(model.cluster_centers_, again.cluster_centers_)
    means = np.sort(model.cluster_centers_.mean(axis=1))
    np.testing.assert_allclose(means, [0, 9], atol=0.3)


def test_sample_grows_with_the_centres(X, monkeypatch):
    monkeypatch.setattr(_sampled_kmeans, "_MOST_ROWS", 100)
    model = _SampledKMeans(2, random_state=0).fit(X)
    assert len(model.labels_) == 512
