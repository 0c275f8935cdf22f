"""L1-regularised squared-hinge classification with C chosen by cross-validation."""

from skexperts._sklearn import fit_context
from skexperts._validation import (
    all_or_nothing,
    classes_of,
    validate_fit,
    validate_sample_weight,
)
from skexperts.svm._classifier import BaseL1Classifier
from skexperts.svm._cross_validation import CrossValidatedC
from skexperts.svm._l1_svc import L1SVC


class L1SVCCV(CrossValidatedC, BaseL1Classifier):
    """L1SVC with the C of the best cross-validation score.

    On the training rows of each fold, and at last on all rows, it solves for growing
    C, each fit begun at the solution of the one before::

        min over w, b of  ||w||_1 + C sum_i s_i max(0, 1 - y_i (w.x_i + b))^2

    for each class against the rest (for two classes once, for the second). All classes
    have the same C: the one of the largest mean score over the test rows of the folds,
    the smallest of them, which gives the sparsest model, if there are several.

    Parameters
    ----------
    Cs : int or array-like of shape (n_Cs,), default=20
        Values of C to choose from, positive. An integer means that many values at
        equal ratios from C_min, the largest C at which all coefficients of a fit on all
        rows are zero, to ``C_min / eps``; see :func:`l1_svc_path`.

    eps : float, default=1e-3
        Ratio of the smallest C to the largest, between 0 and 1.

    cv : int, splitter or iterable of (train, test), default=None
        Folds. An integer or None, for 5, means stratified folds without shuffling.

    scoring : str or callable, default=None
        What to choose C by, larger is better: a name of a scorer or a callable
        ``scorer(estimator, X, y)``. None means accuracy. Method ``score`` gives the
        accuracy in any case.

    class_weight : dict or "balanced", default=None
        Factor of the weight of the rows of each class, in all one-vs-rest problems.
        ``"balanced"`` gives all classes the same total weight in every fit. Scores do
        not use it.

    fit_intercept : bool, default=True
        Whether there is an intercept.

    tol : float, default=1e-4
        Stop at a duality gap of ``tol`` times the objective.

    max_iter : int, default=1000
        Largest number of Newton steps for each C and class.

    n_jobs : int, default=None
        Number of folds fitted at a time, as in joblib. The result does not depend on
        it.

    Attributes
    ----------
    C_ : float
        The C chosen.

    Cs_ : ndarray of shape (n_Cs,)
        The values of C, ascending.

    scores_ : ndarray of shape (n_Cs, n_folds)
        Score of each C on the test rows of each fold.

    coef_ : ndarray of shape (n_classes, n_features), (1, n_features) for two classes
        Coefficients of the fit on all rows at ``C_``, in the float type of X; CSR after
        ``sparsify()``.

    intercept_ : ndarray of shape (n_classes,), (1,) for two classes
        Intercepts.

    classes_ : ndarray of shape (n_classes,)
        The classes, sorted.

    n_iter_ : ndarray of shape (n_classes,), (1,) for two classes
        Newton steps done on all rows, at all values of C up to ``C_``.

    dual_gap_ : ndarray of shape (n_classes,), (1,) for two classes
        Duality gap over objective of the fit on all rows at ``C_``.

    n_features_in_ : int
        Number of features seen during fit.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if ``X`` had string column names.

    See Also
    --------
    L1SVC : One C; with notes on the method.
    L1SVRCV : The same for regression.
    l1_svc_path : The coefficients at every C.
    sklearn.linear_model.LogisticRegressionCV : The same for the logistic loss.

    Notes
    -----
    Rows of weight 0 are left out: they are in no fold. Nothing is random but a splitter
    that shuffles.

    References
    ----------
    J. Friedman, T. Hastie, R. Tibshirani (2010). Regularization paths for generalized
    linear models via coordinate descent. Journal of Statistical Software 33(1).

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.preprocessing import scale
    >>> from skexperts.svm import L1SVCCV
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> model = L1SVCCV().fit(scale(X), y)
    >>> model.scores_.shape
    (20, 5)
    >>> bool(model.scores_.mean(axis=1).max() > 0.97)
    True
    """

    _default_scoring = "accuracy"
    _parameter_constraints: dict = {
        **CrossValidatedC._parameter_constraints,
        **BaseL1Classifier._parameter_constraints,
    }

    def __init__(
        self,
        Cs=20,
        *,
        eps=1e-3,
        cv=None,
        scoring=None,
        class_weight=None,
        fit_intercept=True,
        tol=1e-4,
        max_iter=1000,
        n_jobs=None,
    ):
        self.Cs = Cs
        self.eps = eps
        self.cv = cv
        self.scoring = scoring
        self.class_weight = class_weight
        self.fit_intercept = fit_intercept
        self.tol = tol
        self.max_iter = max_iter
        self.n_jobs = n_jobs

    def _model(self):
        model = L1SVC(
            class_weight=self.class_weight,
            fit_intercept=self.fit_intercept,
            tol=self.tol,
            max_iter=self.max_iter,
        )
        model.classes_, model.n_features_in_ = self.classes_, self.n_features_in_
        return model

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None, **params):
        """Choose C and fit the coefficients of every class.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data. Sparse data stay sparse.

        y : array-like of shape (n_samples,)
            Class labels, at least two classes.

        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights of the fits and of the scores. Rows of weight 0 are
            left out.

        **params : dict
            Metadata for the splitter, such as ``groups``, and for the scorer. Only with
            ``sklearn.set_config(enable_metadata_routing=True)``; then a scorer must say
            by ``set_score_request`` whether it takes ``sample_weight``.

        Returns
        -------
        self : L1SVCCV

        Raises
        ------
        ValueError
            For data that cannot be used, a fold whose training rows lack a class, or a
            score that is not finite; the message says which. The estimator is left as
            it was.

        Warns
        -----
        ConvergenceWarning
            Once, if the duality gap of any fit is above ``tol``.
        """
        with all_or_nothing(self):
            X, y = validate_fit(self, X, y)
            weights = validate_sample_weight(sample_weight, X)
            self.classes_ = classes_of(y if weights is None else y[weights > 0])
            self._fit(X, y, weights, params)
        return self
