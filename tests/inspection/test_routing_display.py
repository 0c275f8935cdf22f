"""Routing displays against plain numpy."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from scipy.sparse import csr_array

from skexperts import PartitionedExpertsClassifier, PartitionedExpertsRegressor
from skexperts.datasets import make_piecewise_regression
from skexperts.inspection import RoutingDisplay
from skexperts.inspection._routing_kinds import count_overlap


@pytest.fixture(scope="module")
def weights(partitioned, wine):
    return partitioned.route(wine[0]).toarray()


def test_load(partitioned, wine, weights):
    display = RoutingDisplay.from_estimator(partitioned, wine[0])
    np.testing.assert_allclose(display.values, weights.mean(axis=0))
    assert (np.diff(display.values[display.order]) <= 0).all()
    heights = [bar.get_height() for bar in display.ax_.patches]
    np.testing.assert_allclose(heights, 100 * display.values[display.order])
    ticks = [label.get_text() for label in display.ax_.get_xticklabels()]
    assert ticks == [display.expert_labels[k] for k in display.order]


def test_entropy(partitioned, wine, weights):
    display = RoutingDisplay.from_estimator(partitioned, wine[0], kind="entropy")
    logs = np.log(weights, where=weights > 0, out=np.zeros_like(weights))
    np.testing.assert_allclose(display.values, np.exp(-(weights * logs).sum(axis=1)))
    assert 1 <= display.values.min() <= display.values.max() <= 2
    assert sum(bar.get_height() for bar in display.ax_.patches) == len(weights)


def test_overlap(partitioned, wine, weights):
    display = RoutingDisplay.from_estimator(partitioned, wine[0], kind="overlap")
    both = (weights[:, :, None] > 0) & (weights[:, None] > 0)
    np.testing.assert_allclose(display.values, both.mean(axis=0))
    assert sorted(display.order) == [0, 1, 2, 3]
    assert np.ma.is_masked(display.ax_.images[0].get_array()[0, 0])


def test_experts_that_overlap_are_neighbours():
    weights = np.array([[0.5, 0, 0.5, 0]] * 5 + [[0, 0.5, 0, 0.5]] * 5)
    _, order = count_overlap(csr_array(weights))
    assert sorted(map(sorted, (order[:2], order[2:]))) == [[0, 2], [1, 3]]


def test_confusion(partitioned, wine, weights):
    X, y = wine
    display = RoutingDisplay.from_estimator(partitioned, X, y, kind="confusion")
    counts = np.zeros((4, 3))
    for row, label in zip(weights, y, strict=True):
        counts[row.argmax(), label] += 1
    np.testing.assert_array_equal(display.values, counts)
    assert display.class_labels == ["0", "1", "2"]
    assert (np.diff(counts[display.order].argmax(axis=1)) >= 0).all()
    texts = [int(text.get_text()) for text in display.ax_.texts]
    assert sorted(texts) == sorted(counts[counts > 0])


@pytest.mark.parametrize(("factor", "n_texts"), [(1, 4), (10**16, 0)])
def test_numbers_are_written_where_they_have_room(factor, n_texts):
    display = RoutingDisplay(
        kind="confusion",
        values=factor * np.array([[11, 22, 0], [0, 33, 44]]),
        order=np.arange(2),
        expert_labels=["0", "1"],
        class_labels=["a", "b", "c"],
    )
    assert len(display.plot().ax_.texts) == n_texts


@pytest.mark.parametrize("kind", ["load", "entropy", "overlap", "confusion"])
def test_a_pipeline_is_its_last_step_on_what_it_sees(pipeline, wine_frame, kind):
    X, y = wine_frame
    whole = RoutingDisplay.from_estimator(pipeline, X, y, kind=kind)
    last = RoutingDisplay.from_estimator(
        pipeline[-1], pipeline[:-1].transform(X), y, kind=kind
    )
    np.testing.assert_array_equal(whole.values, last.values)


@pytest.mark.parametrize("kind", ["load", "entropy", "overlap", "confusion"])
def test_gated_experts_with_a_shared_one(gated, wine, kind):
    display = RoutingDisplay.from_estimator(gated, *wine, kind=kind)
    assert display.expert_labels == ["0", "1", "2", "3", "4"]
    display.figure_.draw_without_rendering()


@pytest.mark.parametrize("kind", ["load", "entropy", "overlap", "confusion"])
def test_one_expert(wine, kind):
    model = PartitionedExpertsClassifier(n_experts=1, random_state=0).fit(*wine)
    display = RoutingDisplay.from_estimator(model, *wine, kind=kind)
    expected = np.bincount(wine[1]) if kind == "confusion" else 1.0
    np.testing.assert_allclose(np.squeeze(display.values), expected)
    display.figure_.draw_without_rendering()


def test_sparse_rows_are_routed_as_dense_ones(partitioned, wine):
    dense = RoutingDisplay.from_estimator(partitioned, wine[0])
    sparse = RoutingDisplay.from_estimator(partitioned, csr_array(wine[0]))
    np.testing.assert_allclose(sparse.values, dense.values)


def test_errors(partitioned, wine):
    X, y = wine
    with pytest.raises(ValueError, match="The 'kind' parameter of RoutingDisplay"):
        RoutingDisplay.from_estimator(partitioned, X, kind="traffic")
    with pytest.raises(ValueError, match="y is None. Pass the classes"):
        RoutingDisplay.from_estimator(partitioned, X, kind="confusion")
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        RoutingDisplay.from_estimator(partitioned, X, y[:-1], kind="confusion")
    with pytest.raises(ValueError, match="Expected 2D array"):
        RoutingDisplay.from_estimator(partitioned, X[0])
    X, y = make_piecewise_regression(n_samples=60, random_state=0)
    regressor = PartitionedExpertsRegressor(n_experts=2, random_state=0).fit(X, y)
    with pytest.raises(ValueError, match="is no classifier"):
        RoutingDisplay.from_estimator(regressor, X, y, kind="confusion")
    assert not plt.get_fignums()
