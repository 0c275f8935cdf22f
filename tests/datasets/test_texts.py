"""Tests of the bundled texts."""

import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline

from skexperts import L1SVC
from skexperts.datasets import load_banking77, load_sms_spam

LOADERS = [load_sms_spam, load_banking77]
COUNTS = [
    (load_sms_spam, {}, 5574, 2, 747, 4827),
    (load_banking77, {}, 13083, 77, 75, 227),
    (load_banking77, {"subset": "train"}, 10003, 77, 35, 187),
    (load_banking77, {"subset": "test"}, 3080, 77, 40, 40),
]


@pytest.mark.parametrize(
    ("load", "options", "n_samples", "n_classes", "smallest", "largest"), COUNTS
)
def test_shapes_types_and_class_counts(
    load, options, n_samples, n_classes, smallest, largest
):
    bunch = load(**options)
    assert bunch.data.shape == bunch.target.shape == (n_samples,)
    assert bunch.data.dtype == object
    assert all(type(text) is str and text.strip() for text in bunch.data)
    assert bunch.target.dtype.kind == bunch.target_names.dtype.kind == "U"
    assert bunch.frame is None
    classes, counts = np.unique(bunch.target, return_counts=True)
    assert classes.tolist() == bunch.target_names.tolist()
    assert (len(classes), counts.min(), counts.max()) == (n_classes, smallest, largest)


def test_train_then_test_is_all():
    parts = [load_banking77(subset=subset) for subset in ("train", "test")]
    everything = load_banking77()
    for name in ("data", "target"):
        together = np.concatenate([part[name] for part in parts])
        np.testing.assert_array_equal(together, everything[name])


def test_known_rows():
    sms, banking = load_sms_spam(), load_banking77(subset="test")
    assert sms.data[0].startswith("Go until jurong point, crazy..")
    assert sms.target[:3].tolist() == ["ham", "ham", "spam"]
    assert banking.data[0] == "How do I locate my card?"
    assert banking.target[0] == "card_arrival"


@pytest.mark.parametrize("load", LOADERS)
def test_frame_holds_the_same_data(load):
    arrays, frames = load(), load(as_frame=True)
    assert list(frames.frame) == ["text", "target"]
    for name, column in [("data", "text"), ("target", "target")]:
        pd.testing.assert_series_equal(frames[name], frames.frame[column])
        assert frames[name].tolist() == arrays[name].tolist()
    texts, target = load(as_frame=True, return_X_y=True)
    pd.testing.assert_series_equal(texts, frames.data)
    pd.testing.assert_series_equal(target, frames.target)


def test_spam_is_told_by_its_words():
    texts, target = load_sms_spam(return_X_y=True)
    model = make_pipeline(TfidfVectorizer(), L1SVC())
    assert cross_val_score(model, texts, target, cv=3).mean() > 0.97


def test_intents_are_told_by_their_words():
    model = make_pipeline(TfidfVectorizer(), L1SVC())
    model.fit(*load_banking77(subset="train", return_X_y=True))
    accuracy = model.score(*load_banking77(subset="test", return_X_y=True))
    assert accuracy == pytest.approx(0.88, abs=0.02)


@pytest.mark.parametrize(
    ("load", "facts"),
    [
        (load_sms_spam, ["10.24432/C5CC84", "CC BY 4.0", "403 rows repeat"]),
        (load_banking77, ["arxiv.org/abs/2003.04807", "CC BY 4.0", "first 10003"]),
    ],
)
def test_description_states_source_licence_and_split(load, facts):
    assert [fact for fact in facts if fact not in load().DESCR] == []


def test_unknown_subset_is_refused():
    with pytest.raises(ValueError, match="'subset' parameter of load_banking77 must"):
        load_banking77(subset="validation")


@pytest.mark.parametrize("load", LOADERS)
def test_frame_without_pandas_says_what_to_do(load, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    message = rf"{load.__name__}\(as_frame=True\) needs pandas.*or use as_frame=False"
    with pytest.raises(ImportError, match=message):
        load(as_frame=True)
    assert load().frame is None
