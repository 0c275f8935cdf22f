import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn import config_context
from sklearn.cluster import (
    DBSCAN,
    HDBSCAN,
    AffinityPropagation,
    AgglomerativeClustering,
    Birch,
    BisectingKMeans,
    FeatureAgglomeration,
    KMeans,
    MeanShift,
    MiniBatchKMeans,
    SpectralClustering,
)
from sklearn.datasets import make_blobs
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import Ridge
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skexperts._numeric.routing import nearest_cell
from skexperts.checks import check_partitioner
from skexperts.gating import DistanceGate
from skexperts.partition import PartitionerMixin, RandomPartitioner
from skexperts.partition._fitted_partition import fit_partition, set_n_cells

PARTITIONERS = [
    KMeans(3, random_state=0),
    MiniBatchKMeans(3, random_state=0),
    BisectingKMeans(3, random_state=0),
    AffinityPropagation(random_state=0),
    MeanShift(),
    Birch(n_clusters=3),
    GaussianMixture(3, random_state=0),
    BayesianGaussianMixture(n_components=3, random_state=0),
    DBSCAN(eps=2.0),
    HDBSCAN(copy=True),
    AgglomerativeClustering(3),
    SpectralClustering(3, random_state=0, affinity="rbf", gamma=0.1),
    RandomPartitioner(3, random_state=0),
    make_pipeline(StandardScaler(), KMeans(3, random_state=0)),
]


def names(partitioners):
    return [type(p).__name__ for p in partitioners]


@pytest.mark.parametrize("partitioner", PARTITIONERS, ids=names(PARTITIONERS))
def test_contract(partitioner):
    check_partitioner(partitioner)


@pytest.mark.parametrize("partitioner", PARTITIONERS[:12], ids=names(PARTITIONERS[:12]))
def test_cells_are_the_clusters(partitioner):
    X, blobs = make_blobs(
        120, centers=[[0, 0], [9, 9], [-9, 9]], cluster_std=0.5, random_state=0
    )
    partition = fit_partition(partitioner, X)
    cells = nearest_cell(partition.training_affinity(X))
    new = nearest_cell(partition.affinity(X + 0.01))
    for found in (cells, new):
        # Every cell lies within one blob.
        for cell in np.unique(found):
            assert len(np.unique(blobs[found == cell])) == 1


def test_affinity_of_centres_is_minus_the_squared_distance_in_units_of_its_mean():
    X = np.random.default_rng(0).normal(size=(40, 3))
    weights = np.arange(1.0, 41.0)
    kmeans = KMeans(4, random_state=0)
    affinity = fit_partition(kmeans, X, sample_weight=weights).affinity(X)
    squared = np.square(kmeans.transform(X))
    unit = np.average(squared.min(axis=1), weights=weights) / 2
    np.testing.assert_allclose(affinity, -squared / unit, atol=1e-9)
    np.testing.assert_array_equal(nearest_cell(affinity), kmeans.labels_)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize("spread", [1e-4, 1.0])
def test_affinity_of_centres_has_no_units(scale, spread):
    X, _ = make_blobs(
        100, centers=[[0, 0], [10, 0]], cluster_std=spread, random_state=0
    )
    between = np.array([[4.9, 0.0]])
    plain = fit_partition(KMeans(2, random_state=0), X).affinity(between)
    scaled = fit_partition(KMeans(2, random_state=0), scale * X).affinity(
        scale * between
    )
    np.testing.assert_allclose(scaled, plain, rtol=1e-6)


def test_affinity_of_centres_stands_a_large_offset():
    X = np.random.default_rng(0).normal(size=(40, 3)) + 1e8
    kmeans = KMeans(4, random_state=0)
    affinity = fit_partition(kmeans, X).affinity(X)
    distances = [((X - center) ** 2).sum(axis=1) for center in kmeans.cluster_centers_]
    np.testing.assert_array_equal(nearest_cell(affinity), np.argmin(distances, axis=0))


def test_affinity_of_a_mixture_is_the_log_posterior():
    X = np.random.default_rng(0).normal(size=(80, 2))
    mixture = GaussianMixture(3, random_state=0)
    affinity = fit_partition(mixture, X).affinity(X)
    np.testing.assert_allclose(np.exp(affinity), mixture.predict_proba(X), atol=1e-12)


@pytest.mark.parametrize(
    "partitioner", [Birch(n_clusters=3), GaussianMixture(3, random_state=0)], ids=str
)
def test_the_other_cells_follow_by_distance(partitioner):
    X, blobs = make_blobs(
        90, centers=[[0, 0], [100, 0], [400, 0]], cluster_std=0.5, random_state=0
    )
    affinity = fit_partition(partitioner, X).affinity(X)
    place = [int(nearest_cell(affinity[blobs == blob])[0]) for blob in range(3)]
    for blob, order in enumerate([[0, 1, 2], [1, 0, 2], [2, 1, 0]]):
        found = np.argsort(-affinity[blobs == blob], axis=1)
        expected = [place[k] for k in order]
        np.testing.assert_array_equal(found, np.tile(expected, (len(found), 1)))
    weights = DistanceGate().fit(None, affinity).gate_weights(None, affinity)
    np.testing.assert_array_equal(weights.max(axis=1), 1.0)


def test_a_frozen_partitioner_is_used_as_it_is():
    X = np.random.default_rng(0).normal(size=(60, 3))
    kmeans = KMeans(4, random_state=0).fit(X[:30])
    centers = kmeans.cluster_centers_.copy()
    for frozen in (
        FrozenEstimator(kmeans),
        FrozenEstimator(make_pipeline(StandardScaler(), kmeans).fit(X[:30])),
    ):
        partition = fit_partition(frozen, X)
        assert partition.n_cells == 4
    np.testing.assert_array_equal(
        nearest_cell(fit_partition(FrozenEstimator(kmeans), X).affinity(X)),
        kmeans.predict(X),
    )
    assert kmeans.cluster_centers_.shape == centers.shape


def test_a_pipeline_may_give_frames():
    X = np.random.default_rng(0).normal(size=(60, 3))
    with config_context(transform_output="pandas"):
        partition = fit_partition(make_pipeline(StandardScaler(), DBSCAN(eps=1.0)), X)
        assert partition.affinity(X).shape == (60, partition.n_cells)


def test_labels_of_something_else_than_rows_are_refused():
    with pytest.raises(TypeError, match="FeatureAgglomeration.* no cells of rows"):
        fit_partition(FeatureAgglomeration(2), np.random.default_rng(0).random((9, 4)))


@pytest.mark.parametrize("fitted", [np.float32, np.float64])
@pytest.mark.parametrize("new", [np.float32, np.float64])
def test_new_rows_may_have_another_float_type(fitted, new):
    X = np.random.default_rng(0).normal(size=(40, 3))
    partition = fit_partition(KMeans(4, random_state=0), X.astype(fitted))
    assert np.isfinite(partition.affinity(X.astype(new))).all()


def test_sparse_rows_give_the_dense_affinity():
    X = np.random.default_rng(0).normal(size=(40, 5)) * (
        np.arange(200).reshape(40, 5) % 3
    )
    partition = fit_partition(KMeans(4, random_state=0), X)
    np.testing.assert_allclose(partition.affinity(csr_array(X)), partition.affinity(X))


def test_sample_weight_reaches_the_partitioner():
    X = np.array([[0.0], [1.0], [10.0], [11.0]])
    kmeans = KMeans(2, random_state=0)
    fit_partition(kmeans, X, sample_weight=np.array([3.0, 1.0, 1.0, 1.0]))
    assert np.isclose(kmeans.cluster_centers_, 0.25).any()


def test_huge_values_are_refused_by_name():
    X = np.array([[1e200], [-1e200], [0.0], [1.0]])
    partition = fit_partition(
        KMeans(2, random_state=0), np.array([[0.0], [1.0], [2.0]])
    )
    with pytest.raises(ValueError, match="X has values up to 1e\\+200.*StandardScaler"):
        partition.affinity(X)


def test_an_estimator_without_cells_is_refused():
    class Nothing:
        def fit(self, X):
            return self

    with pytest.raises(TypeError, match="no cells of rows after fit"):
        fit_partition(Nothing(), np.ones((3, 1)))


def test_a_partition_without_a_cell_is_refused():
    class Empty(PartitionerMixin):
        n_cells_ = 0

        def fit(self, X):
            return self

    with pytest.raises(ValueError, match="Empty found no cell in the 3 rows of X"):
        fit_partition(Empty(), np.ones((3, 1)))


@pytest.mark.parametrize(
    "partitioner",
    [
        KMeans(),
        GaussianMixture(),
        RandomPartitioner(),
        make_pipeline(make_pipeline(KMeans())),
    ],
    ids=str,
)
def test_set_n_cells_finds_the_parameter(partitioner):
    set_n_cells(partitioner, 5)
    assert 5 in partitioner.get_params(deep=True).values()


def test_set_n_cells_refuses_what_has_no_number_of_cells():
    with pytest.raises(ValueError, match="n_experts=5 cannot be passed on.*Ridge"):
        set_n_cells(Ridge(), 5)


def test_random_cells_are_balanced_and_claim_no_new_row():
    partitioner = RandomPartitioner(3, random_state=0).fit(np.ones((11, 2)))
    np.testing.assert_array_equal(np.sort(np.bincount(partitioner.labels_)), [3, 4, 4])
    assert np.isneginf(partitioner.affinity(np.ones((4, 2)))).all()


def test_more_random_cells_than_rows_are_refused():
    with pytest.raises(ValueError, match="n_cells=5 must not exceed .* n_samples=3"):
        RandomPartitioner(5).fit(np.ones((3, 1)))


def test_a_mixin_without_affinity_says_what_is_missing():
    class Half(PartitionerMixin):
        pass

    with pytest.raises(TypeError, match="Half must implement affinity"):
        Half().affinity(np.ones((2, 2)))
