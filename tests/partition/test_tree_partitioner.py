"""Cells that are the leaves of a decision tree on y."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor, export_text

from skexperts._numeric.routing import nearest_cell
from skexperts.checks import check_partitioner
from skexperts.partition import TreePartitioner
from skexperts.partition._fitted_partition import fit_partition, set_n_cells


def random_data(seed=0, n_rows=80):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 3))
    return X, X[:, 0] * X[:, 1] + rng.normal(size=n_rows)


def ancestors(tree, leaf):
    """Nodes from a leaf up to the root."""
    path = [leaf]
    while path[-1] != 0:
        children = np.column_stack([tree.children_left, tree.children_right])
        path.append(int(np.argwhere(children == path[-1])[0, 0]))
    return path


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.integers(1, 12))
def test_affinity_counts_the_steps_up_to_the_shared_ancestor(seed, n_cells):
    X, y = random_data(seed)
    partitioner = TreePartitioner(n_cells, min_samples_leaf=2, random_state=0)
    affinity = partitioner.fit(X, y).affinity(X)
    assert 1 <= partitioner.n_cells_ <= n_cells
    tree = partitioner.estimator_.tree_
    leaves = partitioner.estimator_.apply(X)
    np.testing.assert_array_equal(partitioner.leaves_[nearest_cell(affinity)], leaves)
    up = {leaf: ancestors(tree, leaf) for leaf in partitioner.leaves_}
    steps = {
        (own, other): next(i for i, node in enumerate(up[own]) if node in up[other])
        for own in up
        for other in up
    }
    expected = [
        [-1e4 * steps[own, other] for other in partitioner.leaves_] for own in leaves
    ]
    np.testing.assert_array_equal(affinity, expected)


def test_cells_are_numbered_from_left_to_right():
    X = np.arange(90.0)[:, None]
    y = np.repeat([0.5, 9.25, 3.5], 30)
    partitioner = TreePartitioner(3).fit(X, y)
    cells = nearest_cell(partitioner.affinity(X))
    np.testing.assert_array_equal(cells, np.repeat([0, 1, 2], 30))
    assert export_text(partitioner.estimator_).count("value") == 3


def test_cells_are_the_regions_in_which_y_differs():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, size=(500, 2))
    quadrant = 2 * (X[:, 0] > 0) + (X[:, 1] > 0)
    y = np.array([1.5, 4.5, 9.5, 2.5])[quadrant]
    cells = nearest_cell(TreePartitioner(4).fit(X, y).affinity(X))
    for cell in range(4):
        assert len(np.unique(quadrant[cells == cell])) == 1


@pytest.mark.parametrize(
    ("y", "task", "kind"),
    [
        (np.repeat(["a", "b"], 40), "auto", DecisionTreeClassifier),
        (np.repeat([True, False], 40), "auto", DecisionTreeClassifier),
        (np.repeat([1.0, 2.0], 40), "auto", DecisionTreeClassifier),
        (np.repeat([1.0, 2.0], 40), "regression", DecisionTreeRegressor),
        (np.repeat([1.5, 2.0], 40), "auto", DecisionTreeRegressor),
        (np.ones((80, 2)) * 0.5, "auto", DecisionTreeRegressor),
        (np.repeat([1, 2, 3, 4], 20), "classification", DecisionTreeClassifier),
    ],
)
def test_the_kind_of_y_decides_the_tree(y, task, kind):
    X, _ = random_data()
    partitioner = TreePartitioner(2, task=task).fit(X, y)
    assert isinstance(partitioner.estimator_, kind)


def test_one_cell_claims_all():
    X, y = random_data()
    for partitioner in (TreePartitioner(1), TreePartitioner(9, min_samples_leaf=80)):
        partition = fit_partition(partitioner, X, y)
        assert partition.n_cells == 1
        np.testing.assert_array_equal(partition.affinity(X), np.zeros((80, 1)))
    one_row = TreePartitioner().fit(X[:1], y[:1])
    np.testing.assert_array_equal(one_row.affinity(X[:2]), np.zeros((2, 1)))


def test_parameters_reach_the_tree():
    X, y = random_data()
    partitioner = TreePartitioner(
        5, max_depth=2, min_samples_leaf=7, criterion="absolute_error", random_state=3
    ).fit(X, y)
    expected = {
        "max_leaf_nodes": 5,
        "max_depth": 2,
        "min_samples_leaf": 7,
        "criterion": "absolute_error",
        "random_state": 3,
    }
    assert expected.items() <= partitioner.estimator_.get_params().items()
    assert np.bincount(nearest_cell(partitioner.affinity(X))).min() >= 7


def test_weights_reach_the_tree():
    X = np.arange(60.0)[:, None]
    y = np.repeat([0.5, 1.5, 9.5], 20)
    light = np.repeat([1.0, 1.0, 1e-9], 20)
    plain = nearest_cell(fit_partition(TreePartitioner(2), X, y).affinity(X))
    weighted = fit_partition(TreePartitioner(2), X, y, sample_weight=light)
    assert np.flatnonzero(np.diff(plain)) == 39
    assert np.flatnonzero(np.diff(nearest_cell(weighted.affinity(X)))) == 19


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sparse_rows_and_frames_give_the_cells_of_arrays(dtype):
    X, y = random_data()
    X = (X * (X > 0)).astype(dtype)
    X.flags.writeable = False
    expected = TreePartitioner(6, random_state=0).fit(X, y).affinity(X)
    frame = pd.DataFrame(X, columns=list("abc"))
    for other in (csr_array(X), frame, pl.from_pandas(frame)):
        partition = fit_partition(TreePartitioner(6, random_state=0), other, y)
        np.testing.assert_array_equal(partition.affinity(other), expected)


def test_y_goes_through_a_pipeline():
    X, y = random_data()
    tree = TreePartitioner(4, random_state=0)
    partition = fit_partition(make_pipeline(StandardScaler(), tree), X, y)
    assert partition.n_cells == 4
    assert partition.claims_all
    assert partition.unclaimed == "all"


def test_y_is_needed():
    with pytest.raises(ValueError, match="requires y to be passed.* use a clusterer"):
        fit_partition(TreePartitioner(), np.ones((9, 2)))


def test_y_of_mixed_objects_is_refused():
    X, _ = random_data(n_rows=4)
    y = np.array([1, "a", 2.5, None], dtype=object)
    with pytest.raises(ValueError, match="y is neither classes .* nor numbers"):
        TreePartitioner().fit(X, y)


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_text_is_refused_by_name(frame):
    X = frame({"x": [0.0, 1], "town": ["a", "b"]})
    with pytest.raises(
        ValueError, match="not numeric: \\['town'\\].*ColumnTransformer"
    ):
        TreePartitioner().fit(X, [0, 1])


def test_set_n_cells_finds_the_parameter():
    partitioner = TreePartitioner()
    set_n_cells(partitioner, 5)
    assert partitioner.n_cells == 5


def test_contract():
    check_partitioner(TreePartitioner(3, random_state=0))
