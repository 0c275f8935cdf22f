"""How many experts: cross-validation over a grid that begins with one."""

from numbers import Integral

import numpy as np
from scipy.special import ndtri
from sklearn.base import clone, is_classifier
from sklearn.utils import check_random_state

from skexperts._callbacks import NO_TASK
from skexperts._parallel import run_tasks
from skexperts._rows import take_rows
from skexperts.ensemble._fit_experts import stratified_folds
from skexperts.ensemble._metadata import NOTHING_ROUTED

_N_FOLDS = 5
_MOST_EXPERTS = 256
# Numbers of experts that do not improve the loss before the search ends.
_PATIENCE = 2
# How often, at the most, chance alone may win against one expert.
_LEVEL = 0.01


def choose_n_experts(
    model, X, y, sample_weight, draw, metadata=NOTHING_ROUTED, task=NO_TASK
):
    """Return the number of experts by the one-standard-error rule, and all scores.

    The numbers 1, 2, 4, ... are tried as long as cells have ``2 * min_cell_size`` rows
    in the mean, until two in turn do not improve the loss: the error rate, or the
    squared error over the variance of y. See :func:`smallest_good_enough` for the rule.

    Parameters
    ----------
    model : unfitted PartitionedExperts*, with ``n_experts="auto"``
    X, y, sample_weight : rows of positive weight
    draw : callable
        ``draw(cv, metadata=...)`` gives the folds of these rows by a splitter or an
        iterable.
    metadata : Routed
    task : Task
        Of the whole fit.

    Returns
    -------
    n_experts : int
    scores : dict of ndarrays: n_experts, mean_score, std_error
    """
    splits = _splits(model, y, draw, metadata.cv)
    # Fresh, and without a cv: a generator can be neither cloned nor sent to workers.
    template = type(model)(
        **{**model.get_params(deep=False), "combiner": None, "cv": None}
    )
    fewest = min(len(train) for train, _ in splits)
    rows, place = np.unique(
        np.concatenate([test for _, test in splits]), return_inverse=True
    )
    weights = np.ones(len(rows)) if sample_weight is None else sample_weight[rows]
    unit = 1.0 if is_classifier(model) else variance(y[rows], weights)
    tried, losses, means = [], [], []
    with task.subtask("n_experts", None).running(X, y) as search:
        n_experts = 1
        while n_experts <= _MOST_EXPERTS and (
            n_experts == 1 or n_experts * 2 * model.min_cell_size <= fewest
        ):
            with search.subtask(f"{n_experts} experts").running():
                of_folds = run_tasks(
                    _lose,
                    splits,
                    common=(template, X, y, sample_weight, metadata, unit, n_experts),
                    n_jobs=model.n_jobs,
                )
            # A row that several folds test counts once, with its mean loss.
            loss = np.bincount(place, np.concatenate(of_folds)) / np.bincount(place)
            tried.append(n_experts)
            losses.append(loss)
            means.append(np.average(loss, weights=weights))
            if len(tried) - 1 - int(np.argmin(means)) >= _PATIENCE:
                break
            n_experts *= 2
    chosen, errors = smallest_good_enough(np.array(losses), weights)
    return tried[chosen], {
        "n_experts": np.asarray(tried),
        "mean_score": 1 - np.asarray(means),
        "std_error": errors,
    }


def smallest_good_enough(losses, weights):
    r"""Return the first candidate about as good as the best one, and standard errors.

    With :math:`l_{ik}` the loss of candidate k on row i, :math:`w_i` the weights and b
    the candidate of the least mean loss, it is the first k with

    .. math::

        \bar l_k - \bar l_b \le \mathrm{se}(l_b), \quad
        \mathrm{se}(l)^2 = \sum_i w_i^2 (l_i - \bar l)^2 / \big( \sum_i w_i \big)^2

    (Breiman et al. 1984), and candidate 0 also if
    :math:`\bar l_0 - \bar l_b \le z \, \mathrm{se}(l_0 - l_b)`, with the normal
    quantile z of level 1 %, divided by the number of the other candidates.

    Parameters
    ----------
    losses : ndarray of shape (n_candidates, n_rows)
    weights : ndarray of shape (n_rows,), positive

    Returns
    -------
    chosen : int
    std_errors : ndarray of shape (n_candidates,)

    Notes
    -----
    The spread over rows is known much better than that over a handful of folds, which
    is small by chance now and then.

    The second condition is for a y of which X says little. There the losses of two
    models have hardly anything in common, so that the standard error of one is less
    than that of their difference, and the luckiest of many candidates is often that far
    ahead of the first.
    """
    means = np.average(losses, axis=1, weights=weights)
    best = int(np.argmin(means))
    errors = _std_error(losses, weights)
    margins = np.full(len(losses), errors[best])
    z = -ndtri(_LEVEL / max(1, len(losses) - 1))
    margins[0] = max(margins[0], z * _std_error(losses[0] - losses[best], weights))
    return int(np.argmax(means - means[best] <= margins)), errors


def _std_error(losses, weights):
    centred = losses - np.average(losses, axis=-1, weights=weights)[..., None]
    return np.sqrt(centred**2 @ weights**2) / weights.sum()


def variance(y, weights):
    """Variance of y, or of its columns; 1 where it is constant."""
    centred = y - np.average(y, axis=0, weights=weights)
    variance = np.average(centred**2, axis=0, weights=weights)
    return np.where(variance > 0, variance, 1.0)


def _splits(model, y, draw, metadata):
    classifier = is_classifier(model)
    if model.cv is None or isinstance(model.cv, Integral):
        key = np.unique(y, return_inverse=True)[1] if classifier else np.zeros(len(y))
        rng = check_random_state(model.random_state)
        return stratified_folds((key,), model.cv or _N_FOLDS, rng)
    splits = draw(model.cv, metadata=metadata)
    return [(train, test) for train, test in splits if test.size]


def _lose(model, X, y, sample_weight, metadata, unit, n_experts, train, test):
    """Return the losses of the test rows with experts fitted on the others."""
    candidate = clone(model)
    weights = None if sample_weight is None else sample_weight[train]
    candidate._fit_rows(
        take_rows(X, train), y[train], weights, n_experts, metadata=metadata.take(train)
    )
    predicted = candidate._decode(candidate._combine_rows(take_rows(X, test)))
    return losses_of(model, y[test], predicted, unit)


def losses_of(model, y, predicted, unit):
    """Return the loss of each row: an error or none, or the squared error in units."""
    if is_classifier(model):
        return (predicted != y).astype(np.float64)
    squares = (predicted - y) ** 2 / unit
    return squares if squares.ndim == 1 else squares.mean(axis=1)
