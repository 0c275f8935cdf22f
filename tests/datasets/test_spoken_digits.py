"""Tests of the bundled spoken digits."""

import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from skexperts.datasets import load_spoken_digits


@pytest.mark.parametrize(
    ("subset", "n_samples"), [("all", 3000), ("train", 2700), ("test", 300)]
)
def test_shapes_types_and_balance(subset, n_samples):
    digits = load_spoken_digits(subset=subset)
    assert digits.data.shape == (n_samples, 192)
    assert digits.data.dtype == np.float64
    assert digits.data.flags.c_contiguous
    assert digits.target.shape == digits.speaker.shape == (n_samples,)
    assert digits.target.dtype == np.int64
    assert digits.image_shape == (12, 16)
    assert digits.target_names.tolist() == list(range(10))
    assert digits.frame is None
    pairs = zip(digits.target.tolist(), digits.speaker.tolist(), strict=True)
    counts = pd.Series(list(pairs)).value_counts()
    assert len(counts) == 60
    assert set(counts) == {n_samples // 60}


def test_values_are_the_integers_from_0_to_255():
    values = np.unique(load_spoken_digits().data)
    np.testing.assert_array_equal(values, np.rint(values))
    assert (values[0], values[-1]) == (0, 255)


def test_features_are_named_frame_by_frame():
    digits = load_spoken_digits(subset="test")
    images = digits.data.reshape(-1, *digits.image_shape)
    for frame, band in [(0, 0), (0, 15), (7, 3), (11, 15)]:
        column = digits.feature_names.index(f"frame{frame}_band{band}")
        np.testing.assert_array_equal(digits.data[:, column], images[:, frame, band])


def test_train_then_test_is_all():
    parts = [load_spoken_digits(subset=subset) for subset in ("train", "test")]
    everything = load_spoken_digits()
    for name in ("data", "target", "speaker"):
        together = np.concatenate([part[name] for part in parts])
        np.testing.assert_array_equal(together, everything[name])


def test_known_accuracies_and_a_new_voice_is_harder():
    digits = load_spoken_digits()
    model = make_pipeline(StandardScaler(), SVC(C=10))
    official = np.arange(3000) < 2700
    known_voices = digits.speaker != "theo"
    scores = [
        model.fit(digits.data[train], digits.target[train]).score(
            digits.data[~train], digits.target[~train]
        )
        for train in (official, known_voices)
    ]
    assert scores == pytest.approx([0.98, 0.774], abs=0.01)


def test_frame_holds_the_same_data():
    arrays = load_spoken_digits(subset="test")
    frames = load_spoken_digits(subset="test", as_frame=True)
    names = arrays.feature_names
    assert list(frames.frame) == [*names, "speaker", "target"]
    pd.testing.assert_frame_equal(frames.frame[names], frames.data)
    np.testing.assert_array_equal(frames.data.to_numpy(), arrays.data)
    for name in ("speaker", "target"):
        pd.testing.assert_series_equal(frames.frame[name], frames[name])
        assert frames[name].tolist() == arrays[name].tolist()
    X, y = load_spoken_digits(subset="test", as_frame=True, return_X_y=True)
    pd.testing.assert_frame_equal(X, frames.data)
    pd.testing.assert_series_equal(y, frames.target)


def test_description_states_source_licence_and_derivation():
    description = load_spoken_digits().DESCR
    for fact in (
        "https://github.com/Jakobovski/free-spoken-digit-dataset",
        "CC BY-SA 4.0",
        "must be shared alike",
        "means of two frames by two bands",
    ):
        assert fact in " ".join(description.split())


def test_unknown_subset_is_refused():
    with pytest.raises(ValueError, match="parameter of load_spoken_digits must be"):
        load_spoken_digits(subset="theo")


def test_frame_without_pandas_says_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"load_spoken_digits.*needs pandas"):
        load_spoken_digits(as_frame=True)
