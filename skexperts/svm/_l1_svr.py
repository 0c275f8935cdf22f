"""L1-regularised squared epsilon-insensitive regression."""

from numbers import Real

from skexperts._sklearn import Interval, fit_context
from skexperts._validation import (
    all_or_nothing,
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
from skexperts.svm._regressor import BaseL1Regressor


class L1SVR(BaseL1Regressor):
    """Linear support vector regressor with an L1 penalty and squared loss.

    Solves::

        min over w, b of  ||w - w_0||_1
                          + C sum_i s_i max(0, |y_i - w.x_i - b - o_i| - epsilon)^2

    The intercept b is not penalised; ``w_0 = coef_center`` and ``o = offset`` are 0
    unless given to ``fit``. With ``epsilon=0`` this is the Lasso with
    ``alpha = 1 / (2 C n_samples)``.

    Parameters
    ----------
    C : float, default=1.0
        Weight of the loss, positive. The smaller, the more coefficients are exactly
        zero.

    epsilon : float, default=0.0
        Errors of this size cost nothing, in units of y.

    fit_intercept : bool, default=True
        Whether there is an intercept.

    tol : float, default=1e-4
        Stop at a duality gap of ``tol`` times the objective.

    max_iter : int, default=1000
        Largest number of Newton steps.

    warm_start : bool, default=False
        Begin at the coefficients of the previous fit if they have the same shape.

    Attributes
    ----------
    coef_ : ndarray of shape (n_features,)
        Coefficients, in the float type of X; CSR of one row after ``sparsify()``.

    intercept_ : float
        Intercept.

    n_iter_ : int
        Newton steps done, at least 1.

    dual_gap_ : float
        Duality gap over objective: no coefficients have an objective lower than
        ``1 - dual_gap_`` times the one found, before these were rounded to the float
        type of X.

    n_features_in_ : int
        Number of features seen during fit.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if ``X`` had string column names.

    See Also
    --------
    L1SVRCV : The same, with C chosen by cross-validation.
    L1SVC : The same for classification, with notes on the method.
    sklearn.linear_model.Lasso : The case ``epsilon=0``.

    Notes
    -----
    Rows of weight 0 are left out. Nothing is random.

    References
    ----------
    R. Tibshirani (1996). Regression shrinkage and selection via the lasso. Journal of
    the Royal Statistical Society B 58(1).

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from skexperts.svm import L1SVR
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = L1SVR(C=0.002).fit(X, y)
    >>> bool(model.score(X, y) > 0.4)
    True
    """

    _parameter_constraints: dict = {
        "C": [Interval(Real, 0, None, closed="neither")],
        **BaseL1Regressor._parameter_constraints,
        "warm_start": ["boolean"],
    }

    def __init__(
        self,
        C=1.0,
        *,
        epsilon=0.0,
        fit_intercept=True,
        tol=1e-4,
        max_iter=1000,
        warm_start=False,
    ):
        self.C = C
        self.epsilon = epsilon
        self.fit_intercept = fit_intercept
        self.tol = tol
        self.max_iter = max_iter
        self.warm_start = warm_start

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None, coef_center=None, offset=None):
        """Fit the coefficients.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data. Sparse data stay sparse.

        y : array-like of shape (n_samples,)
            Target values.

        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights. Rows of weight 0 are left out.

        coef_center : array-like of shape (n_features,), default=None
            Coefficients to shrink towards.

        offset : array-like of shape (n_samples,), default=None
            Values added to those of the model. Predictions do not include them.

        Returns
        -------
        self : L1SVR

        Raises
        ------
        ValueError
            For data that cannot be used; the message says which. The estimator is left
            as it was.

        Warns
        -----
        ConvergenceWarning
            If the duality gap is above ``tol``.
        """
        with all_or_nothing(self):
            X, y = validate_fit(self, X, y, y_numeric=True)
            weights = validate_sample_weight(sample_weight, X)
            coef_center, offset = check_center_and_offset(
                coef_center, offset, (X.shape[1],), X.shape[0]
            )
            weights, X, y, offset = drop_weightless(weights, X, y, offset)
            coefs, intercepts, dual_gaps, n_iter = fit_linear(
                X,
                *self._targets(y),
                weights,
                Cs=[self.C],
                fit_intercept=self.fit_intercept,
                tol=self.tol,
                max_iter=self.max_iter,
                start=start_of(self, (1, X.shape[1])),
                coef_center=coef_center,
                offset=offset,
            )
            warn_of_gaps(dual_gaps, self.tol)
            self._publish(coefs[0], intercepts[0], dual_gaps[0], n_iter[0])
        return self
