"""Cases 4, 5 and 24 to 30: what y is."""

import numpy as np
import pandas as pd
from catalogue import case, check_outputs, check_refused, refused
from grid import BLOB, TWO, X_NEW, X
from models import says
from sklearn.utils import get_tags

from skexperts.partition import ColumnPartitioner

LABELS = BLOB[: len(X)]


def classifies(model):
    return model.classifies


def in_segments(model):
    """Return X with the blob as column 0, and a model of one cell for each."""
    rows = X.copy()
    rows[:, 0] = LABELS
    return rows, model.make().set_params(partitioner=ColumnPartitioner(0), top_k=1)


@case(4, "a cell with one class", where=lambda m: m.classifies and m.partitioner)
def one_class_in_a_cell(model, _):
    rows, new = in_segments(model)
    y = np.where(LABELS == 2, "c", np.where(TWO > 0, "a", "b"))
    fitted = new.fit(rows, y)
    own = np.flatnonzero(LABELS == 2)
    routing = fitted.route(rows).toarray()[own]
    alone = own[routing[:, fitted.cells_.tolist().index(2)] == 1]
    assert (fitted.predict(rows[alone]) == "c").all()
    assert fitted.classes_.tolist() == ["a", "b", "c"]
    if model.gate in ("hard", "distance", "auto"):
        assert len(alone) == len(own)
        state = fitted.fit_report_["state"][fitted.fit_report_["cell"] == 2]
        assert state.tolist() == ["constant"]
    check_outputs(fitted, rows)


@case(
    5,
    "a class that a cell does not have",
    where=lambda m: m.classifies and m.partitioner,
)
def class_absent_from_a_cell(model, _):
    if model.gate not in ("hard", "distance", "auto"):
        return  # Learned gates may route rows of all classes anywhere.
    rows, new = in_segments(model)
    y = np.where((LABELS == 1) & (TWO > 0), "c", np.where(TWO > 0, "a", "b"))
    fitted = new.fit(rows, y)
    check_outputs(fitted, rows)
    own = LABELS == 0
    outputs = fitted.expert_outputs(rows[own])
    assert outputs.shape == (own.sum(), 3)
    # Class c is the last column; it never wins, and has no probability.
    assert (outputs[:, 2] <= outputs.min(axis=1)).all()
    assert not (fitted.predict(rows[own]) == "c").any()


TWO_NAMES = {
    "text": np.array(["yes", "no"]),
    "objects": np.array(["yes", "no"], dtype=object),
    "long and short": np.array(["a", "b" * 40]),
    "bool": np.array([False, True]),
    "int8": np.array([7, -3], dtype=np.int8),
    "floats": np.array([2.0, 1.0]),
    "large": np.array([2**60, -(2**60)]),
}


@case(24, "labels of text and other kinds", TWO_NAMES, where=classifies)
def kinds_of_labels(model, names):
    fitted = model.fit(y=names[TWO])
    np.testing.assert_array_equal(fitted.classes_, np.unique(names))
    assert fitted.predict(X_NEW).dtype == fitted.classes_.dtype
    check_outputs(fitted, X_NEW)
    numbers = model.fit(y=np.unique(names, return_inverse=True)[1][TWO])
    np.testing.assert_array_equal(says(fitted, X_NEW), says(numbers, X_NEW))


@case(25, "labels True and False", ["numpy", "list", "pandas"], where=classifies)
def truth_values(model, kind):
    y = TWO.astype(bool)
    given = {"numpy": y, "list": y.tolist(), "pandas": pd.Series(y)}[kind]
    fitted = model.fit(y=given)
    assert fitted.predict(X_NEW).dtype == bool
    np.testing.assert_array_equal(says(fitted, X_NEW), says(model.fit(y=TWO), X_NEW))


@case(26, "labels of several types", where=classifies)
def mixed_labels(model, _):
    y = np.where(TWO > 0, 1, np.array(["a"], dtype=object))
    words = "mixes labels of the types int, str|mix of"
    check_refused(model, words, X, y, (model.fit(), X_NEW))


@case(27, "labels that are missing", [None, np.nan], where=classifies)
def missing_labels(model, missing):
    y = np.array(["a", "b"], dtype=object)[TWO]
    y[4] = missing
    words = "y has missing labels"
    check_refused(model, words, X, y, (model.fit(), X_NEW))


@case(27, "values of y that are not finite", [np.nan, np.inf], lambda m: m.regresses)
def missing_values(model, missing):
    y = model.y.copy()
    y[4] = missing
    check_refused(model, "y contains (NaN|infinity)", X, y, (model.fit(), X_NEW))


@case(28, "values of y for a classifier", where=classifies)
def values_for_a_classifier(model, _):
    y = np.linspace(0.1, 1.2, len(X))
    check_refused(model, "Unknown label type: continuous", X, y, (model.fit(), X_NEW))


@case(28, "one class for a classifier", where=classifies)
def one_class(model, _):
    y = np.ones(len(X), dtype=int)
    check_refused(model, "only one class", X, y, (model.fit(), X_NEW))


@case(29, "labels at score that fit did not see", where=classifies)
def unseen_label_at_score(model, _):
    fitted = model.fit()
    y = fitted.predict(X_NEW).astype(object if model.target == "three" else int)
    y[:6] = "zzz" if model.target == "three" else 99
    assert fitted.score(
        X_NEW, y.astype(str) if y.dtype == object else y
    ) == 1 - 6 / len(y)


@case(29, "another number of labels at score", where=lambda m: m.predicts)
def wrong_length_at_score(model, _):
    with refused("inconsistent numbers of samples"):
        model.fit().score(X_NEW, model.y[: len(X_NEW) - 1])


@case(30, "several columns of y", where=classifies)
def several_labels(model, _):
    y = np.column_stack([TWO, 1 - TWO])
    words = "y should be a 1d array|multi-?output|bad input shape"
    check_refused(model, words, X, y, (model.fit(), X_NEW))


@case(30, "several values of y", where=lambda m: m.regresses)
def several_values(model, _):
    y = np.column_stack([model.y, -model.y])
    if not get_tags(model.make()).target_tags.multi_output:
        check_refused(model, "y should be a 1d array", X, y, (model.fit(), X_NEW))
        return
    fitted = model.fit(y=y)
    assert fitted.predict(X_NEW).shape == (len(X_NEW), 2)
    assert np.isfinite(fitted.predict(X_NEW)).all()


@case(30, "y of another length", where=lambda m: m.target != "none")
def other_length(model, _):
    words = "inconsistent numbers of samples"
    check_refused(model, words, X, model.y[:-1], (model.fit(), X_NEW))
