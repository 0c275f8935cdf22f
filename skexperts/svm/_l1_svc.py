"""L1-regularised squared-hinge classification."""

from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.validation import check_is_fitted

from skexperts._numeric.l1_svm import class_intervals
from skexperts._numeric.links import binary_margins, squared_hinge_probabilities
from skexperts._sklearn import Interval, SparseCoefMixin, StrOptions, fit_context
from skexperts._validation import (
    all_or_nothing,
    classes_of,
    drop_weightless,
    validate_fit,
    validate_predict,
    validate_sample_weight,
)
from skexperts.svm._base import (
    check_center_and_offset,
    fit_linear,
    linear_values,
    start_of,
)


class L1SVC(SparseCoefMixin, ClassifierMixin, BaseEstimator):
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
        Newton steps done.

    dual_gap_ : ndarray of shape (n_classes,), (1,) for two classes
        Duality gap over objective: no coefficients have an objective lower than
        ``1 - dual_gap_`` times the one found.

    n_features_in_ : int
        Number of features seen during fit.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if ``X`` had string column names.

    See Also
    --------
    L1SVR : The same for regression.
    sklearn.svm.LinearSVC : The same loss by coordinate descent, also with an L2
        penalty; it penalises the intercept.

    Notes
    -----
    The method is proximal Newton on working sets of features. The Hessian is the Gram
    matrix of the rows inside the hinge, kept up to date as rows enter and leave it; its
    L1 problem is solved by coordinate descent and exact steps on the support; the step
    length by a line search on the piecewise quadratic objective.

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

    # What the margins are: see skexperts._experts.
    loss = "squared_hinge"

    _parameter_constraints: dict = {
        "C": [Interval(Real, 0, None, closed="neither")],
        "class_weight": [StrOptions({"balanced"}), dict, None],
        "fit_intercept": ["boolean"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "warm_start": ["boolean"],
        "n_jobs": [Integral, None],
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

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

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
            positive = self.classes_[1:] if len(self.classes_) == 2 else self.classes_
            shape = (len(positive), X.shape[1])
            start = start_of(self, shape)
            coef_center, offset = check_center_and_offset(
                coef_center, offset, shape, X.shape[0]
            )
            weights = self._with_class_weight(y, weights)
            weights, X, y, offset = drop_weightless(weights, X, y, offset)
            self.coef_, self.intercept_, self.dual_gap_, self.n_iter_ = fit_linear(
                X,
                lambda chosen: class_intervals(y, positive[chosen]),
                len(positive),
                weights,
                C=self.C,
                fit_intercept=self.fit_intercept,
                tol=self.tol,
                max_iter=self.max_iter,
                start=start,
                coef_center=coef_center,
                offset=offset,
                n_jobs=self.n_jobs,
            )
        return self

    def _with_class_weight(self, y, weights):
        if self.class_weight is None:
            return weights
        kept = slice(None) if weights is None else weights > 0
        factors = compute_class_weight(
            self.class_weight,
            classes=self.classes_,
            y=y[kept],
            sample_weight=None if weights is None else weights[kept],
        )
        if not (np.isfinite(factors) & (factors >= 0)).all():
            raise ValueError(
                f"class_weight must be finite and not negative. Got {factors.tolist()} "
                f"for the classes {self.classes_.tolist()}."
            )
        # A class that has weight 0 throughout is none of classes_.
        place = np.searchsorted(self.classes_, y).clip(max=len(self.classes_) - 1)
        return factors[place] if weights is None else factors[place] * weights

    def decision_function(self, X):
        """Return the margins.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        margins : ndarray of shape (n_samples, n_classes) or (n_samples,)
            For two classes the margin of ``classes_[1]``.
        """
        check_is_fitted(self)
        X = validate_predict(self, X)
        margins = linear_values(X, self.coef_, self.intercept_)
        return margins[:, 0] if margins.shape[1] == 1 else margins

    def predict(self, X):
        """Return the class of the largest margin, ties to the lowest.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        labels : ndarray of shape (n_samples,)
        """
        margins = self.decision_function(X)
        if margins.ndim == 1:
            return self.classes_[(margins > 0).astype(np.intp)]
        return self.classes_[margins.argmax(axis=1)]

    def predict_proba(self, X):
        """Return class probabilities by the inverse link of the squared hinge.

        They are ``p_c = clip((f_c + 1) / 2, 0, 1)``, normalised over the classes.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            Columns in the order of ``classes_``.
        """
        margins = self.decision_function(X)
        if margins.ndim == 1:
            margins = binary_margins(margins)
        return squared_hinge_probabilities(margins)
