"""The map of rows and experts against plain numpy."""

import matplotlib.pyplot as plt
import numpy as np
import polars as pl
import pytest
from scipy.sparse import coo_array, csr_array
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.pipeline import make_pipeline

from skexperts import (
    L1SVC,
    ColumnPartitioner,
    PartitionedExpertsClassifier,
    PartitionedExpertsRegressor,
)
from skexperts.inspection import ExpertMapDisplay
from skexperts.inspection._plotting import PALETTE, distinct_colors


def test_centers_traffic_and_first_choices(partitioned, wine):
    X, y = wine
    display = ExpertMapDisplay.from_estimator(partitioned, X, y)
    weights = partitioned.route(X).toarray()
    rows = PCA(2).fit_transform(X)

    np.testing.assert_allclose(np.abs(display.coordinates), np.abs(rows))
    np.testing.assert_array_equal(display.first_choice, weights.argmax(axis=1))
    np.testing.assert_allclose(display.traffic, weights.mean(axis=0))
    for k, center in enumerate(display.centers):
        expected = np.average(display.coordinates, axis=0, weights=weights[:, k])
        np.testing.assert_allclose(center, expected)
    by_class = np.array([weights[y == label].sum(axis=0) for label in range(3)])
    assert display.class_labels == [str(label) for label in by_class.argmax(axis=0)]
    assert display.regions is None


def test_labels_are_experts_or_classes(partitioned, wine):
    display = ExpertMapDisplay.from_estimator(partitioned, *wine)
    written = {text.get_text() for text in display.ax_.texts}
    assert written == set(display.expert_labels) == {"0", "1", "2", "3"}

    display.plot(annotate="class")
    written = {text.get_text() for text in display.ax_.texts}
    assert written == set(display.class_labels)

    display.plot(annotate=None)
    assert not display.ax_.texts


def test_labels_do_not_overlap(wine):
    display = ExpertMapDisplay(
        coordinates=wine[0][:, :2],
        first_choice=np.zeros(len(wine[0]), dtype=int),
        centers=np.array([[0, 0], [0.001, 0], [1, 1]]),
        traffic=np.array([0.2, 0.5, 0.3]),
        expert_labels=["a", "b", "c"],
        axis_labels=["x", "y"],
    )
    texts = display.plot().ax_.texts
    assert {text.get_text() for text in texts} == {"b", "c"}


def test_an_expert_without_traffic_has_no_place(partitioned, wine):
    X, y = wine
    first = partitioned.route(X).toarray().argmax(axis=1)
    rows = X[first == first[0]]
    model = PartitionedExpertsClassifier(n_experts=4, gate="hard", random_state=0)
    display = ExpertMapDisplay.from_estimator(model.fit(X, y), rows, y[: len(rows)])
    unused = display.traffic == 0
    assert unused.any()
    assert np.isnan(display.centers[unused]).all()
    assert all(display.class_labels[k] == "" for k in np.flatnonzero(unused))
    assert len(display.ax_.texts) <= np.count_nonzero(~unused)


@pytest.mark.parametrize("make", [np.asarray, pl.DataFrame])
def test_two_features_are_the_plane_and_have_regions(wine, wine_frame, make):
    X, y = wine[0][:, [0, 6]], wine[1]
    X = make(X) if make is np.asarray else make(X, schema=["alcohol", "flavanoids"])
    model = PartitionedExpertsClassifier(n_experts=3, random_state=0).fit(X, y)
    display = ExpertMapDisplay.from_estimator(model, X, grid_resolution=7)

    np.testing.assert_array_equal(display.coordinates, wine[0][:, [0, 6]])
    names = ["x0", "x1"] if make is np.asarray else ["alcohol", "flavanoids"]
    assert display.axis_labels == names
    x, y, choice = display.regions
    assert choice.shape == (7, 7)
    point = np.array([[x[5], y[2]]])
    point = make(point) if make is np.asarray else make(point, schema=names)
    assert choice[2, 5] == model.route(point).toarray().argmax()
    assert len(display.ax_.collections) == 3

    display = ExpertMapDisplay.from_estimator(model, X, grid_resolution=0)
    assert display.regions is None


def test_sparse_rows_lie_in_the_plane_of_singular_vectors(partitioned, wine):
    X = csr_array(wine[0])
    display = ExpertMapDisplay.from_estimator(partitioned, X)
    expected = TruncatedSVD(2, random_state=0).fit_transform(X)
    np.testing.assert_allclose(display.coordinates, expected)

    model = PartitionedExpertsClassifier(n_experts=2, random_state=0)
    model.fit(X[:, [0, 1]], wine[1])
    display = ExpertMapDisplay.from_estimator(model, X[:, [0, 1]])
    assert display.regions is None


def test_a_plane_of_two_columns(pipeline, wine_frame, partitioned, wine):
    X, _ = wine_frame
    display = ExpertMapDisplay.from_estimator(pipeline, X, plane=["hue", -1])
    seen = pipeline[:-1].transform(X)
    np.testing.assert_array_equal(display.coordinates, seen[["hue", "proline"]])
    assert display.axis_labels == ["hue", "proline"]

    display = ExpertMapDisplay.from_estimator(
        partitioned, coo_array(wine[0]), plane=(3, 0)
    )
    np.testing.assert_array_equal(display.coordinates, wine[0][:, [3, 0]])


def test_a_plane_of_a_transformer(partitioned, wine):
    plane = PCA(2).fit(wine[0][:50])
    display = ExpertMapDisplay.from_estimator(partitioned, wine[0], plane=plane)
    np.testing.assert_allclose(display.coordinates, plane.transform(wine[0]))
    assert display.axis_labels == ["PCA 0", "PCA 1"]


def test_columns_of_text_need_a_plane(wine_frame):
    X, y = wine_frame
    X = X[["hue", "ash"]].assign(side=np.where(y > 0, "left", "right"))
    numbers = make_column_transformer(("passthrough", ["hue", "ash"]))
    model = PartitionedExpertsClassifier(
        make_pipeline(numbers, L1SVC()), partitioner=ColumnPartitioner("side")
    ).fit(X, y)
    with pytest.raises(ValueError, match=r"not numeric: \['side'\].*Give the plane"):
        ExpertMapDisplay.from_estimator(model, X)
    with pytest.raises(ValueError, match="names columns that are not numbers"):
        ExpertMapDisplay.from_estimator(model, X, plane=["hue", "side"])
    display = ExpertMapDisplay.from_estimator(model, X, plane=["hue", "ash"])
    assert display.expert_labels[:2] == ["left", "right"]


def test_many_experts_have_colours_that_differ_from_their_neighbours():
    side = np.arange(12)
    centers = np.column_stack([part.ravel() for part in np.meshgrid(side, side)])
    np.random.default_rng(0).shuffle(centers)
    colors = distinct_colors(centers)
    assert set(colors) == set(PALETTE)
    distance = np.abs(centers[:, None] - centers).sum(axis=2)
    same = np.equal.outer(colors, colors)
    assert not (same & (distance == 1)).any()


def test_errors(partitioned, gated, wine):
    X, y = wine
    draw = ExpertMapDisplay.from_estimator
    with pytest.raises(ValueError, match="annotate='class' needs the classes"):
        draw(partitioned, X, annotate="class")
    with pytest.raises(ValueError, match="The 'annotate' parameter"):
        draw(partitioned, X, annotate="row")
    with pytest.raises(ValueError, match="The 'grid_resolution' parameter"):
        draw(partitioned, X, grid_resolution=-1)
    with pytest.raises(ValueError, match="plane must be two columns, a fitted"):
        draw(partitioned, X, plane=[1, 2, 3])
    with pytest.raises(ValueError, match="plane must be two columns, a fitted"):
        draw(partitioned, X, plane="x1")
    with pytest.raises(ValueError, match="names the column 'hue', which is not among"):
        draw(partitioned, X, plane=["x1", "hue"])
    with pytest.raises(ValueError, match="names the column 13, which is not among"):
        draw(partitioned, X, plane=[0, 13])
    with pytest.raises(ValueError, match=r"shape \(178, 3\), but a map needs two"):
        draw(partitioned, X, plane=PCA(3).fit(X))
    with pytest.raises(ValueError, match="X has 1 row.s. and 13 feature.s."):
        draw(gated, X[:1])
    with pytest.raises(ValueError, match="Expected 2D array"):
        draw(partitioned, X[0])
    regressor = PartitionedExpertsRegressor(n_experts=2, random_state=0).fit(X, y)
    with pytest.raises(ValueError, match="annotate='class' needs the classes"):
        draw(regressor, X, y, annotate="class")
    assert not plt.get_fignums()
