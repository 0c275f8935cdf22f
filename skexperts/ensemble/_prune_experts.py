"""Fewer weights of fitted experts."""

from copy import deepcopy
from numbers import Real

import numpy as np
from sklearn.base import is_classifier
from sklearn.utils import check_array, column_or_1d
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from skexperts._sklearn import Interval, validate_parameter_constraints
from skexperts._validation import validate_sample_weight
from skexperts.ensemble._base import BasePartitionedExperts
from skexperts.ensemble._expert_weights import gather_weights, publish_weights
from skexperts.ensemble._gated_base import BaseGatedExperts
from skexperts.ensemble._n_experts import losses_of, smallest_good_enough, variance

# Shares of the weights that are not zero, of which the rows choose one.
_SHARES = np.append(0.0, np.geomspace(0.01, 1, 21))


def prune_experts(
    model, X=None, y=None, *, threshold=None, density=None, sample_weight=None
):
    r"""Set the small weights of fitted experts to zero.

    With w the weights of all experts together, the new model has

    .. math::

        \hat w_j = w_j \; [\, |w_j| \ge t \,]

    where t is `threshold`, or such that the share `density` of the weights is kept, or
    chosen by rows ``X, y`` that the model was not fitted on. One of the three says how.

    Parameters
    ----------
    model : fitted PartitionedExperts* or GatedExperts*
        Of linear experts (with ``coef_``) or neural networks of scikit-learn (with
        ``coefs_``), also at the end of a pipeline. It stays as it is.

    X : {array-like, sparse matrix} of shape (n_samples, n_features), default=None
        Rows that the model was not fitted on. They choose the sparsest of 22 densities
        whose mean loss (errors, or squared errors) is within one standard error of the
        least; density 0 is taken as well if chance alone (at level 1 %) explains the
        lead of the best over it. On the rows of the fit every weight looks worth its
        place, so that hardly any would go.

    y : array-like of shape (n_samples,) or (n_samples, n_outputs), default=None
        Targets of these rows.

    threshold : float, default=None
        Weights that are smaller in size become zero.

    density : float, default=None
        Share of the weights that is kept, from 0 to 1: exactly
        ``round(density * n_weights)`` of them, the largest, or all that are not zero if
        these are fewer. Of equal weights those are kept that come first, in the order
        of experts, outputs and features.

    sample_weight : array-like of shape (n_samples,), default=None
        Weights of the rows X.

    Returns
    -------
    pruned : fitted model of the same class
        With ``pruning_report_``, a dict of ``n_weights``, ``n_nonzero`` (how many are
        not zero now) and ``density`` (their share); if rows have chosen also of the
        ndarrays ``densities``, ``mean_score`` (accuracy, or R2 by the variance of
        ``y``) and ``std_error``, over the rows, which are taken to be independent.

    Raises
    ------
    TypeError
        For models of another kind, or an expert without weights; the message names its
        cell.
    ValueError
        If none or more than one of ``threshold``, ``density`` and ``X, y`` is given, or
        for values that cannot be used.

    See Also
    --------
    PartitionedExpertsClassifier : Experts that can be pruned.
    GatedExpertsClassifier : Experts that are trained to be sparse, by ``alpha``.

    Notes
    -----
    Intercepts, the gate and alpha stay; so at density 0 every expert says the same of
    all rows. Gated experts that were fitted on dense rows keep their answers at the
    mean of these rows, by another ``intercept_``: no weight takes with it what it adds
    on average.

    Shared experts of ``GatedExperts*`` are pruned with the others, constant experts
    have no weights. ``deviation_`` is the difference of the pruned experts from
    ``shared_``, which is pruned only where it is an expert itself. Whatever else a fit
    reports, as ``n_experts_scores_``, is of the model before.

    Sizes are compared as they are, so features should have one scale: put a scaler in
    front of the model, or of the experts. An expert with a penalty on the sizes, as
    :class:`~skexperts.svm.L1SVC` has, is better made sparse by the penalty, which lets
    the other weights make up for those at zero.

    The rows are divided into no folds: nothing is fitted on them, and every row gives a
    loss of the model as it is. If the accuracy of the pruned model is to be reported,
    take other rows for that.

    References
    ----------
    S. Han, J. Pool, J. Tran, W. Dally (2015). Learning both weights and connections for
    efficient neural networks. NeurIPS.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from skexperts.datasets import make_piecewise_regression
    >>> from skexperts.ensemble import PartitionedExpertsRegressor, prune_experts
    >>> X, y = make_piecewise_regression(n_samples=900, random_state=0)
    >>> model = PartitionedExpertsRegressor(Ridge(), random_state=0)
    >>> model = model.fit(X[:600], y[:600])
    >>> pruned = prune_experts(model, density=0.5)
    >>> pruned.pruning_report_["density"]
    0.5
    >>> pruned = prune_experts(model, X[600:], y[600:])
    >>> pruned.pruning_report_["density"] < 1
    True
    """
    if not isinstance(model, BasePartitionedExperts | BaseGatedExperts):
        raise TypeError(
            f"model={model!r} has no experts to prune. Pass a fitted "
            "PartitionedExperts* or GatedExperts*, the last step of a pipeline."
        )
    check_is_fitted(model)
    _check_one_way(X, y, threshold, density, sample_weight)
    pruned = deepcopy(model)
    weights = gather_weights(pruned)
    sizes = np.concatenate([part.sizes for part in weights] or [np.empty(0)])
    order = np.argsort(-sizes, kind="stable")
    n_weights = int(sum(part.n_weights for part in weights))
    n_nonzero = np.count_nonzero(sizes)
    report = {"n_weights": n_weights}
    if threshold is not None:
        n_kept = np.count_nonzero(sizes >= threshold)
    elif density is not None:
        n_kept = round(density * n_weights)
    else:
        counts = np.unique(np.rint(_SHARES * n_nonzero).astype(np.intp))
        rows = (X, *_validate_targets(model, X, y, sample_weight))
        chosen, scores = _choose(pruned, model, weights, order, counts, *rows)
        n_kept = counts[chosen]
        report |= {"densities": counts / max(1, n_weights), **scores}
    _keep(weights, order[:n_kept])
    for part in weights:
        part.tidy()
    publish_weights(pruned, model)
    report["n_nonzero"] = int(min(n_kept, n_nonzero))
    report["density"] = report["n_nonzero"] / max(1, n_weights)
    pruned.pruning_report_ = report
    return pruned


def _check_one_way(X, y, threshold, density, sample_weight):
    validate_parameter_constraints(
        {
            "threshold": [Interval(Real, 0, None, closed="left"), None],
            "density": [Interval(Real, 0, 1, closed="both"), None],
        },
        {"threshold": threshold, "density": density},
        caller_name="prune_experts",
    )
    if (threshold is not None) + (density is not None) + (X is not None) != 1:
        raise ValueError(
            "prune_experts needs one of threshold, density, or rows X, y that the "
            "model was not fitted on, and no more than one."
        )
    if (X is None) != (y is None) or (X is None and sample_weight is not None):
        raise ValueError(
            "X and y go together, and sample_weight goes with them: all are of rows "
            "that choose the density."
        )


def _validate_targets(model, X, y, sample_weight):
    """Return targets and weights of rows; X is left to ``predict``."""
    if is_classifier(model):
        y = column_or_1d(y)
        unknown = np.setdiff1d(y, model.classes_)
        if len(unknown):
            raise ValueError(
                f"y has the classes {unknown.tolist()[:10]}, which the model does not "
                "know. Leave their rows out."
            )
    else:
        y = check_array(y, ensure_2d=False, dtype=np.float64, input_name="y")
    check_consistent_length(X, y)
    weights = validate_sample_weight(sample_weight, y)
    return y, np.ones(len(y)) if weights is None else weights


def _keep(weights, places):
    """Keep the weights at some places of all weights, one after the other."""
    ends = np.cumsum([part.sizes.size for part in weights])
    kept = np.zeros(ends[-1] if len(ends) else 0, dtype=bool)
    kept[places] = True
    for part, mask in zip(weights, np.split(kept, ends[:-1]), strict=bool(weights)):
        part.keep(mask)


def _choose(pruned, model, weights, order, counts, X, y, sample_weight):
    """Return which number of kept weights is good enough, and the scores of all."""
    unit = 1.0 if is_classifier(model) else variance(y, sample_weight)
    losses = []
    for n_kept in counts:
        _keep(weights, order[:n_kept])
        publish_weights(pruned, model)
        predicted = pruned.predict(X)
        if predicted.shape != y.shape:
            raise ValueError(
                f"y has the shape {y.shape}, predictions have {predicted.shape}. Pass "
                "y as in fit."
            )
        losses.append(losses_of(model, y, predicted, unit))
    losses = np.array(losses)
    chosen, errors = smallest_good_enough(losses, sample_weight)
    means = np.average(losses, axis=1, weights=sample_weight)
    return chosen, {"mean_score": 1 - means, "std_error": errors}
