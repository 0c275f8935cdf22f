"""L1-regularised squared-hinge classification."""

from numbers import Real

from skexperts._sklearn import Interval, fit_context
from skexperts._validation import (
    all_or_nothing,
    classes_of,
    drop_weightless,
    validate_fit,
    validate_sample_weight,
)
from skexperts.svm._base import (
    check_center_and_offset,
    fit_linear,
    start_of,
    warn_of_gaps,
)
from skexperts.svm._classifier import BaseL1Classifier, positive_classes


class L1SVC(BaseL1Classifier):
    """Linear support vector classifier with an L1 penalty and squared hinge loss.

    Solves, for each class against the rest (for two classes once, for the second)::

        min over w, b of  ||w - w_0||_1
                          + C sum_i s_i max(0, 1 - y_i (w.x_i + b + o_i))^2

    with y_i = 1 for rows of the class and -1 for others. The intercept b is not
    penalised; ``w_0 = coef_center`` and ``o = offset`` are 0 unless given to ``fit``.

    Parameters
    ----------
    C : float, default=1.0
        Weight of the loss, positive. The smaller, the more coefficients are exactly
        zero.

    class_weight : dict or "balanced", default=None
        Factor of the weight of the rows of each class, in all one-vs-rest problems.
        ``"balanced"`` gives all classes the same total weight.

    fit_intercept : bool, default=True
        Whether there is an intercept.

    tol : float, default=1e-4
        Stop at a duality gap of ``tol`` times the objective.

    max_iter : int, default=1000
        Largest number of Newton steps for each class.

    warm_start : bool, default=False
        Begin at the coefficients of the previous fit if they have the same shape.

    n_jobs : int, default=None
        Number of groups of classes fitted at a time, as in joblib. The result does not
        depend on it.

    Attributes
    ----------
    coef_ : ndarray of shape (n_classes, n_features), (1, n_features) for two classes
        Coefficients, in the float type of X; CSR after ``sparsify()``.

    intercept_ : ndarray of shape (n_classes,), (1,) for two classes
        Intercepts.

    classes_ : ndarray of shape (n_classes,)
        The classes, sorted.

    n_iter_ : ndarray of shape (n_classes,), (1,) for two classes
        Newton steps done, at least 1.

    dual_gap_ : ndarray of shape (n_classes,), (1,) for two classes
        Duality gap over objective: no coefficients have an objective lower than
        ``1 - dual_gap_`` times the one found, before these were rounded to the float
        type of X.

    n_features_in_ : int
        Number of features seen during fit.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if ``X`` had string column names.

    See Also
    --------
    L1SVCCV : The same, with C chosen by cross-validation.
    L1SVR : The same for regression.
    sklearn.svm.LinearSVC : The same loss by coordinate descent, also with an L2
        penalty; it penalises the intercept.

    Notes
    -----
    The method is proximal Newton. The Hessian is the Gram matrix of the rows inside the
    hinge, kept up to date as rows enter and leave it; its L1 problem is solved by
    coordinate descent and exact steps on the support; the step length by a line search
    on the piecewise quadratic objective. Many features are taken by working sets, from
    the penalty at which all coefficients are zero down to that of C.

    Rows of weight 0 are left out. Nothing is random.

    References
    ----------
    G.-X. Yuan, K.-W. Chang, C.-J. Hsieh, C.-J. Lin (2010). A comparison of optimization
    methods and software for large-scale L1-regularized linear classification. JMLR 11.

    G.-X. Yuan, C.-H. Ho, C.-J. Lin (2012). An improved GLMNET for L1-regularized
    logistic regression. JMLR 13.

    T. Zhang (2004). Statistical behavior and consistency of classification methods
    based on convex risk minimization. Annals of Statistics 32(1). (Probabilities.)

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.preprocessing import scale
    >>> from skexperts.svm import L1SVC
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> model = L1SVC(C=0.01).fit(scale(X), y)
    >>> bool(model.score(scale(X), y) > 0.95)
    True
    >>> int((model.coef_ != 0).sum())
    6
    """

    _parameter_constraints: dict = {
        "C": [Interval(Real, 0, None, closed="neither")],
        **BaseL1Classifier._parameter_constraints,
        "warm_start": ["boolean"],
    }

    def __init__(
        self,
        C=1.0,
        *,
        class_weight=None,
        fit_intercept=True,
        tol=1e-4,
        max_iter=1000,
        warm_start=False,
        n_jobs=None,
    ):
        self.C = C
        self.class_weight = class_weight
        self.fit_intercept = fit_intercept
        self.tol = tol
        self.max_iter = max_iter
        self.warm_start = warm_start
        self.n_jobs = n_jobs

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None, coef_center=None, offset=None):
        """Fit the coefficients of every class.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data. Sparse data stay sparse.

        y : array-like of shape (n_samples,)
            Class labels, at least two classes.

        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights. Rows of weight 0 are left out.

        coef_center : array-like of the shape of ``coef_``, default=None
            Coefficients to shrink towards.

        offset : array-like of shape (n_samples, n_classes), default=None
            Margins added to those of the model, (n_samples,) for two classes.
            Predictions do not include them.

        Returns
        -------
        self : L1SVC

        Raises
        ------
        ValueError
            For data that cannot be used; the message says which. The estimator is left
            as it was.

        Warns
        -----
        ConvergenceWarning
            Once, if the duality gap of any class is above ``tol``.
        """
        with all_or_nothing(self):
            X, y = validate_fit(self, X, y)
            weights = validate_sample_weight(sample_weight, X)
            self.classes_ = classes_of(y if weights is None else y[weights > 0])
            shape = (len(positive_classes(self.classes_)), X.shape[1])
            start = start_of(self, shape)
            coef_center, offset = check_center_and_offset(
                coef_center, offset, shape, X.shape[0]
            )
            weights = self._total_weights(y, weights)
            weights, X, y, offset = drop_weightless(weights, X, y, offset)
            coefs, intercepts, dual_gaps, n_iter = fit_linear(
                X,
                *self._targets(y),
                weights,
                Cs=[self.C],
                fit_intercept=self.fit_intercept,
                tol=self.tol,
                max_iter=self.max_iter,
                start=start,
                coef_center=coef_center,
                offset=offset,
                n_jobs=self.n_jobs,
            )
            warn_of_gaps(dual_gaps, self.tol)
            self._publish(coefs[0], intercepts[0], dual_gaps[0], n_iter[0])
        return self
