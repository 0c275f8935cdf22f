"""Fitting the expert of one cell, and the table of all cells."""

import time
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import is_classifier
from sklearn.dummy import DummyClassifier

from skexperts._experts import output_kind, seeded_clone
from skexperts.exceptions import CellFitError


class CellFit(NamedTuple):
    """A fitted expert and how it came about."""

    expert: Any
    state: str
    n_classes: int
    seconds: float


def fit_cell(expert, X, y, weight_name, cell, seed, rows, weights):
    """Fit a clone of ``expert`` on some rows; one class alone gets a constant expert.

    Raises
    ------
    CellFitError
        If the expert raises; the message names the cell and the original error.
    """
    start = time.perf_counter()
    y = y[rows]
    n_classes = len(np.unique(y)) if is_classifier(expert) else 0
    state = "constant" if n_classes == 1 else "fitted"
    template = DummyClassifier(strategy="prior") if state == "constant" else expert
    parameters = {} if weights is None else {weight_name: weights}
    try:
        fitted = seeded_clone(template, seed)
        fitted.fit(X[rows], y, **({} if state == "constant" else parameters))
    except Exception as error:
        classes = f", {n_classes} classes" if n_classes else ""
        raise CellFitError(
            f"The expert of cell {cell} ({len(rows)} rows{classes}, seed {seed}) could "
            f"not be fitted. {type(error).__name__}: {error}"
        ) from error
    return CellFit(fitted, state, n_classes, time.perf_counter() - start)


def common_scale(fits):
    """Scale on which all experts can be read: margins only if all of them have some."""
    kinds = {output_kind(fit.expert) for fit in fits if fit.state != "constant"}
    if kinds == {"value"}:
        return "value"
    return "margin" if kinds == {"margin"} else "probability"


def fit_report(nearest, cells, routing, fits, n_cells):
    """Describe every cell of the partition, also those without an expert.

    Parameters
    ----------
    nearest : ndarray of shape (n_rows,)
        Cell each row falls into before small cells are given up, -1 for none.
    cells : ndarray of shape (n_experts,)
        Cells that have an expert.
    routing : csr_array of shape (n_rows, n_experts)
    fits : list of CellFit, one per expert
    n_cells : int

    Returns
    -------
    report : dict of ndarrays of shape (n_cells,)
    """
    counts = np.bincount(nearest[nearest >= 0], minlength=n_cells)
    report = {
        "cell": np.arange(n_cells),
        "n_rows": counts,
        "n_routed": np.zeros(n_cells, dtype=np.intp),
        "gate_weight": np.zeros(n_cells),
        "n_classes": np.zeros(n_cells, dtype=np.intp),
        "fit_time": np.zeros(n_cells),
        "state": np.where(counts > 0, "merged", "empty").astype(object),
    }
    n_experts = len(cells)
    report["n_routed"][cells] = np.bincount(routing.indices, minlength=n_experts)
    report["gate_weight"][cells] = np.bincount(
        routing.indices, routing.data, minlength=n_experts
    )
    report["n_classes"][cells] = [fit.n_classes for fit in fits]
    report["fit_time"][cells] = [fit.seconds for fit in fits]
    report["state"][cells] = [fit.state for fit in fits]
    return report
