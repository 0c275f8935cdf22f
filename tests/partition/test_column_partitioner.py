"""Cells named by a column, or by a function of X."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skexperts._numeric.routing import nearest_cell
from skexperts.checks import check_partitioner
from skexperts.partition import ColumnPartitioner
from skexperts.partition._fitted_partition import fit_partition, set_n_cells

FRAMES = [pd.DataFrame, pl.DataFrame]
SEGMENTS = ["b", "a", None, "b", "c"]


def sign_of_first(X):
    return np.sign(np.asarray(X)[:, 0])


def both(frame, values):
    return frame({"x": np.arange(float(len(values))), "segment": values})


def cells_by_hand(training, new):
    segments = sorted({v for v in training if v is not None and v == v})
    return segments, [segments.index(v) if v in segments else -1 for v in new]


VALUES = st.one_of(
    st.lists(st.sampled_from([*"abcd", None, ""]), min_size=1),
    st.lists(st.integers(-3, 3), min_size=1),
    st.lists(st.booleans(), min_size=1),
    st.lists(st.sampled_from([0.1, 0.2, -0.0, 0.0, np.inf, np.nan]), min_size=1),
)


@pytest.mark.parametrize("frame", FRAMES)
@given(VALUES, st.data())
def test_cells_are_the_distinct_values(frame, values, data):
    training = data.draw(st.lists(st.sampled_from(values), min_size=1))
    if not any(v is not None and v == v for v in training):
        with pytest.raises(ValueError, match="all [0-9]+ are missing"):
            ColumnPartitioner("segment").fit(both(frame, training))
        return
    partitioner = ColumnPartitioner("segment").fit(both(frame, training))
    segments, cells = cells_by_hand(training, values)
    assert list(partitioner.segments_) == segments
    affinity = partitioner.affinity(both(frame, values))
    np.testing.assert_array_equal(nearest_cell(affinity), cells)
    claimed = np.array(cells) >= 0
    np.testing.assert_array_equal((affinity == 0).sum(axis=1), claimed)
    np.testing.assert_array_equal(np.isneginf(affinity), affinity != 0)


@pytest.mark.parametrize("frame", FRAMES)
def test_unseen_and_missing_values_belong_to_no_cell(frame):
    X = both(frame, SEGMENTS)
    partition = fit_partition(ColumnPartitioner("segment"), X)
    assert partition.unclaimed == "shared"
    assert not partition.claims_all
    assert partition.feature_groups is None
    cells = nearest_cell(partition.training_affinity(X))
    np.testing.assert_array_equal(cells, [1, 0, -1, 1, 2])
    new = both(frame, ["z", "c", None])
    np.testing.assert_array_equal(nearest_cell(partition.affinity(new)), [-1, 2, -1])


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("column", ["segment", 1, -1])
def test_a_column_has_a_name_and_positions(frame, column):
    partitioner = ColumnPartitioner(column).fit(both(frame, SEGMENTS))
    assert partitioner.segments_.tolist() == ["a", "b", "c"]
    assert partitioner.feature_names_in_.tolist() == ["x", "segment"]


@pytest.mark.parametrize(
    "values",
    [
        pd.Categorical(SEGMENTS, categories=["c", "b", "a", "unused"]),
        pd.array(SEGMENTS, dtype="string"),
        pl.Series(SEGMENTS, dtype=pl.Categorical),
        pl.Series(SEGMENTS, dtype=pl.Enum(["c", "b", "a"])),
    ],
    ids=["pandas categorical", "pandas string", "polars categorical", "polars enum"],
)
def test_categories_are_their_values(values):
    frame = pl.DataFrame if isinstance(values, pl.Series) else pd.DataFrame
    partitioner = ColumnPartitioner("segment").fit(frame({"segment": values}))
    assert partitioner.segments_.tolist() == ["a", "b", "c"]


@pytest.mark.parametrize(
    "values", [[3, None, 1], [True, None, False]], ids=["Int64", "boolean"]
)
def test_nullable_values_of_pandas(values):
    dtype = "boolean" if values[0] is True else "Int64"
    X = pd.DataFrame({"segment": pd.array(values, dtype=dtype)})
    partitioner = ColumnPartitioner("segment").fit(X)
    assert partitioner.segments_.tolist() == sorted([values[0], values[2]])
    cells = nearest_cell(partitioner.affinity(X))
    np.testing.assert_array_equal(cells, [1, -1, 0])


@pytest.mark.parametrize("frame", FRAMES)
def test_dates_are_values(frame):
    dates = np.array(["2020-01-02", "NaT", "2020-01-01"], dtype="datetime64[us]")
    partitioner = ColumnPartitioner("segment").fit(both(frame, dates))
    cells = nearest_cell(partitioner.affinity(both(frame, dates)))
    np.testing.assert_array_equal(cells, [1, -1, 0])


@pytest.mark.parametrize(
    "X",
    [
        np.array([[0.5, 7], [0.1, 0], [0.2, 7]], dtype=np.float32),
        np.asfortranarray([[5, 7], [1, 0], [2, 7]]),
        np.array([["x", "q"], ["y", "p"], ["z", "q"]]),
        np.array([["x", "q"], [1.5, "p"], [None, "q"]], dtype=object),
        csr_array([[0.5, 7.0], [0.1, 0.0], [0.2, 7.0]]),
        csr_array([[5, 7], [1, 0], [2, 7]]),
        [[5, 7], [1, 0], [2, 7]],
    ],
    ids=["float32", "int", "text", "object", "csr", "csr int", "list"],
)
def test_arrays_and_sparse_rows_have_positions(X):
    for column in (1, -1):
        partitioner = ColumnPartitioner(column).fit(X)
        np.testing.assert_array_equal(nearest_cell(partitioner.affinity(X)), [1, 0, 1])


def test_values_of_another_type_are_the_same_if_they_are_equal():
    partitioner = ColumnPartitioner(0).fit(np.array([[2**53], [2**53 + 1], [1]]))
    new = np.array([[1.0], [2.0**53], [np.nan], [1.5]])
    cells = nearest_cell(partitioner.affinity(new))
    np.testing.assert_array_equal(cells, [0, 1, -1, -1])
    cells = nearest_cell(partitioner.affinity(np.array([["1"]], dtype=object)))
    np.testing.assert_array_equal(cells, [-1])


def test_read_only_rows_one_row_and_one_cell():
    X = np.array([[4.0, 2.0]])
    X.flags.writeable = False
    partitioner = ColumnPartitioner(0).fit(X)
    np.testing.assert_array_equal(partitioner.affinity(X), [[0.0]])


@pytest.mark.parametrize("frame", FRAMES)
def test_unknown_columns_are_refused(frame):
    X = both(frame, SEGMENTS)
    with pytest.raises(ValueError, match="'region' is no column of X.*'x', 'se"):
        ColumnPartitioner("region").fit(X)
    with pytest.raises(ValueError, match="column=2 is out of range.* -2 to 1"):
        ColumnPartitioner(2).fit(X)
    with pytest.raises(ValueError, match="'x' is a name, but X has no column names"):
        ColumnPartitioner("x").fit(np.ones((3, 2)))


@pytest.mark.parametrize("frame", FRAMES)
def test_a_frame_without_rows_is_refused(frame):
    with pytest.raises(ValueError, match="shape \\(0, 2\\).* at least one row"):
        ColumnPartitioner("x").fit(both(frame, SEGMENTS)[:0])


def test_values_that_cannot_be_sorted_are_refused_and_the_old_fit_stays():
    partitioner = ColumnPartitioner("segment").fit(both(pd.DataFrame, SEGMENTS))
    mixed = both(pd.DataFrame, pd.Series(["a", 1, None], dtype=object))
    with pytest.raises(ValueError, match="'segment' of X has .* NoneType, int, str"):
        partitioner.fit(mixed)
    assert partitioner.n_cells_ == 3


def test_column_of_what_a_pipeline_gives():
    def bins(X):
        return pd.DataFrame({"bin": np.where(X[:, 0] > 0, "high", "low")})

    X = np.array([[-1.0], [2.0], [3.0]])
    pipeline = make_pipeline(FunctionTransformer(bins), ColumnPartitioner("bin"))
    partition = fit_partition(pipeline, X)
    assert partition.unclaimed == "shared"
    np.testing.assert_array_equal(nearest_cell(partition.affinity(X)), [1, 0, 0])


def test_a_column_decides_how_many_cells_there_are():
    with pytest.raises(ValueError, match="n_experts=5 .*values of the column decide"):
        set_n_cells(ColumnPartitioner("segment"), 5)


@pytest.mark.parametrize("partitioner", [ColumnPartitioner(0), sign_of_first], ids=str)
def test_contract(partitioner):
    check_partitioner(partitioner)


@pytest.mark.parametrize(
    "X",
    [
        np.array([[-2.0, 1], [0, 1], [3, 1]]),
        pd.DataFrame({"x": [-2.0, 0, 3]}),
        pl.DataFrame({"x": [-2.0, 0, 3]}),
    ],
    ids=["array", "pandas", "polars"],
)
def test_cells_are_the_labels_of_a_function(X):
    partition = pickle.loads(pickle.dumps(fit_partition(sign_of_first, X)))
    assert partition.n_cells == 3
    assert partition.unclaimed == "shared"
    np.testing.assert_array_equal(nearest_cell(partition.affinity(X)), [0, 1, 2])


@pytest.mark.parametrize(
    ("training", "new", "expected"),
    [
        (["b", None, "a"], ["a", "z", None], [0, -1, -1]),
        ([-1, 3, -1], np.array([3, -1, 4]), [1, 0, -1]),
        (np.array([0.5, np.nan, 1]), [1, np.nan, 0.5], [1, -1, 0]),
        (pd.Series(["u", "v", None]), pl.Series(["v", None, "u"]), [1, -1, 0]),
        (("u", "v", "u"), np.array(["v", "w", "u"]), [1, -1, 0]),
    ],
    ids=["strings", "minus one is a label", "floats", "series", "tuple"],
)
def test_every_label_of_a_function_is_a_cell(training, new, expected):
    answers = [training, new]
    partition = fit_partition(lambda X: answers.pop(0), np.ones((3, 1)))
    cells = nearest_cell(partition.affinity(np.ones((3, 1))))
    np.testing.assert_array_equal(cells, expected)


@pytest.mark.parametrize("labels", [np.zeros((4, 1)), np.zeros(3), 7, None])
def test_labels_of_another_shape_are_refused(labels):
    with pytest.raises(ValueError, match="lambda.* must return .* \\(4,\\). Got shape"):
        fit_partition(lambda X: labels, np.ones((4, 2)))


def test_mixed_labels_of_a_function_are_refused():
    with pytest.raises(ValueError, match="partitioner function .* types int, str"):
        fit_partition(lambda X: ["a", 1], np.ones((2, 2)))
    with pytest.raises(ValueError, match="types list, which cannot be sorted"):
        fit_partition(lambda X: [[1], [1, 2]], np.ones((2, 2)))


def test_a_function_that_raises_is_named():
    with pytest.raises(IndexError) as caught:
        fit_partition(lambda X: X[:, 9], np.ones((2, 2)))
    assert "Raised by the partitioner function" in caught.value.__notes__[0]


def test_a_function_decides_how_many_cells_there_are():
    with pytest.raises(ValueError, match="n_experts=5 .* a function decides"):
        set_n_cells(sign_of_first, 5)


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("column", ["segment", 1, -2])
def test_experts_can_do_without_the_column(frame, column):
    X = frame({"x": [0.0, 1, 2], "segment": ["b", "a", "b"], "z": [1.0, 1, 0]})
    partitioner = ColumnPartitioner(column, drop=True).fit(X)
    assert [group.tolist() for group in partitioner.feature_groups_] == [[0, 2]] * 2
    assert ColumnPartitioner(column).fit(X).feature_groups_ is None


def test_the_only_column_cannot_be_dropped():
    with pytest.raises(ValueError, match="drop=True leaves no column .* column 0 is"):
        ColumnPartitioner(0, drop=True).fit(np.zeros((3, 1)))
