"""Fitting the expert of one cell, and reading it."""

import time
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import issparse
from sklearn.base import is_classifier
from sklearn.dummy import DummyClassifier, DummyRegressor

from skexperts._callbacks import NO_TASK
from skexperts._experts import final_step, output_kind, read_outputs, seeded_clone
from skexperts._metadata import NO_METADATA
from skexperts._rows import take_columns, take_rows
from skexperts.exceptions import CellFitError


class CellFit(NamedTuple):
    """A fitted expert and how it came about."""

    expert: Any
    state: str
    n_classes: int
    seconds: float


class Cell(NamedTuple):
    """What the expert of one cell is fitted on.

    ``columns=None`` stands for all columns. Weights of the rows are those of the gate,
    None for ones, times a scale.
    """

    number: int
    seed: int
    columns: np.ndarray | None
    rows: np.ndarray
    gate_weights: np.ndarray | None = None
    scale: float = 1.0

    def weights(self, sample_weight):
        """Return the weights of the rows, None for ones."""
        if self.gate_weights is None:
            return None if sample_weight is None else sample_weight[self.rows]
        weights = self.gate_weights * self.scale
        return weights if sample_weight is None else weights * sample_weight[self.rows]


def fit_cell(
    expert,
    weight_name,
    checkpoint,
    X,
    y,
    sample_weight,
    cell,
    metadata=NO_METADATA,
    task=NO_TASK,
):
    """Fit a clone of ``expert`` on a cell; one class alone gets a constant expert.

    If there is a checkpoint, an expert that it has is not fitted, and others are kept.

    Raises
    ------
    CellFitError
        If the expert raises, or has coefficients that are not finite; the message
        names the cell and the original error.
    """
    start = time.perf_counter()
    y = y[cell.rows]
    n_classes = len(np.unique(y)) if is_classifier(expert) else 0
    state = "constant" if n_classes == 1 else "fitted"
    template = DummyClassifier(strategy="prior") if state == "constant" else expert
    parameters = {}
    if state == "fitted":
        parameters = metadata.take(cell.rows).parameters()
        weights = cell.weights(sample_weight)
        if weights is not None and weight_name is not None:
            parameters[weight_name] = weights
    try:
        fitted = seeded_clone(template, cell.seed)
        rows = take_columns(take_rows(X, cell.rows), cell.columns)
        key = blank = kept = None
        if checkpoint is not None:
            key = checkpoint.key(cell.seed, rows, y, *_flat(parameters))
            blank = seeded_clone(template, cell.seed)
            kept = checkpoint.read(key, blank)
        with task.running(rows, y, fits=fitted if kept is None else None):
            if kept is not None:
                return kept
            fitted.fit(rows, y, **parameters)
        _check_coefficients(fitted)
    except Exception as error:
        raise cell_fit_error(cell, n_classes, error) from error
    fit = CellFit(fitted, state, n_classes, time.perf_counter() - start)
    if checkpoint is not None:
        checkpoint.write(key, fit, blank)
    return fit


def _check_coefficients(expert):
    """Refuse a linear expert that can only answer NaN or infinity."""
    final = final_step(expert)
    for name in ("coef_", "intercept_"):
        values = getattr(final, name, None)
        values = values.data if issparse(values) else values
        # Objects can be called coef_, too.
        if (
            isinstance(values, (np.ndarray, np.floating, float))
            and np.asarray(values).dtype.kind in "fc"
            and not np.all(np.isfinite(values))
        ):
            raise ValueError(
                f"Its {name} has NaN or infinity. Scale X, or regularise the expert "
                "more."
            )


def cell_fit_error(cell, n_classes, error):
    """Return a CellFitError for what happened to a cell; 0 classes for regressors."""
    classes = f", {n_classes} classes" if n_classes else ""
    named = CellFitError(
        f"The expert of {cell_name(cell.number)} ({len(cell.rows)} rows{classes}, "
        f"seed {cell.seed}) could not be fitted. {type(error).__name__}: {error}"
    )
    named.cell, named.n_rows, named.seed = cell.number, len(cell.rows), cell.seed
    named.n_classes = n_classes
    return named


def fit_constant(expert, X, y, rows, weights):
    """Fit what answers for a cell without training rows: the prior, or the mean."""
    constant = DummyClassifier() if is_classifier(expert) else DummyRegressor()
    constant.fit(take_rows(X, rows), y[rows], sample_weight=weights)
    return CellFit(constant, "constant", 1, 0.0)


def read_cell(expert, X, cell, *, scale, classes, n_outputs):
    """Return the outputs of a fitted expert for rows of X, checked to be finite.

    Parameters
    ----------
    expert : fitted estimator
    X : rows to answer for
    cell : Cell, or any object with its ``number`` and ``columns``
    scale, classes : as in :func:`skexperts._experts.read_outputs`
    n_outputs : int
        Columns that there must be: classes, or columns of y.
    """
    try:
        rows = take_columns(X, cell.columns)
        outputs = read_outputs(expert, rows, scale=scale, classes=classes)
    except Exception as error:
        error.add_note(f"Raised by the expert of {cell_name(cell.number)}.")
        raise
    if outputs.shape[1] != n_outputs:
        raise ValueError(
            f"The expert of {cell_name(cell.number)} ({type(expert).__name__}) gave "
            f"{outputs.shape[1]} columns, but y has {n_outputs}. Use an expert that "
            "predicts what it was fitted on."
        )
    if not np.isfinite(outputs).all():
        raise ValueError(
            f"The expert of {cell_name(cell.number)} ({type(expert).__name__}) gave "
            "NaN or infinity. Scale X, or regularise the expert more."
        )
    return outputs


def cell_name(number):
    """How messages call a cell."""
    return "the rows that no cell claims" if number < 0 else f"cell {number}"


def _flat(parameters):
    return [part for name in sorted(parameters) for part in (name, parameters[name])]


def common_scale(fits):
    """Scale on which all experts can be read: margins only if all of them have some."""
    experts = [e for e, *_ in fits if not isinstance(e, DummyClassifier)]
    kinds = {output_kind(expert) for expert in experts}
    if kinds == {"value"}:
        return "value"
    return "margin" if kinds == {"margin"} else "probability"
