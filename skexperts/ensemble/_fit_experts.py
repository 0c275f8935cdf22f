"""Experts on routed rows: fitted on all of them, or out of fold."""

import time
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils.validation import validate_data

from skexperts._callbacks import NO_TASK
from skexperts._experts import cell_seed, weight_parameter
from skexperts._metadata import NO_METADATA, Metadata
from skexperts._numeric.routing import pairs_by_expert
from skexperts._parallel import run_tasks
from skexperts._rows import as_numbers, is_frame, take_columns, take_rows
from skexperts.ensemble._cell import Cell, CellFit, fit_cell, fit_constant, read_cell
from skexperts.ensemble._fallback import failed, judge, shared_cell
from skexperts.ensemble._sharing import fit_deviations

_ENCODE = "Encode them in a pipeline in front of the model, or use sharing=None."


class Plan(NamedTuple):
    """What all experts of a model have in common.

    Attributes
    ----------
    expert : estimator to clone
    cells : ndarray of shape (n_experts,)
        Cell ids. -1, at the end, is the expert of the rows that no cell claims: it is
        fitted on all rows.
    columns : list of length n_experts of ndarray or None
    classes : ndarray of shape (n_classes,), None for regressors
    n_outputs : int
    seed : int
    penalty : float or None
        Of deviations from a shared model; None for experts that share nothing.
    n_jobs : int or None
    cell_timeout : float or None
    on_cell_error : {"raise", "fallback"}
    fallen : list of CellFitError
        What was replaced by the shared expert so far.
    checkpoint : Checkpoint or None
    metadata : Metadata
        Of the rows of X, for ``fit`` of the experts.
    """

    expert: Any
    cells: np.ndarray
    columns: list
    classes: np.ndarray | None
    n_outputs: int
    seed: int
    penalty: float | None
    n_jobs: int | None
    cell_timeout: float | None
    on_cell_error: str
    fallen: list
    checkpoint: Any
    metadata: Metadata = NO_METADATA


def fit_experts(plan, X, y, sample_weight, routing, task=NO_TASK, only=None):
    """Fit the experts, each on the rows routed to it, with gate weights.

    Parameters
    ----------
    plan : Plan
    X, y, sample_weight : the training rows; ``sample_weight`` may be None
    routing : csc_array or csr_array of shape (n_rows, n_experts)
    task : Task
        Of the whole fit.
    only : ndarray, optional
        Positions of the experts to be fitted, all by default.

    Returns
    -------
    fits : list of CellFit
    joint : SharedFit, None for experts that share nothing
    """
    if plan.penalty is not None:
        with task.subtask("experts").running(X, y):
            return fit_sharing(plan, X, y, sample_weight, routing)
    cells = _cells(plan, sample_weight, routing)
    if only is not None:
        cells = [cells[j] for j in only]
    name = weight_parameter(plan.expert)
    common = (plan.expert, name, plan.checkpoint, X, y, sample_weight)
    fits = run_tasks(
        fit_cell,
        [(cell, plan.metadata) for cell in cells],
        common=common,
        costs=[len(cell.rows) for cell in cells],
        n_jobs=plan.n_jobs,
        timeout=plan.cell_timeout,
        task=task.many("expert", len(cells)),
        on_failure=judge(plan, cells, y),
    )
    lost = failed(fits)
    if lost:
        shared = shared_cell(plan, np.arange(routing.shape[0]))
        if not shared.rows.size:
            fit = fit_constant(plan.expert, X, y, slice(None), sample_weight)
        elif plan.cells[-1] < 0 and len(cells) - 1 not in lost:
            fit = fits[-1]
        else:
            strict = plan._replace(on_cell_error="raise")
            (fit,) = run_tasks(
                fit_cell,
                [(shared, plan.metadata)],
                common=common,
                n_jobs=plan.n_jobs,
                timeout=plan.cell_timeout,
                on_failure=judge(strict, [shared], y),
            )
        for j in lost:
            n_classes = fits[j].error.n_classes
            fits[j] = CellFit(fit.expert, "fallback", n_classes, 0.0)
    return fits, None


def out_of_fold(
    plan,
    X,
    y,
    sample_weight,
    routing,
    splits,
    *,
    scale,
    wanted=None,
    reduce=None,
    task=NO_TASK,
):
    """Return outputs of every expert for rows it was not fitted on.

    Parameters
    ----------
    plan, X, y, sample_weight, routing : as in :func:`fit_experts`
    splits : list of (train, test)
    scale : {"margin", "probability", "value"}
    wanted : csr_array of shape (n_rows, n_experts), optional
        The pairs to read; all pairs by default.
    reduce : callable, optional
        ``reduce(outputs, y)`` is kept of the outputs for some rows.
    task : Task
        What the outputs are for.

    Returns
    -------
    outputs : list, for each split a list of length n_experts
        Outputs for the test rows that are wanted of the expert, or what ``reduce``
        makes of them.
    """
    tasks: list[tuple] = []
    for train, test in splits:
        cells = _cells(plan, sample_weight, routing[train], train)
        fits = [None] * len(cells)
        one_class = plan.classes is not None and (y[train] == y[train[0]]).all()
        if plan.penalty is not None and not one_class:
            fits, _ = fit_sharing(plan, X, y, sample_weight, routing[train], train)
        read = [test] * len(cells)
        if wanted is not None:
            rows, _, bounds = pairs_by_expert(wanted[test])
            read = np.split(test[rows], bounds[1:-1])
        tasks += [(train, *task) for task in zip(cells, fits, read, strict=True)]
    common = (plan, X, y, sample_weight, scale, reduce)
    results = run_tasks(
        _fit_and_read,
        tasks,
        common=common,
        costs=[len(cell.rows) for _, cell, _, _ in tasks],
        n_jobs=plan.n_jobs,
        timeout=plan.cell_timeout,
        task=task.many("expert", len(tasks)),
        on_failure=judge(plan, [cell for _, cell, _, _ in tasks], y),
    )
    lost = failed(results)
    if lost:
        tasks = [
            (train, shared_cell(plan, train), None, read)
            for train, _, _, read in (tasks[i] for i in lost)
        ]
        strict = plan._replace(on_cell_error="raise")
        instead = run_tasks(
            _fit_and_read,
            tasks,
            common=common,
            n_jobs=plan.n_jobs,
            timeout=plan.cell_timeout,
            on_failure=judge(strict, [cell for _, cell, _, _ in tasks], y),
        )
        for i, outputs in zip(lost, instead, strict=True):
            results[i] = outputs
    n = len(plan.cells)
    return [results[start : start + n] for start in range(0, len(results), n)]


def fit_sharing(plan, X, y, sample_weight, routing, numbers=None):
    """Fit all experts in one problem, as deviations from a shared model.

    Parameters
    ----------
    plan, X, y, sample_weight : as in :func:`fit_experts`
    routing : csr_array of shape (n_routed, n_experts)
    numbers : ndarray of shape (n_routed,), optional
        Which rows of X the routing is for, all by default.

    Returns
    -------
    fits : list of CellFit
    joint : SharedFit
    """
    start = time.perf_counter()
    pairs = _pairs(sample_weight, routing, numbers)
    rows, bounds = pairs.rows, pairs.bounds
    seen = take_columns(X, plan.columns[0])
    n_deviating = np.count_nonzero(plan.cells >= 0)
    joint = fit_deviations(
        plan.expert,
        as_numbers(seen, 'sharing="deviation"', _ENCODE),
        y,
        rows,
        bounds[: n_deviating + 1],
        Cell(-1, plan.seed, None, rows, pairs.weights, pairs.scale).weights(
            sample_weight
        ),
        penalty=plan.penalty,
        n_jobs=plan.n_jobs,
    )
    if is_frame(X):
        for model in (joint.shared, *joint.experts):
            # They were fitted on its numbers, and will be given frames.
            validate_data(model, seen, skip_check_array=True)
    seconds = (time.perf_counter() - start) / len(plan.cells)
    fits = []
    for j, cell in enumerate(plan.cells):
        own = y[rows[bounds[j] : bounds[j + 1]]]
        n_classes = 0 if plan.classes is None else len(np.unique(own))
        expert = joint.shared if cell < 0 else joint.experts[j]
        fits.append(CellFit(expert, "fitted", n_classes, seconds))
    return fits, joint


def stratified_folds(keys, n_folds, rng):
    """Split rows at random, each fold with the same share of every key.

    Parameters
    ----------
    keys : tuple of ndarrays of shape (n_rows,), the last one first
    n_folds : int
    rng : RandomState

    Returns
    -------
    splits : list of (train, test)
    """
    n_rows = len(keys[0])
    order = np.lexsort((rng.uniform(size=n_rows), *keys))
    fold = np.empty(n_rows, dtype=np.intp)
    fold[order] = np.arange(n_rows) % n_folds
    return [
        (np.flatnonzero(fold != f), np.flatnonzero(fold == f)) for f in range(n_folds)
    ]


def _cells(plan, sample_weight, routing, numbers=None):
    """List what each expert is fitted on, given the row numbers of the routing."""
    pairs = _pairs(sample_weight, routing, numbers)
    cells = []
    for j, number in enumerate(plan.cells.tolist()):
        own = slice(pairs.bounds[j], pairs.bounds[j + 1])
        rows, gate_weights = pairs.rows[own], pairs.weights
        if gate_weights is not None:
            gate_weights = gate_weights[own]
        if number < 0:
            rows = np.arange(routing.shape[0]) if numbers is None else numbers
            gate_weights = None
        seed = cell_seed(plan.seed, number)
        cells.append(
            Cell(number, seed, plan.columns[j], rows, gate_weights, pairs.scale)
        )
    return cells


class Pairs(NamedTuple):
    """Routed pairs, expert by expert.

    Attributes
    ----------
    rows : ndarray of shape (n_pairs,)
    weights : ndarray of shape (n_pairs,), None for ones
        Of the gate.
    bounds : ndarray of shape (n_experts + 1,)
        Expert j owns the slice ``bounds[j]:bounds[j + 1]`` of both.
    scale : float
        With it the mean weight of a pair is 1: a penalty means the same for any top_k.
    """

    rows: np.ndarray
    weights: np.ndarray | None
    bounds: np.ndarray
    scale: float


def _pairs(sample_weight, routing, numbers):
    by_expert = routing.tocsc()
    rows = by_expert.indices if numbers is None else numbers[by_expert.indices]
    if np.all(by_expert.data == 1):
        return Pairs(rows, None, by_expert.indptr, 1.0)
    if sample_weight is None:
        scale = by_expert.nnz / by_expert.shape[0]
    else:
        own = sample_weight if numbers is None else sample_weight[numbers]
        n_experts = np.bincount(by_expert.indices, minlength=len(own))
        scale = own @ n_experts / own.sum()
    return Pairs(rows, by_expert.data, by_expert.indptr, float(scale))


def _fit_and_read(
    plan, X, y, sample_weight, scale, reduce, train, cell, fit, wanted, task=NO_TASK
):
    if fit is None and cell.rows.size:
        name = weight_parameter(plan.expert)
        fit = fit_cell(
            plan.expert,
            name,
            plan.checkpoint,
            X,
            y,
            sample_weight,
            cell,
            plan.metadata,
            task,
        )
    elif fit is None:
        weights = None if sample_weight is None else sample_weight[train]
        fit = fit_constant(plan.expert, X, y, train, weights)
        cell = cell._replace(columns=None)
    outputs = np.empty((0, plan.n_outputs))
    if wanted.size:
        outputs = read_cell(
            fit.expert,
            take_rows(X, wanted),
            cell,
            scale=scale,
            classes=plan.classes,
            n_outputs=plan.n_outputs,
        )
    return outputs if reduce is None else reduce(outputs, y[wanted])
