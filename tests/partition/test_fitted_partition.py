import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.sparse import csr_array, issparse
from sklearn import config_context
from sklearn.base import clone
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
from sklearn.compose import make_column_transformer
from sklearn.datasets import make_blobs
from sklearn.feature_selection import SelectKBest
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import Ridge
from sklearn.mixture import BayesianGaussianMixture, GaussianMixture
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skexperts._numeric.routing import nearest_cell
from skexperts.checks import check_partitioner
from skexperts.decomposition import SparseCoder
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


FRAMES = [pd.DataFrame, pl.DataFrame]


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize(
    "partitioner", [*PARTITIONERS[:12], PARTITIONERS[-1]], ids=lambda p: str(p)[:12]
)
def test_frames_give_the_affinity_of_arrays(partitioner, frame):
    X, _ = make_blobs(
        60, centers=[[0, 0], [9, 9], [-9, 9]], cluster_std=0.5, random_state=0
    )
    expected = fit_partition(clone(partitioner), X)
    partition = fit_partition(clone(partitioner), frame({"a": X[:, 0], "b": X[:, 1]}))
    new = X[:7] + 0.1
    np.testing.assert_allclose(
        partition.affinity(frame({"a": new[:, 0], "b": new[:, 1]})),
        expected.affinity(new),
        atol=1e-9,
    )


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize(
    "partitioner", [KMeans(2), GaussianMixture(2), Birch(), DBSCAN()], ids=str
)
def test_text_is_refused_by_name(partitioner, frame):
    X = frame({"x": [0.0, 1, 2], "town": ["a", "b", "c"], "sex": ["m", None, "f"]})
    message = "not numeric: \\['town', 'sex'\\] .*ColumnTransformer.*ColumnPartitioner"
    with pytest.raises((ValueError, TypeError), match=message):
        fit_partition(partitioner, X)
    with pytest.raises(ValueError, match="not numeric: \\[1\\]"):
        fit_partition(partitioner, np.array([[1, "a"], [2, "b"]], dtype=object))


def test_other_errors_of_a_clusterer_are_its_own():
    with pytest.raises(ValueError, match="NaN"):
        fit_partition(KMeans(2), np.array([[1.0], [np.nan], [2.0]]))
    with pytest.raises(ValueError, match="n_samples=2 should be >= n_clusters=3"):
        fit_partition(KMeans(3), pd.DataFrame({"x": [1.0, 2.0]}))


@pytest.mark.parametrize("frame", FRAMES)
def test_random_cells_need_no_numbers(frame):
    X = frame({"town": ["a", "b", None, "a"]})
    partition = fit_partition(RandomPartitioner(2, random_state=0), X)
    assert np.isneginf(partition.affinity(X)).all()
    assert not partition.claims_all
    assert partition.unclaimed == "all"
    assert partition.feature_groups is None


@pytest.mark.parametrize("frame", FRAMES)
def test_a_column_transformer_in_front_of_a_clusterer(frame):
    X = frame({"x": [0.0, 1, 8, 9], "town": ["a", "a", "b", "b"]})
    front = make_column_transformer((OneHotEncoder(), ["town"]), ("passthrough", ["x"]))
    partition = fit_partition(make_pipeline(front, KMeans(2, random_state=0)), X)
    cells = nearest_cell(partition.affinity(X))
    assert cells[0] == cells[1] != cells[2] == cells[3]


@pytest.mark.parametrize("output", ["default", "pandas", "polars"])
@pytest.mark.parametrize(
    "clusterer",
    [KMeans(5, random_state=0), Birch(), AgglomerativeClustering(5)],
    ids=str,
)
def test_cells_of_codes_are_those_of_the_codes_by_hand(output, clusterer):
    X = np.random.default_rng(0).normal(size=(90, 12))
    coder = SparseCoder(
        20, alpha=0.1, random_state=0, sparse_output=output == "default"
    ).set_output(transform=output)
    if output == "default" and not isinstance(clusterer, KMeans):
        coder.set_params(sparse_output=False)
    pipeline = make_pipeline(coder, clone(clusterer))
    partition = fit_partition(pipeline, X)
    new = X[::3] + 0.01
    codes, new_codes = (
        clone(coder).set_output(transform="default").fit(X).transform(rows)
        for rows in (X, new)
    )
    by_hand = fit_partition(clone(clusterer), codes)
    for found, expected in [
        (partition.training_affinity(X), by_hand.training_affinity(codes)),
        (partition.affinity(new), by_hand.affinity(new_codes)),
    ]:
        np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-9)


def test_codes_may_be_csr():
    X = np.random.default_rng(0).normal(size=(90, 12))
    coder = SparseCoder(20, alpha=0.5, random_state=0)
    pipeline = make_pipeline(coder, KMeans(5, random_state=0))
    partition = fit_partition(pipeline, csr_array(X))
    assert issparse(pipeline[:-1].transform(X))
    cells = nearest_cell(partition.affinity(csr_array(X)))
    np.testing.assert_array_equal(cells, pipeline.predict(X))


def test_y_goes_to_every_partitioner_that_takes_it():
    class Taking(PartitionerMixin):
        n_cells_ = 1

        def fit(self, X, y):
            self.y = y
            return self

    class Ignoring(PartitionerMixin):
        n_cells_ = 1

        def fit(self, X):
            return self

    y = np.arange(3)
    taking = Taking()
    fit_partition(taking, np.ones((3, 1)), y)
    assert taking.y is y
    assert fit_partition(Ignoring(), np.ones((3, 1)), y).n_cells == 1


def test_y_goes_to_a_supervised_selector_in_front():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 4))
    pipeline = make_pipeline(SelectKBest(k=1), KMeans(2, random_state=0))
    fit_partition(pipeline, X, (X[:, 2] > 0).astype(int))
    assert pipeline[0].get_support().tolist() == [False, False, True, False]


def test_a_pipeline_hands_through_what_serves_unclaimed_rows():
    X = np.array([[0.0], [0.1], [5.0], [5.1], [50.0]])
    pipeline = make_pipeline(StandardScaler(), DBSCAN(eps=0.1, min_samples=2))
    for partitioner in (pipeline, make_pipeline(pipeline)):
        partition = fit_partition(partitioner, X)
        assert partition.unclaimed == "shared"
        assert not partition.claims_all
        assert np.isneginf(partition.training_affinity(X)[-1]).all()


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
