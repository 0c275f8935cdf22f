"""The coefficients of L1-regularised squared-hinge classification as C grows."""

from skexperts._sklearn import validate_parameter_constraints
from skexperts._validation import classes_of, validate_fit, validate_sample_weight
from skexperts.svm._base import fit_linear, warn_of_gaps
from skexperts.svm._l1_svc import L1SVC
from skexperts.svm._l1_svc_cv import L1SVCCV
from skexperts.svm._path import problem_of, values_of_C


def l1_svc_path(
    X,
    y,
    *,
    Cs=20,
    eps=1e-3,
    sample_weight=None,
    class_weight=None,
    fit_intercept=True,
    tol=1e-4,
    max_iter=1000,
    n_jobs=None,
):
    """Compute the coefficients of :class:`L1SVC` for many values of C.

    Solves, for each C and each class against the rest (for two classes once, for the
    second)::

        min over w, b of  ||w||_1 + C sum_i s_i max(0, 1 - y_i (w.x_i + b))^2

    from the smallest C to the largest, each fit begun at the solution of the one
    before.

    Parameters
    ----------
    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Training data. Sparse data stay sparse.

    y : array-like of shape (n_samples,)
        Class labels, at least two classes.

    Cs : int or array-like of shape (n_Cs,), default=20
        Values of C, positive. An integer means that many values at equal ratios from
        C_min, the largest C at which the coefficients of all classes are zero, to
        ``C_min / eps``. With u_i = 2 s_i max(0, 1 - y_i b) at the best intercept b
        for w = 0, C_min is the least of ``1 / max_j |sum_i u_i y_i x_ij|`` over the
        classes. Where the coefficients are zero at every C, as for constant X, the
        values begin at 1.

    eps : float, default=1e-3
        Ratio of the smallest C to the largest, between 0 and 1.

    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative weights. Rows of weight 0 are left out.

    class_weight : dict or "balanced", default=None
        Factor of the weight of the rows of each class, in all one-vs-rest problems.

    fit_intercept : bool, default=True
        Whether there is an intercept.

    tol : float, default=1e-4
        Stop at a duality gap of ``tol`` times the objective.

    max_iter : int, default=1000
        Largest number of Newton steps for each C and class.

    n_jobs : int, default=None
        Number of groups of classes fitted at a time, as in joblib. The result does not
        depend on it.

    Returns
    -------
    Cs : ndarray of shape (n_Cs,)
        The values of C, ascending.

    coefs : ndarray of shape (n_Cs, n_problems, n_features)
        Coefficients, in the float type of X. There is a problem for each class in
        sorted order, for two classes one.

    intercepts : ndarray of shape (n_Cs, n_problems)
        Intercepts.

    dual_gaps : ndarray of shape (n_Cs, n_problems)
        Duality gaps over objectives.

    Raises
    ------
    ValueError
        For data that cannot be used; the message says which.

    Warns
    -----
    ConvergenceWarning
        Once, if any duality gap is above ``tol``.

    See Also
    --------
    L1SVC : One C.
    L1SVCCV : C chosen by cross-validation.
    sklearn.svm.l1_min_c : C_min without weights, for a penalised intercept.

    References
    ----------
    J. Friedman, T. Hastie, R. Tibshirani (2010). Regularization paths for generalized
    linear models via coordinate descent. Journal of Statistical Software 33(1).

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.preprocessing import scale
    >>> from skexperts.svm import l1_svc_path
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> Cs, coefs, intercepts, dual_gaps = l1_svc_path(scale(X), y)
    >>> coefs.shape
    (20, 1, 30)
    >>> int((coefs[0] != 0).sum())
    0
    >>> bool((dual_gaps <= 1e-4).all())
    True
    """
    options = {"fit_intercept": fit_intercept, "tol": tol, "max_iter": max_iter}
    given = {"Cs": Cs, "eps": eps, "class_weight": class_weight, "n_jobs": n_jobs}
    validate_parameter_constraints(
        L1SVCCV._parameter_constraints, given | options, caller_name="l1_svc_path"
    )
    model = L1SVC(class_weight=class_weight)
    X, y = validate_fit(model, X, y)
    weights = validate_sample_weight(sample_weight, X)
    model.classes_ = classes_of(y if weights is None else y[weights > 0])
    problem = problem_of(model, X, y, weights)
    Cs = values_of_C(Cs, eps, *problem, fit_intercept=fit_intercept)
    coefs, intercepts, dual_gaps, _ = fit_linear(
        *problem, Cs=Cs, **options, n_jobs=n_jobs
    )
    warn_of_gaps(dual_gaps, tol)
    return Cs, coefs, intercepts, dual_gaps
