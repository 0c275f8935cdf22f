"""Cells whose expert cannot be fitted: an error, or the shared expert in its place."""

import numpy as np

from skexperts._experts import cell_seed
from skexperts._failures import Failure
from skexperts._parallel import workers_can_be_stopped
from skexperts.ensemble._cell import Cell, cell_fit_error
from skexperts.exceptions import CellFitError


def judge(plan, cells, y):
    """Return what :func:`~skexperts._parallel.run_tasks` does with failures.

    Parameters
    ----------
    plan : Plan
        With ``on_cell_error="fallback"`` a failure is noted in ``fallen`` and stays in
        the place of the result. Otherwise it is raised, and always if it is none of
        fitting a cell.
    cells : list of Cell, one per task
    y : ndarray of the training rows
    """

    def on_failure(j, failure):
        """Raise the failure of a cell, or give it back."""
        error, cause = failure.error, failure.cause
        if failure.lost:
            own = y[cells[j].rows]
            n_classes = 0 if plan.classes is None else len(np.unique(own))
            error, cause = cell_fit_error(cells[j], n_classes, error), error
        if plan.on_cell_error == "raise" or not isinstance(error, CellFitError):
            raise error from cause
        plan.fallen.append(error)
        return Failure(error, cause)

    return on_failure


def failed(results):
    """Return the positions of failures."""
    return [j for j, one in enumerate(results) if isinstance(one, Failure)]


def check_can_stop(model):
    """Refuse a limit of time where it would have no effect."""
    if model.sharing is not None or model.n_experts == "auto":
        name = "n_experts" if model.sharing is None else "sharing"
        raise ValueError(
            f"{name}={getattr(model, name)!r} has fits of more than one expert, which "
            "cell_timeout cannot limit. Use cell_timeout=None."
        )
    if not workers_can_be_stopped(model.n_jobs):
        raise ValueError(
            f"cell_timeout={model.cell_timeout!r} needs worker processes, which can be "
            f"stopped, but with n_jobs={model.n_jobs!r} there are none here. Use "
            "n_jobs=2 or more and joblib's default backend, or cell_timeout=None."
        )


def shared_cell(plan, rows):
    """Describe what the shared expert is fitted on.

    Without rows if experts see different columns: it is a constant then.

    Parameters
    ----------
    plan : Plan
    rows : ndarray of shape (n_rows,)
        All training rows.
    """
    if any(columns is not None for columns in plan.columns):
        rows = rows[:0]
    return Cell(-1, cell_seed(plan.seed, -1), None, rows)
