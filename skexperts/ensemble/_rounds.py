"""Alternation: experts by the routing, the gate by what the experts are good at."""

from functools import partial

import numpy as np
from scipy.sparse import csr_array
from sklearn.utils import check_random_state

from skexperts._callbacks import NO_TASK
from skexperts._numeric.routing import rows_of_pairs
from skexperts.ensemble._fit_experts import fit_experts, out_of_fold, stratified_folds
from skexperts.ensemble._router import take_cells
from skexperts.gating import DistanceGate, HardGate

_N_FOLDS = 3
# An expert that is wrong is worth this much next to one that is right: rows that none
# serves well still count, and no single row can shut a gate.
_LEAST_COMPETENCE = 1e-3


def check_rounds(n_rounds, gate):
    """Refuse rounds with a gate that could not follow re-assigned rows."""
    if n_rounds > 1 and not getattr(gate, "learns", False):
        raise ValueError(
            f"n_rounds={n_rounds} assigns rows to other cells, but the gate "
            f"{type(gate).__name__} does not learn to route them there. Use a gate "
            'that does, such as gate="softmax", or n_rounds=1.'
        )


def run_rounds(
    plan,
    router,
    affinity,
    gate,
    training,
    *,
    n_rounds,
    capacity_factor,
    task=NO_TASK,
):
    """Fit gate and experts in turn.

    A gate that needs competence begins with a round of distance gates. The experts of
    a round that is not the last are fitted out of fold only. In the end an expert that
    the gate routes no row to is given up.

    Parameters
    ----------
    plan : Plan
    router : Router, without a gate
    affinity : TrainingAffinity
    gate : unfitted gate
    training : tuple of X, y, sample_weight
    n_rounds : int
    capacity_factor : float or None
    task : Task
        Of the whole fit.

    Returns
    -------
    plan, router : of the experts that are left
    routing : csc_array of shape (n_rows, n_experts), of the training rows
    fits : list of CellFit
    joint : SharedFit or None
    """
    X, _, sample_weight = training
    needs_competence = bool(getattr(gate, "needs_competence", False))
    rng = check_random_state(plan.seed)

    def fit_gate(gate, **competence):
        """Fit a gate on the cells that have an expert."""
        told = affinity[: None if getattr(gate, "needs_affinity", True) else 0]
        told = take_cells(told, router.live)
        return gate.fit(X, told, router.assigned, sample_weight, **competence)

    if not len(router.live):
        # All cells are too small: one expert serves all rows.
        gate, n_rounds, needs_competence = HardGate(), 1, False
    first = DistanceGate() if needs_competence else gate
    with task.subtask("gate").running(X):
        router = router.with_gate(fit_gate(first))
    for _ in range(n_rounds - 1 + needs_competence):
        routing = router.route_training(X, affinity, capacity_factor)
        with task.subtask("round", 1).running(X) as this:
            worth = _competence(plan, training, affinity, routing, router, rng, this)
            if needs_competence:
                router = router.with_gate(fit_gate(gate, competence=worth))
            else:
                router = router.assign(X, affinity, worth)
                router = router.with_gate(fit_gate(gate))
            if "warm_start" in gate.get_params(deep=False):
                gate.set_params(warm_start=True)
    routing = router.route_by_expert(X, affinity, capacity_factor)
    unused = (np.diff(routing.indptr) == 0) & (router.cells >= 0)
    if unused.any():
        router = router.without(unused)
        routing = routing[:, np.flatnonzero(~unused)]
        plan = plan._replace(cells=router.cells, columns=router.columns)
    return plan, router, routing, *fit_experts(plan, *training, routing, task)


def _competence(plan, training, affinity, routing, router, rng, task):
    """Return how well each expert serves each row, out of fold, of shape (n, n_live).

    For classes the probability of the true one, for values ``exp(-e^2 / 2 s^2)`` with
    the error e and the mean squared error s^2 of what the routing combines. An expert
    that is closed to a row (affinity minus infinity) is not asked, and no good.
    """
    _, y, sample_weight = training
    keys, scale, reduce = (router.assigned,), "value", _errors
    if plan.classes is not None:
        keys = (np.searchsorted(plan.classes, y), router.assigned)
        scale, reduce = "probability", partial(_truth, classes=plan.classes)
    splits = stratified_folds(keys, _N_FOLDS, rng)
    asked = _open(affinity, routing, router)
    columns = out_of_fold(
        plan,
        *training,
        routing,
        splits,
        scale=scale,
        wanted=None if asked.all() else csr_array(asked),
        reduce=reduce,
        task=task,
    )
    worth = np.zeros(routing.shape)
    for (_, test), of_fold in zip(splits, columns, strict=True):
        for j, values in enumerate(of_fold):
            worth[test[asked[test, j]], j] = values
    if plan.classes is None:
        combined = np.asarray(routing.multiply(worth).sum(axis=1)).ravel()
        unit = np.average(combined**2, weights=sample_weight)
        worth = np.exp(-(worth**2) / (2 * unit)) if unit > 0 else np.ones(worth.shape)
        worth[~asked] = 0.0
    return np.maximum(worth[:, : len(router.live)], _LEAST_COMPETENCE)


def _open(affinity, routing, router):
    """Return which experts may serve each row, or do."""
    live, affinity = router.live, affinity[:]
    may = np.zeros(routing.shape, dtype=bool)
    may[rows_of_pairs(routing), routing.indices] = True
    may[:, : len(live)] |= take_cells(affinity, live) > -np.inf
    if router.partition.unclaimed == "all":
        may[np.isneginf(affinity).all(axis=1)] = True
    return may


def _truth(outputs, y, classes):
    return outputs[np.arange(len(y)), np.searchsorted(classes, y)]


def _errors(outputs, y):
    errors = outputs - y.reshape(outputs.shape)
    return errors[:, 0] if y.ndim == 1 else np.sqrt((errors**2).mean(axis=1))
