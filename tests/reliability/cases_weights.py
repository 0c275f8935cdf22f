"""Cases 34 to 39: sample weights."""

import numpy as np
from catalogue import case, check_outputs, check_refused
from grid import THREE, X_NEW, X
from models import says

WEIGHTS = np.random.default_rng(1).integers(1, 4, len(X)) / 2.0


def weights_with(value, where=3):
    weights = WEIGHTS.copy()
    weights[where] = value
    return weights


BAD = {
    "negative": (weights_with(-1.0), "Negative values .*sample_weight"),
    "NaN": (weights_with(np.nan), "sample_weight contains NaN"),
    "infinity": (weights_with(np.inf), "sample_weight contains infinity"),
    "all zero": (np.zeros(len(X)), "[Ss]ample weights .*zero"),
    "short": (WEIGHTS[:-1], "sample_weight.shape == "),
    "two columns": (np.ones((len(X), 2)), "1D array"),
    "text": (np.full(len(X), "much"), "could not convert string|sample_weight"),
}
NUMBERS = {"negative": 34, "NaN": 35, "infinity": 35, "all zero": 36}


def refuse(model, bad):
    weights, words = bad
    old = model.fit(), X_NEW
    check_refused(model, words, X, model.y, old, sample_weight=weights)


for name, bad in BAD.items():
    case(NUMBERS.get(name, 39), f"weights: {name}", {name: bad})(refuse)


@case(36, "rows of weight zero", [0.2, 0.6])
def rows_without_weight(model, share):
    gone = np.random.default_rng(3).random(len(X)) < share
    weights = np.where(gone, 0.0, WEIGHTS)
    weighted = model.fit(sample_weight=weights)
    y = None if model.y is None else model.y[~gone]
    alone = model.fit(X[~gone], y, sample_weight=weights[~gone])
    if "alpha" in model.name and model.target != "none":
        return  # Its folds are of all rows.
    np.testing.assert_array_equal(says(weighted, X_NEW), says(alone, X_NEW))


@case(37, "a cell without weight", where=lambda m: m.partitioner)
def cell_without_weight(model, _):
    best = model.fit().route(X).toarray().argmax(axis=1)
    weights = np.where(best == 0, 0.0, WEIGHTS)
    if weights.any():
        check_outputs(model.fit(sample_weight=weights), X_NEW)


@case(38, "a class without weight", where=lambda m: m.classifies)
def class_without_weight(model, _):
    weights = np.where(THREE == "b", 0.0, WEIGHTS)
    fitted = model.fit(y=THREE, sample_weight=weights)
    assert fitted.classes_.tolist() == ["a", "c"]
    check_outputs(fitted, X_NEW)


@case(38, "a class without weight in a region", where=lambda m: m.classifies)
def class_without_weight_in_a_region(model, _):
    weights = np.where((THREE == "b") & (X[:, 1] > 1), 0.0, WEIGHTS)
    fitted = model.fit(y=THREE, sample_weight=weights)
    assert fitted.classes_.tolist() == ["a", "b", "c"]
    check_outputs(fitted, X_NEW)


@case(39, "one weight for all", [1.0, 1e-300, 1e-30, 1e30])
def equal_weights(model, weight):
    new, weights = model.make(), np.full(len(X), weight)
    if model.name.startswith(("selector-t", "selector-dbscan")) and weight < 1e-9:
        # Its statistics count the rows by their weights.
        check_refused(model, "the sum of|a sum of", X, model.y, sample_weight=weights)
        return
    check_outputs(new.fit(X, model.y, sample_weight=weights), X_NEW)
