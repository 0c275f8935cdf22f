"""Weights of the experts on top of the gate, given or learned out of fold."""

from numbers import Integral

import numpy as np
from sklearn.utils import check_random_state

from skexperts._callbacks import NO_TASK
from skexperts._numeric.expert_alpha import fit_expert_alpha
from skexperts._numeric.routing import pairs_by_expert
from skexperts.ensemble._fit_experts import out_of_fold, stratified_folds

_N_FOLDS = 5


def learn_alpha(combiner, plan, training, routing, router, draw, task=NO_TASK):
    """Return alpha and the scale on which outputs are combined.

    Parameters
    ----------
    combiner : AlphaCombinerClassifier or AlphaCombinerRegressor
        Read for ``alpha``, ``loss``, ``cv``, ``tol`` and ``max_iter``.
    plan : Plan
    training : tuple of X, y, sample_weight
    routing : csc_array of shape (n_rows, n_experts)
        By which the experts are fitted.
    router : Router
        By which new rows are routed: alpha goes on top of it.
    draw : callable
        ``draw(cv)`` gives the folds of the training rows.
    task : Task
        Of the whole fit.

    Returns
    -------
    alpha : ndarray of shape (n_experts,)
    scale : {"margin", "probability", "value"}
    """
    loss, scale = combiner.loss_and_scale()
    given = combiner.given_alpha(len(plan.cells))
    if given is not None:
        return given, scale
    if isinstance(combiner.cv, str):
        raise ValueError(
            'combiner: cv="prefit" is for fitted estimators, but the experts are '
            "fitted here. Use a number of folds or a splitter."
        )
    X, y, sample_weight = training
    routing = routing.tocsr()
    wanted = router.route(X)
    if combiner.cv is None or isinstance(combiner.cv, Integral):
        # Of rows sorted by cell, folds in their order would lack whole cells.
        keys = [routing.argmax(axis=1)]
        if plan.classes is not None:
            keys.insert(0, np.searchsorted(plan.classes, y))
        rng = check_random_state(plan.seed)
        splits = stratified_folds(tuple(keys), combiner.cv or _N_FOLDS, rng)
    else:
        splits = draw(combiner.cv)
    with task.subtask("combiner", 1).running() as combining:
        outputs = out_of_fold(
            plan,
            *training,
            routing,
            splits,
            scale=scale,
            wanted=wanted,
            task=combining,
        )
    tested = np.concatenate([test for _, test in splits])
    pairs = wanted[tested]
    values = np.empty((pairs.nnz, outputs[0][0].shape[1]))
    first = 0
    for (_, test), of_fold in zip(splits, outputs, strict=True):
        part = wanted[test]
        values[first + pairs_by_expert(part)[1]] = np.concatenate(of_fold)
        first += part.nnz
    targets = _targets(y[tested], plan.classes, scale)
    # A row that several folds test counts once.
    weights = 1 / np.bincount(tested)[tested]
    if sample_weight is not None:
        weights *= sample_weight[tested]
    alpha, _ = fit_expert_alpha(
        pairs,
        values,
        targets,
        weights,
        loss=loss,
        tol=combiner.tol,
        max_iter=combiner.max_iter,
    )
    return alpha, scale


def _targets(y, classes, scale):
    if classes is None:
        return np.asarray(y, dtype=np.float64).reshape(len(y), -1)
    one_hot = (y[:, None] == classes).astype(np.float64)
    return 2.0 * one_hot - 1.0 if scale == "margin" else one_hot
