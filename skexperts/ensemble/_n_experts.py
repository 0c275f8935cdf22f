"""How many experts: cross-validation over a grid that begins with one."""

from numbers import Integral

import numpy as np
from sklearn.base import clone, is_classifier
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils import check_random_state

from skexperts._parallel import run_tasks
from skexperts._rows import take_rows
from skexperts.ensemble._fit_experts import stratified_folds

_N_FOLDS = 5
_MOST_EXPERTS = 256
# Numbers of experts that do not improve the score before the search ends.
_PATIENCE = 2


def choose_n_experts(model, X, y, sample_weight, draw):
    """Return the number of experts by the one-standard-error rule, and all scores.

    The numbers 1, 2, 4, ... are tried as long as cells have ``2 * min_cell_size`` rows
    in the mean, until two in turn do not improve the score. Of those whose mean score
    is at most one standard error below the best, the smallest is taken (Breiman et al.
    1984). The score is the accuracy or R^2.

    Parameters
    ----------
    model : unfitted PartitionedExperts*, with ``n_experts="auto"``
    X, y, sample_weight : rows of positive weight
    draw : callable
        ``draw(cv)`` gives the folds of these rows by a splitter or an iterable.

    Returns
    -------
    n_experts : int
    scores : dict of ndarrays: n_experts, mean_score, std_error
    """
    splits = _splits(model, y, draw)
    # Fresh, and without a cv: a generator can be neither cloned nor sent to workers.
    template = type(model)(
        **{**model.get_params(deep=False), "combiner": None, "cv": None}
    )
    fewest = min(len(train) for train, _ in splits)
    tried, means, errors = [], [], []
    n_experts, best = 1, 0
    while n_experts <= _MOST_EXPERTS and (
        n_experts == 1 or n_experts * 2 * model.min_cell_size <= fewest
    ):
        scores = run_tasks(
            _score_fold,
            splits,
            common=(template, X, y, sample_weight, n_experts),
            n_jobs=model.n_jobs,
        )
        tried.append(n_experts)
        means.append(np.mean(scores))
        errors.append(np.std(scores, ddof=1) / np.sqrt(len(scores)))
        best = int(np.argmax(means))
        if len(tried) - 1 - best >= _PATIENCE:
            break
        n_experts *= 2
    enough = np.asarray(means) >= means[best] - errors[best]
    chosen = tried[int(np.argmax(enough))]
    return chosen, {
        "n_experts": np.asarray(tried),
        "mean_score": np.asarray(means),
        "std_error": np.asarray(errors),
    }


def _splits(model, y, draw):
    classifier = is_classifier(model)
    if model.cv is None or isinstance(model.cv, Integral):
        key = np.unique(y, return_inverse=True)[1] if classifier else np.zeros(len(y))
        rng = check_random_state(model.random_state)
        return stratified_folds((key,), model.cv or _N_FOLDS, rng)
    splits = [(train, test) for train, test in draw(model.cv) if test.size]
    if len(splits) < 2:
        raise ValueError(
            f"cv={model.cv!r} gives one fold, but n_experts='auto' judges scores by "
            "their standard error, which takes two. Pass a number of folds, or more "
            "splits."
        )
    return splits


def _score_fold(template, X, y, sample_weight, n_experts, train, test):
    candidate = clone(template)
    weights = None if sample_weight is None else sample_weight[train]
    candidate._fit_rows(take_rows(X, train), y[train], weights, n_experts)
    predicted = candidate._decode(candidate._combine_rows(take_rows(X, test)))
    score = accuracy_score if is_classifier(candidate) else r2_score
    weights = None if sample_weight is None else sample_weight[test]
    return score(y[test], predicted, sample_weight=weights)
