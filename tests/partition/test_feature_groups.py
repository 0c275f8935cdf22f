"""Experts on groups of columns."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array
from sklearn.decomposition import PCA
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline

from skexperts.checks import check_partitioner
from skexperts.partition import FeatureGroups
from skexperts.partition._fitted_partition import fit_partition, set_n_cells

FRAMES = [pd.DataFrame, pl.DataFrame]
X = np.ones((4, 5))


@given(st.integers(1, 40), st.data())
def test_random_groups_are_a_balanced_partition_of_the_columns(n_features, data):
    n_groups = data.draw(st.integers(1, n_features))
    seed = data.draw(st.integers(0, 99))
    partitioner = FeatureGroups(n_groups, random_state=seed)
    groups = partitioner.fit(np.ones((2, n_features))).feature_groups_
    assert len(groups) == partitioner.n_cells_ == n_groups
    np.testing.assert_array_equal(np.sort(np.concatenate(groups)), range(n_features))
    sizes = [len(group) for group in groups]
    assert max(sizes) - min(sizes) <= 1


def test_random_groups_depend_on_the_seed():
    wide = np.ones((2, 30))
    first, again, other = (
        np.concatenate(FeatureGroups(3, random_state=seed).fit(wide).feature_groups_)
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@given(st.integers(1, 40), st.data())
def test_contiguous_groups_are_balanced_blocks_in_order(n_features, data):
    n_groups = data.draw(st.integers(1, n_features))
    partitioner = FeatureGroups(n_groups, contiguous=True)
    groups = partitioner.fit(np.ones((2, n_features))).feature_groups_
    np.testing.assert_array_equal(np.concatenate(groups), range(n_features))
    sizes = [len(group) for group in groups]
    assert len(sizes) == n_groups
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] - sizes[-1] <= 1


@pytest.mark.parametrize("rows", [X, csr_array(X), X.tolist()], ids=type)
def test_groups_may_overlap_and_leave_columns_out(rows):
    groups = [[3, -1], slice(0, 2), (1,), np.array([1, 0]), range(2), slice(None, -3)]
    partitioner = FeatureGroups(groups).fit(rows)
    expected = [[3, 4], [0, 1], [1], [1, 0], [0, 1], [0, 1]]
    assert [group.tolist() for group in partitioner.feature_groups_] == expected
    assert all(group.dtype == np.intp for group in partitioner.feature_groups_)


@pytest.mark.parametrize("frame", FRAMES)
def test_names_are_looked_up(frame):
    table = frame({"age": [1, 2], "sex": ["m", None], "dose": [0.1, 0.2]})
    partitioner = FeatureGroups([["dose", "age"], [1], slice(1, 3)]).fit(table)
    groups = [group.tolist() for group in partitioner.feature_groups_]
    assert groups == [[2, 0], [1], [1, 2]]
    assert partitioner.feature_names_in_.tolist() == ["age", "sex", "dose"]
    assert partitioner.affinity(table).shape == (2, 3)
    with pytest.raises(ValueError, match="groups\\[0\\]\\[1\\]='weight' is no column"):
        FeatureGroups([["dose", "weight"]]).fit(table)
    with pytest.raises(
        ValueError, match="groups\\[1\\] has column 'age' more than once"
    ):
        FeatureGroups([["sex"], ["age", 0]]).fit(table)


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ([], "groups is empty"),
        ([[0], []], "groups\\[1\\] has no column"),
        ([slice(5, 9)], "groups\\[0\\] has no column"),
        ([[0, 5]], "groups\\[0\\]\\[1\\]=5 is out of range: X has 5 features"),
        ([[0], [-6]], "groups\\[1\\]\\[0\\]=-6 is out of range"),
        ([["a"]], "'a' is a name, but X has no column names"),
        ([[1, 1]], "groups\\[0\\] has column 1 more than once"),
        ([[1, -4]], "groups\\[0\\] has column 1 more than once"),
        (6, "groups=6 must not exceed .* n_features=5"),
    ],
    ids=str,
)
def test_impossible_groups_are_refused(groups, message):
    partitioner = FeatureGroups([[0]]).fit(X)
    partitioner.groups = groups
    with pytest.raises(ValueError, match=message):
        partitioner.fit(X)
    assert partitioner.n_cells_ == 1


def test_too_many_contiguous_groups_are_refused():
    with pytest.raises(ValueError, match="groups=6 must not exceed .* n_features=5"):
        FeatureGroups(6, contiguous=True).fit(X)


def test_groups_of_many_columns_are_looked_up():
    wide = csr_array((2, 200_000))
    slices = [slice(100_000), slice(100_000, None)]
    halves = FeatureGroups(slices).fit(wide).feature_groups_
    blocks = FeatureGroups(2, contiguous=True).fit(wide).feature_groups_
    for half, block in zip(halves, blocks, strict=True):
        np.testing.assert_array_equal(half, block)


@pytest.mark.parametrize("groups", [[0], ["age"], [[0.5]], [[True]], [np.ones((1, 1))]])
def test_what_is_no_group_is_refused(groups):
    with pytest.raises(TypeError, match="is neither"):
        FeatureGroups(groups).fit(X)


def test_a_slice_of_names_is_refused():
    with pytest.raises(TypeError, match="no slice of positions. Give the names"):
        FeatureGroups([slice("a", "c")]).fit(X)


def test_no_row_is_claimed_and_all_experts_serve():
    partition = fit_partition(FeatureGroups([[0], [1, 2]]), X)
    assert np.isneginf(partition.training_affinity(X)).all()
    assert partition.affinity(X[:1]).shape == (1, 2)
    assert partition.unclaimed == "all"
    assert not partition.claims_all
    assert [group.tolist() for group in partition.feature_groups] == [[0], [1, 2]]


@pytest.mark.parametrize(
    "partitioner",
    [
        make_pipeline(FeatureGroups([[0]])),
        make_pipeline(make_pipeline(FeatureGroups([[0]]))),
        FrozenEstimator(FeatureGroups([[0]]).fit(X)),
    ],
    ids=["pipeline", "nested", "frozen"],
)
def test_groups_are_handed_through(partitioner):
    assert fit_partition(partitioner, X).feature_groups[0].tolist() == [0]


def test_groups_behind_other_steps_are_refused():
    with pytest.raises(ValueError, match="FeatureGroups numbers the columns of X"):
        fit_partition(make_pipeline(PCA(2), FeatureGroups(2)), np.eye(5))


def test_the_number_of_random_groups_can_be_set():
    partitioner = FeatureGroups(3)
    set_n_cells(make_pipeline(partitioner), 2)
    assert partitioner.groups == 2
    with pytest.raises(ValueError, match="n_experts=2 .*the groups are given"):
        set_n_cells(FeatureGroups([[0]]), 2)


@pytest.mark.parametrize("contiguous", [False, True])
@pytest.mark.parametrize("groups", [2, [[0], [0, 1]]], ids=str)
def test_contract(groups, contiguous):
    check_partitioner(FeatureGroups(groups, contiguous=contiguous, random_state=0))
