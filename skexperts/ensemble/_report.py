"""The table of all cells after a fit."""

import warnings

import numpy as np

from skexperts._rows import some_names
from skexperts._warnings import users_stacklevel


def fit_report(router, routing, fits):
    """Describe every cell of the partition, also those without an expert.

    Parameters
    ----------
    router : Router
    routing : csc_array of shape (n_rows, n_experts)
    fits : list of CellFit, one per expert

    Returns
    -------
    report : dict of ndarrays, one entry for each cell, then -1 if it has an expert
    """
    nearest, cells, n_cells = router.nearest, router.cells, router.partition.n_cells
    counts = np.bincount(nearest[nearest >= 0], minlength=n_cells)
    numbers = np.arange(n_cells)
    if -1 in cells:
        counts = np.append(counts, np.count_nonzero(nearest < 0))
        numbers = np.append(numbers, -1)
    n = len(numbers)
    report = {
        "cell": numbers,
        "n_rows": counts,
        "n_routed": np.zeros(n, dtype=np.intp),
        "gate_weight": np.zeros(n),
        "n_classes": np.zeros(n, dtype=np.intp),
        "fit_time": np.zeros(n),
        "state": np.where(counts > 0, "merged", "empty").astype(object),
    }
    report["state"][np.setdiff1d(router.gated, cells)] = "unused"
    # As an index, -1 is the last entry: that of the rows that no cell claims.
    report["n_routed"][cells] = np.diff(routing.indptr)
    if cells[-1] < 0:
        report["n_routed"][-1] = len(nearest)
    report["gate_weight"][cells] = routing.sum(axis=0)
    report["n_classes"][cells] = [fit.n_classes for fit in fits]
    report["fit_time"][cells] = [fit.seconds for fit in fits]
    report["state"][cells] = [fit.state for fit in fits]
    return report


def warn_of_merged_cells(report, min_cell_size):
    """Warn of cells that were too small for an expert of their own.

    Parameters
    ----------
    report : dict of ndarrays, see :func:`fit_report`
    min_cell_size : int
    """
    merged = np.count_nonzero(report["state"] == "merged")
    if merged:
        warnings.warn(
            f"{merged} of {np.count_nonzero(report['cell'] >= 0)} cells have fewer "
            f"than min_cell_size={min_cell_size} rows and no expert of their own; "
            "their rows went to the next nearest cell. See fit_report_.",
            UserWarning,
            stacklevel=users_stacklevel(),
        )


def warn_of_fallbacks(report, fallen):
    """Warn of experts that could not be fitted, once.

    Parameters
    ----------
    report : dict of ndarrays, see :func:`fit_report`
    fallen : list of CellFitError
        Of all fits, also those out of fold.
    """
    if not fallen:
        return
    failed = report["cell"][report["state"] == "fallback"].tolist()
    n_experts = np.count_nonzero(report["n_routed"])
    texts = []
    if failed:
        texts.append(
            f"{len(failed)} of {n_experts} experts could not be fitted, and one that "
            f"was fitted on all rows serves their cells, {some_names(failed)}: see "
            "fit_report_."
        )
    if len(fallen) > len(failed):
        texts.append(
            f"{len(fallen) - len(failed)} fits out of fold failed and were replaced "
            "in the same way."
        )
    warnings.warn(
        " ".join([*texts, f"The first error: {fallen[0]}"]),
        UserWarning,
        stacklevel=users_stacklevel(),
    )
