"""Experts that share: one linear model for all, and a sparse deviation of each."""

from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import csr_array
from sklearn.base import clone, is_classifier

from skexperts._experts import weight_parameter
from skexperts._numeric.sharing import shared_design, split_coef
from skexperts._sklearn import validate_parameter_constraints
from skexperts._validation import classes_of, drop_weightless
from skexperts.svm import L1SVC, L1SVR
from skexperts.svm._base import fit_linear, warn_of_gaps


class SharedFit(NamedTuple):
    """A shared model, the experts and by how much these differ from it."""

    shared: Any
    experts: list
    deviation: list[csr_array]
    deviation_intercept: np.ndarray
    dual_gap: np.ndarray
    n_iter: np.ndarray


def check_can_share(expert):
    """Raise an error unless ``expert`` is of a kind that can share.

    Parameters
    ----------
    expert : estimator
    """
    if not isinstance(expert, L1SVC | L1SVR):
        raise TypeError(
            "sharing='deviation' fits a shared L1SVC or L1SVR and sparse deviations "
            f"from it in one problem, which expert={expert!r} does not have. Pass an "
            "L1SVC or L1SVR (choose its C by cross-validation of the whole model, "
            "transform X before it), or use sharing=None."
        )
    if weight_parameter(expert) is None:
        raise ValueError(
            "sharing='deviation' weighs the rows of all experts in one problem, but "
            f"expert={expert!r} requests no sample_weight. Use "
            "set_fit_request(sample_weight=True), or sharing=None."
        )


def fit_deviations(
    expert, X, y, rows, bounds, weights=None, *, penalty, n_jobs=None
) -> SharedFit:
    r"""Fit a shared linear model and a sparse deviation for every expert, jointly.

    Solves, for each class against the rest (for two classes once, for the second) or
    for the one target of a regression,

    .. math::

        \min_{w_0, b_0, d, e} \; \|w_0\|_1
        + \lambda \sum_k \left( \|d_k\|_1 + |e_k| / s \right)
        + C \sum_{(i, k)} c_{ik} \,
          \ell\!\left( y_i, (w_0 + d_k)^\top x_i + b_0 + e_k \right)

    over the routed pairs of row i and expert k, with the loss :math:`\ell` and C of
    the expert, :math:`\lambda` the `penalty` and s the root of the weighted mean of
    :math:`\|x_i\|^2` over the pairs.

    Parameters
    ----------
    expert : L1SVC or L1SVR
        Gives C and the other parameters, and stays unfitted. Without an intercept there
        are no :math:`b_0` and :math:`e_k`.
    X : ndarray of shape (n_samples, n_features), C order, or canonical CSR
    y : ndarray of shape (n_samples,)
    rows : ndarray of shape (n_pairs,)
        Row of each pair, expert by expert.
    bounds : ndarray of shape (n_experts + 1,)
        Expert k has the pairs ``bounds[k]:bounds[k + 1]``; those after the last bound
        are for the shared model alone.
    weights : ndarray of shape (n_pairs,), default=None
        The :math:`c_{ik}`, not negative; all 1 if None.
    penalty : float
        Positive, may be infinite.
    n_jobs : int, default=None
        Number of groups of classes fitted at a time, as in joblib. The result does not
        depend on it.

    Returns
    -------
    shared : fitted clone of ``expert``
        With the coefficients :math:`w_0` and :math:`b_0`.
    experts : list of fitted clones of ``expert``
        With the sums :math:`w_0 + d_k` and :math:`b_0 + e_k`. All know all classes.
    deviation : list of csr_array of shape (n_problems, n_features)
        The :math:`d_k`.
    deviation_intercept : ndarray of shape (n_experts, n_problems)
        The :math:`e_k`.
    dual_gap : ndarray of shape (n_problems,)
        Duality gap of the joint problem over its objective.
    n_iter : ndarray of shape (n_problems,)
        Newton steps done.

    Raises
    ------
    TypeError
        If the expert is no L1SVC or L1SVR.
    ValueError
        If it has invalid parameters, or too few classes have pairs of positive weight.

    Warns
    -----
    ConvergenceWarning
        Once, if the duality gap of any problem is above the ``tol`` of the expert.

    Notes
    -----
    The problem is that of one linear model with columns for :math:`w_0`, each
    :math:`d_k` and each :math:`e_k`, those of the deviations divided by their penalty,
    so its proximal Newton solver moves all of them at once. Alternation between
    :math:`w_0` and the :math:`d_k` is much slower: a shift of :math:`w_0` that all
    :math:`d_k` undo leaves the loss as it is.

    The scale s makes the penalty of :math:`e_k` that of one more coefficient whatever
    the units of X: where the rows of an expert are far from the origin, :math:`e_k` has
    to undo :math:`d_k` at their mean.

    Limits:

    - one expert has none to share with: it is the plain estimator, and its deviation is
      zero whatever the penalty;
    - from some penalty on, all deviations are zero and the shared model is the plain
      fit to all pairs;
    - below a penalty of 1 / n_experts, :math:`w_0` is zero: separate fits, with C
      divided by the penalty, but for the penalty of the :math:`e_k`.

    References
    ----------
    Q. Gu, J. Han (2013). Clustered support vector machines. AISTATS.

    T. Evgeniou, M. Pontil (2004). Regularized multi-task learning. KDD.

    S. M. Gross, R. Tibshirani (2016). Data Shared Lasso: a novel tool to discover
    uplift. Computational Statistics & Data Analysis 101.
    """
    check_can_share(expert)
    validate_parameter_constraints(
        expert._parameter_constraints,
        expert.get_params(deep=False),
        caller_name=type(expert).__name__,
    )
    n_experts, n_features = len(bounds) - 1, X.shape[1]
    owners = np.repeat(np.arange(n_experts + 1), np.diff(np.append(bounds, len(rows))))
    weights, rows, owners = drop_weightless(weights, rows, owners)
    y = y[rows]
    template = clone(expert)
    if is_classifier(expert):
        template.classes_ = classes_of(y)
    weights = template._total_weights(y, weights)
    weights, rows, owners, y = drop_weightless(weights, rows, owners, y)

    alone = n_experts == 1 or np.isinf(penalty)
    if alone:
        matrix, C = X[rows], expert.C
    else:
        design = shared_design(
            X,
            rows,
            owners,
            weights,
            n_experts,
            penalty,
            fit_intercept=expert.fit_intercept,
        )
        matrix, C = design.matrix, expert.C / min(1.0, penalty)
    coefs, intercepts, dual_gaps, n_iter = fit_linear(
        matrix,
        *template._targets(y),
        weights,
        Cs=[C],
        fit_intercept=expert.fit_intercept,
        tol=expert.tol,
        max_iter=expert.max_iter,
        n_jobs=n_jobs,
    )
    warn_of_gaps(dual_gaps, expert.tol)
    coef, intercept, gap = coefs[0], intercepts[0], dual_gaps[0]
    if alone:
        deviation = [csr_array(coef.shape, dtype=X.dtype) for _ in range(n_experts)]
        own_intercept = np.zeros((n_experts, len(coef)), dtype=X.dtype)
    else:
        coef, deviation, own_intercept = split_coef(design, coef, n_features, n_experts)

    experts = [
        _publish(template, own + coef, intercept + shift, gap, n_iter[0])
        for own, shift in zip(deviation, own_intercept, strict=True)
    ]
    return SharedFit(
        _publish(template, coef, intercept, gap, n_iter[0]),
        experts,
        deviation,
        own_intercept,
        gap,
        n_iter[0],
    )


def _publish(template, coef, intercept, gap, n_iter):
    model = clone(template)
    model.n_features_in_ = coef.shape[1]
    if is_classifier(model):
        model.classes_ = template.classes_
    model._publish(coef, intercept, gap, n_iter)
    return model
