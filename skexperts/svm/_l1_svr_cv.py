"""L1-regularised regression with C chosen by cross-validation."""

from skexperts._sklearn import fit_context
from skexperts._validation import (
    all_or_nothing,
    validate_fit,
    validate_sample_weight,
)
from skexperts.svm._cross_validation import CrossValidatedC
from skexperts.svm._l1_svr import L1SVR
from skexperts.svm._regressor import BaseL1Regressor


class L1SVRCV(CrossValidatedC, BaseL1Regressor):
    """L1SVR with the C of the best cross-validation score.

    On the training rows of each fold, and at last on all rows, it solves for growing
    C, each fit begun at the solution of the one before::

        min over w, b of  ||w||_1
                          + C sum_i s_i max(0, |y_i - w.x_i - b| - epsilon)^2

    C is the one of the largest mean score over the test rows of the folds, the smallest
    of them, which gives the sparsest model, if there are several.

    Parameters
    ----------
    Cs : int or array-like of shape (n_Cs,), default=20
        Values of C to choose from, positive. An integer means that many values at
        equal ratios from C_min, the largest C at which all coefficients of a fit on all
        rows are zero, to ``C_min / eps``. With r_i the part of y_i - b outside of
        [-epsilon, epsilon] at the best intercept b for w = 0, C_min is
        ``1 / max_j |sum_i 2 s_i r_i x_ij|``. Where the coefficients are zero at every
        C, as for constant y, the values begin at 1.

    eps : float, default=1e-3
        Ratio of the smallest C to the largest, between 0 and 1.

    epsilon : float, default=0.0
        Errors of this size cost nothing, in units of y.

    cv : int, splitter or iterable of (train, test), default=None
        Folds. An integer or None, for 5, means consecutive folds without shuffling.

    scoring : str or callable, default=None
        What to choose C by, larger is better: a name of a scorer or a callable
        ``scorer(estimator, X, y)``. None means R^2, the ``score`` of regressors, so
        that C is what ``GridSearchCV`` with :class:`L1SVR` would choose; ``LassoCV``
        chooses by ``"neg_mean_squared_error"``, which folds of one row need.

    fit_intercept : bool, default=True
        Whether there is an intercept.

    tol : float, default=1e-4
        Stop at a duality gap of ``tol`` times the objective.

    max_iter : int, default=1000
        Largest number of Newton steps for each C.

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

    coef_ : ndarray of shape (n_features,)
        Coefficients of the fit on all rows at ``C_``, in the float type of X; CSR of
        one row after ``sparsify()``.

    intercept_ : float
        Intercept.

    n_iter_ : int
        Newton steps done on all rows, at all values of C up to ``C_``.

    dual_gap_ : float
        Duality gap over objective of the fit on all rows at ``C_``.

    n_features_in_ : int
        Number of features seen during fit.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if ``X`` had string column names.

    See Also
    --------
    L1SVR : One C.
    L1SVCCV : The same for classification.
    sklearn.linear_model.LassoCV : The case ``epsilon=0``.

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
    >>> from sklearn.datasets import load_diabetes
    >>> from skexperts.svm import L1SVRCV
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = L1SVRCV().fit(X, y)
    >>> bool(model.scores_.mean(axis=1).max() > 0.45)
    True
    """

    _default_scoring = "r2"
    _parameter_constraints: dict = {
        **CrossValidatedC._parameter_constraints,
        **BaseL1Regressor._parameter_constraints,
    }

    def __init__(
        self,
        Cs=20,
        *,
        eps=1e-3,
        epsilon=0.0,
        cv=None,
        scoring=None,
        fit_intercept=True,
        tol=1e-4,
        max_iter=1000,
        n_jobs=None,
    ):
        self.Cs = Cs
        self.eps = eps
        self.epsilon = epsilon
        self.cv = cv
        self.scoring = scoring
        self.fit_intercept = fit_intercept
        self.tol = tol
        self.max_iter = max_iter
        self.n_jobs = n_jobs

    def _model(self):
        model = L1SVR(
            epsilon=self.epsilon,
            fit_intercept=self.fit_intercept,
            tol=self.tol,
            max_iter=self.max_iter,
        )
        model.n_features_in_ = self.n_features_in_
        return model

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None, **params):
        """Choose C and fit the coefficients.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data. Sparse data stay sparse.

        y : array-like of shape (n_samples,)
            Target values.

        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights of the fits and of the scores. Rows of weight 0 are
            left out.

        **params : dict
            Metadata for the splitter, such as ``groups``, and for the scorer. Only with
            ``sklearn.set_config(enable_metadata_routing=True)``; then a scorer must say
            by ``set_score_request`` whether it takes ``sample_weight``.

        Returns
        -------
        self : L1SVRCV

        Raises
        ------
        ValueError
            For data that cannot be used, or a score that is not finite; the message
            says which. The estimator is left as it was.

        Warns
        -----
        ConvergenceWarning
            Once, if the duality gap of any fit is above ``tol``.
        """
        with all_or_nothing(self):
            X, y = validate_fit(self, X, y, y_numeric=True)
            weights = validate_sample_weight(sample_weight, X)
            self._fit(X, y, weights, params)
        return self
