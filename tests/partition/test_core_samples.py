"""Clusterers that only label their training rows, made to place new rows."""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from sklearn.cluster import (
    DBSCAN,
    HDBSCAN,
    OPTICS,
    AgglomerativeClustering,
    KMeans,
    SpectralClustering,
)
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import pairwise_distances

from skexperts._numeric.routing import nearest_cell
from skexperts.partition._fitted_partition import fit_partition

X_NOISE = np.array([[0.0], [0.1], [0.2], [5.0], [5.1], [5.2], [3.0]])


def distances_by_hand(X, new, labels, core, metric="euclidean", **parameters):
    """Squared distances to the cells, and to the rows of noise, by plain loops."""
    between = pairwise_distances(new, X, metric=metric, **parameters)
    cells = np.unique(labels[labels >= 0])
    squared = [
        [min(row[i] for i in core if labels[i] == cell) ** 2 for cell in cells]
        for row in between
    ]
    noise = [
        min((row[i] for i in range(len(X)) if labels[i] < 0), default=np.inf) ** 2
        for row in between
    ]
    return np.array(squared), np.array(noise)


def unit_by_hand(X, labels, core, metric, **parameters):
    core = [i for i in core if labels[i] >= 0]
    between = pairwise_distances(X, metric=metric, **parameters)
    nearest = [
        min(between[i, j] for j in core if j != i) for i in np.flatnonzero(labels >= 0)
    ]
    return np.mean(np.square(nearest)) / 2


@settings(max_examples=60)
@given(
    st.integers(0, 10**6),
    st.sampled_from(["dbscan", "hdbscan", "optics", "agglomerative"]),
    st.sampled_from(["euclidean", "manhattan", "chebyshev", "minkowski"]),
)
def test_cells_and_noise_are_those_of_plain_loops(seed, name, metric):
    rng = np.random.default_rng(seed)
    centers = rng.normal(scale=6, size=(3, 2))
    X = centers[rng.integers(3, size=25)] + rng.normal(size=(25, 2))
    new = rng.normal(scale=6, size=(10, 2))
    p = {"p": 3} if metric == "minkowski" else {}
    clusterer = {
        "dbscan": DBSCAN(1.5, min_samples=3, metric=metric, **p),
        "hdbscan": HDBSCAN(3, metric=metric, metric_params=p or None, copy=True),
        "optics": OPTICS(min_samples=4, metric=metric, **p),
        "agglomerative": AgglomerativeClustering(
            3, metric="manhattan", linkage="average"
        ),
    }[name]
    partition = fit_partition_quietly(clusterer, X)
    if not (clusterer.labels_ >= 0).any():
        assert partition.n_cells == 1
        return
    metric, p = ("manhattan", {}) if name == "agglomerative" else (metric, p)
    core = getattr(clusterer, "core_sample_indices_", np.arange(25))
    squared, noise = distances_by_hand(X, new, clusterer.labels_, core, metric, **p)
    expected = np.where(
        (noise < squared.min(axis=1))[:, None], -np.inf, -squared / partition.unit
    )
    np.testing.assert_allclose(partition.affinity(new), expected, rtol=1e-7)
    training = partition.training_affinity(X)
    np.testing.assert_array_equal(
        np.isneginf(training).all(axis=1), clusterer.labels_ < 0
    )
    assert partition.unit == pytest.approx(
        unit_by_hand(X, clusterer.labels_, core, metric, **p)
    )
    assert partition.claims_all == (clusterer.labels_ >= 0).all()
    assert partition.unclaimed == ("all" if partition.claims_all else "shared")
    assert partition.feature_groups is None


def fit_partition_quietly(clusterer, X):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return fit_partition(clusterer, X)


def test_noise_belongs_to_no_cell():
    dbscan = DBSCAN(eps=0.3, min_samples=2, metric="manhattan")
    partition = fit_partition(dbscan, X_NOISE)
    assert partition.unclaimed == "shared"
    assert not partition.claims_all
    cells = nearest_cell(partition.training_affinity(X_NOISE))
    np.testing.assert_array_equal(cells, [0, 0, 0, 1, 1, 1, -1])
    # 4.0 is halfway between the noise at 3.0 and the cell at 5.0: no noise.
    new = np.array([[-9.0], [1.5], [1.7], [3.9], [4.0], [99.0]])
    cells = nearest_cell(partition.affinity(new))
    np.testing.assert_array_equal(cells, [0, 0, -1, -1, 1, 1])


def test_without_noise_every_row_is_claimed():
    partition = fit_partition(DBSCAN(eps=0.3, min_samples=2), X_NOISE[:-1])
    assert partition.unclaimed == "all"
    assert partition.claims_all
    assert np.isfinite(partition.affinity(np.array([[3.0]]))).all()


def test_a_clusterer_that_predicts_noise_gives_it_to_no_cell():
    class Far(KMeans):
        """K-means by hand: predicts noise at a distance of more than 1."""

        def predict(self, X):
            nearest = np.abs(np.asarray(X) - [[0.1, 5.1]])
            labels = nearest.argmin(axis=1)
            return np.where(nearest.min(axis=1) > 1, -1, labels)

        def fit(self, X, y=None, sample_weight=None):
            return self

    partition = fit_partition(Far(), X_NOISE)
    affinity = partition.training_affinity(X_NOISE)
    np.testing.assert_array_equal(nearest_cell(affinity), [0, 0, 0, 1, 1, 1, -1])
    assert np.isneginf(affinity[-1]).all()
    assert np.isfinite(affinity[:-1]).all()
    assert partition.unclaimed == "shared"
    assert fit_partition(Far(), X_NOISE[:-1]).unclaimed == "all"


def test_all_noise_is_one_cell_with_a_warning():
    X = np.arange(10.0)[:, None] ** 2
    with pytest.warns(UserWarning, match="all 10 rows are noise"):
        partition = fit_partition(DBSCAN(eps=1e-3), X)
    assert partition.n_cells == 1
    assert partition.claims_all
    assert np.isfinite(partition.training_affinity(X)).all()


def test_precomputed_distances_place_new_rows():
    X = np.random.default_rng(0).normal(size=(30, 2))
    X[15:] += 8
    new = X[::2] + 0.01
    plain = fit_partition(DBSCAN(eps=1.0, min_samples=3), X)
    distances = pairwise_distances(X)
    given = fit_partition(
        DBSCAN(eps=1.0, min_samples=3, metric="precomputed"), distances
    )
    np.testing.assert_allclose(
        given.training_affinity(distances), plain.training_affinity(X), atol=1e-6
    )
    np.testing.assert_allclose(
        given.affinity(pairwise_distances(new, X)), plain.affinity(new), rtol=1e-6
    )


def test_sparse_distances_are_refused():
    distances = csr_array(np.abs(X_NOISE - X_NOISE.T))
    with pytest.raises(ValueError, match="fitted on sparse distances.* another metric"):
        fit_partition(DBSCAN(eps=0.3, min_samples=2, metric="precomputed"), distances)


def test_a_metric_may_be_a_function():
    def metric(a, b):
        return abs(a - b).max()

    X = np.random.default_rng(0).normal(size=(20, 3))
    ours = fit_partition(AgglomerativeClustering(3), X)
    ours.metric = metric
    theirs = fit_partition(AgglomerativeClustering(3), X)
    theirs.metric = "chebyshev"
    np.testing.assert_allclose(ours.affinity(X + 1), theirs.affinity(X + 1))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sparse_rows_and_frames_give_the_affinity_of_arrays(dtype):
    rng = np.random.default_rng(0)
    X = (rng.integers(0, 3, size=(40, 3)) * 4 + rng.uniform(size=(40, 3))).astype(dtype)
    X.flags.writeable = False
    expected = fit_partition(DBSCAN(eps=1.0, min_samples=2), X).affinity(X)
    frame = pd.DataFrame(X, columns=list("abc"))
    for other in (csr_array(X), frame, pl.from_pandas(frame)):
        partition = fit_partition(DBSCAN(eps=1.0, min_samples=2), other)
        for affinity in (partition.affinity(other), partition.affinity(other[:])):
            np.testing.assert_allclose(affinity, expected, rtol=1e-3, atol=1e-4)


def test_a_large_offset_costs_no_digits():
    dbscan = DBSCAN(eps=0.3, min_samples=2, algorithm="kd_tree")
    shifted = fit_partition(dbscan, X_NOISE + 2**27)
    plain = fit_partition(dbscan, X_NOISE)
    np.testing.assert_array_equal(
        nearest_cell(shifted.affinity(X_NOISE + 2**27)),
        nearest_cell(plain.affinity(X_NOISE)),
    )


def test_huge_values_are_refused_by_name():
    partition = fit_partition(DBSCAN(eps=0.3, min_samples=2, metric="l1"), X_NOISE)
    with pytest.raises(ValueError, match="X has values up to 1e\\+200.*StandardScaler"):
        partition.affinity(np.array([[1e200]]))


def test_spectral_clusters_are_extended_to_new_rows():
    partition = fit_partition(
        SpectralClustering(2, random_state=0, gamma=1.0), X_NOISE[:-1]
    )
    cells = nearest_cell(partition.affinity(np.array([[-1.0], [0.3], [4.0], [9.0]])))
    assert cells[0] == cells[1] != cells[2] == cells[3]


def test_one_cell_of_one_row_each():
    partition = fit_partition(
        AgglomerativeClustering(None, distance_threshold=0), np.array([[1.0], [2.0]])
    )
    assert partition.n_cells == 2
    assert (
        nearest_cell(partition.affinity(np.array([[1.9]])))[0]
        == nearest_cell(partition.training_affinity(np.array([[1.0], [2.0]])))[1]
    )


def test_a_single_core_sample_has_a_unit():
    with pytest.warns(UserWarning, match="all 1 rows are noise"):
        partition = fit_partition(DBSCAN(), np.array([[3.0]]))
    np.testing.assert_array_equal(partition.affinity(np.array([[5.0]])), [[-4.0]])
    X = np.array([[0.0], [2.0], [-2.0]])
    for scale in (1.0, 1e-3):
        dbscan = DBSCAN(eps=2.5 * scale, min_samples=3)
        partition = fit_partition(dbscan, scale * X)
        assert dbscan.core_sample_indices_.tolist() == [0]
        np.testing.assert_allclose(partition.affinity(scale * X), [[0], [-2], [-2]])


def test_weights_enter_the_unit():
    X = np.array([[0.0], [1.0], [5.0], [8.0]])
    agglomerative = AgglomerativeClustering(2)
    partition = fit_partition(agglomerative, X, sample_weight=np.array([1.0, 2, 3, 4]))
    assert partition.unit == pytest.approx((1 + 2 + 3 * 9 + 4 * 9) / 10 / 2)


def test_the_default_metric_of_optics_is_euclidean():
    X = np.random.default_rng(0).normal(size=(30, 2))
    optics = OPTICS(min_samples=5)
    partition = fit_partition(optics, X)
    assert optics.metric == "minkowski"
    optics.metric = "euclidean"
    other = fit_partition(FrozenEstimator(optics), X)
    np.testing.assert_array_equal(partition.affinity(X), other.affinity(X))
