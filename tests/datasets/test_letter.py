"""Tests of the bundled letter data."""

import sys

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from skexperts.datasets import load_letter

LETTERS = list("ABCDEFGHIJKLMNOPQRSTUVWXYZ")


@pytest.mark.parametrize(
    ("subset", "n_samples", "smallest_class", "largest_class"),
    [("all", 20000, 734, 813), ("train", 16000, 576, 648), ("test", 4000, 136, 168)],
)
def test_shapes_types_and_class_counts(
    subset, n_samples, smallest_class, largest_class
):
    letter = load_letter(subset=subset)

    assert letter.data.shape == (n_samples, 16)
    assert letter.data.dtype == np.float64
    assert letter.data.flags.c_contiguous
    assert letter.target.shape == (n_samples,)
    assert letter.target.dtype.kind == "U"
    assert len(letter.feature_names) == len(set(letter.feature_names)) == 16
    assert letter.target_names.tolist() == LETTERS
    assert letter.frame is None
    classes, counts = np.unique(letter.target, return_counts=True)
    assert classes.tolist() == LETTERS
    assert (counts.min(), counts.max()) == (smallest_class, largest_class)


def test_values_are_the_integers_from_0_to_15():
    assert np.unique(load_letter().data).tolist() == list(range(16))


def test_first_row_is_that_of_the_uci_file():
    letter = load_letter()
    assert letter.target[0] == "T"
    expected = [2, 8, 3, 5, 1, 8, 13, 0, 6, 6, 10, 8, 0, 8, 0, 8]
    assert letter.data[0].tolist() == expected


def test_train_then_test_is_all():
    parts = [load_letter(subset=subset) for subset in ("train", "test")]
    everything = load_letter()
    np.testing.assert_array_equal(
        np.concatenate([part.data for part in parts]), everything.data
    )
    np.testing.assert_array_equal(
        np.concatenate([part.target for part in parts]), everything.target
    )


def test_nearest_neighbour_has_its_known_accuracy():
    X_train, y_train = load_letter(subset="train", return_X_y=True)
    X_test, y_test = load_letter(subset="test", return_X_y=True)
    neighbour = KNeighborsClassifier(n_neighbors=1).fit(X_train, y_train)
    assert neighbour.score(X_test, y_test) == pytest.approx(0.956, abs=0.002)


def test_caller_cannot_change_the_names_of_later_loads():
    load_letter(subset="test").feature_names.clear()
    assert len(load_letter(subset="test").feature_names) == 16


def test_frame_holds_the_same_data():
    pd = pytest.importorskip("pandas")
    arrays = load_letter(subset="test")
    frames = load_letter(subset="test", as_frame=True)

    assert isinstance(frames.data, pd.DataFrame)
    assert isinstance(frames.target, pd.Series)
    assert list(frames.data) == arrays.feature_names
    assert list(frames.frame) == [*arrays.feature_names, "target"]
    np.testing.assert_array_equal(frames.data.to_numpy(), arrays.data)
    np.testing.assert_array_equal(frames.target.to_numpy(), arrays.target)
    pd.testing.assert_frame_equal(frames.frame[arrays.feature_names], frames.data)
    pd.testing.assert_series_equal(frames.frame["target"], frames.target)

    X, y = load_letter(subset="test", as_frame=True, return_X_y=True)
    pd.testing.assert_frame_equal(X, frames.data)
    pd.testing.assert_series_equal(y, frames.target)


def test_description_states_source_licence_and_split():
    description = load_letter().DESCR
    for fact in (
        "Slate, D. (1991). Letter Recognition [Dataset]. UCI Machine Learning",
        "https://doi.org/10.24432/C5ZP40",
        "CC BY 4.0",
        "Frey, P. W. and Slate, D. J. (1991)",
        "first 16000 rows",
    ):
        assert fact in description
    for name in load_letter().feature_names:
        assert f"\n{name} " in description


@pytest.mark.parametrize("subset", ["validation", "", None, 0, ["train"]])
def test_unknown_subset_is_refused(subset):
    message = (
        r"The 'subset' parameter of load_letter must be 'all', 'train' or 'test'\. Got"
    )
    with pytest.raises(ValueError, match=message):
        load_letter(subset=subset)


def test_frame_without_pandas_says_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"needs pandas.*or use as_frame=False"):
        load_letter(as_frame=True)
    assert load_letter().data.shape == (20000, 16)
