"""Convex combination of regressors with learned weights."""

import numpy as np
from sklearn.base import RegressorMixin, is_regressor
from sklearn.utils import get_tags

from skexperts._callbacks import fit_task
from skexperts._sklearn import fit_context
from skexperts._validation import all_or_nothing, validate_fit, validate_sample_weight
from skexperts.combine._base import BaseAlphaCombiner


class AlphaCombinerRegressor(RegressorMixin, BaseAlphaCombiner):
    """Combine named regressors with weights on the simplex, learned out of fold.

    The model is ``F(x) = sum_k alpha_k f_k(x)``, where ``f_k(x)`` is the prediction of
    regressor k, fitted on all rows. The weights solve::

        min_alpha  sum_i s_i (y_i - sum_k alpha_k f_k^(-i)(x_i))^2 / sum_i s_i
        s.t.       alpha_k >= 0,  sum_k alpha_k = 1

    where ``f_k^(-i)`` was fitted without the fold of row i, so that a regressor that
    remembers its training rows earns nothing by it.

    Parameters
    ----------
    estimators : list of (str, estimator) tuples, default=None
        The named regressors. They are cloned and keep their own ``random_state``. An
        estimator can be set to ``"drop"``. None is for the ``combiner`` of
        :class:`~skexperts.ensemble.PartitionedExpertsRegressor`, whose experts
        are combined.

    alpha : "learned", float or array-like of shape (n_estimators,), default="learned"
        Weights given in advance: one per estimator that is not dropped, non-negative,
        of sum 1; or one number a in [0, 1], which weighs two estimators as (a, 1 - a).
        Then no out-of-fold fits are done.

    cv : int, splitter, iterable of splits, "prefit" or None, default=None
        Folds of the out-of-fold outputs; None means 5, an integer folds of neighbouring
        rows: pass a shuffled splitter if the rows are sorted. ``"prefit"`` uses the
        estimators as they are, fitted before, and learns alpha on the data given to
        ``fit``: give data they have not seen.

    tol : float, default=1e-8
        Stop at a duality gap of ``tol`` times the squared error of the best single
        regressor.

    max_iter : int, default=100
        Largest number of Newton steps for alpha.

    n_jobs : int, default=None
        Number of fits done at a time, as in joblib. The fits of all estimators on all
        folds and on all rows are one parallel section.

    Attributes
    ----------
    alpha_ : ndarray of shape (n_estimators,)
        Weight of each estimator that is not dropped.

    scale_ : float
        Always 1; a classifier may learn another one.

    duality_gap_ : float
        Bound on how much lower the out-of-fold squared error of any other weights could
        be; NaN for a given alpha.

    n_iter_ : int
        Newton steps done, at least 1 by convention, also for a given alpha.

    estimators_ : list of length n_estimators
        The regressors fitted on all rows.

    named_estimators_ : :class:`~sklearn.utils.Bunch`
        The same by name, with ``"drop"`` for those that are dropped.

    n_features_in_ : int
        Number of features seen during fit.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if ``X`` had string column names.

    See Also
    --------
    AlphaCombinerClassifier : The same for classification.
    sklearn.ensemble.StackingRegressor : Any model on top of the predictions.
    sklearn.ensemble.VotingRegressor : Fixed weights.

    Notes
    -----
    A row in several test folds counts with its weight divided among them; a row in none
    is left out of the fit of alpha. Regressors with equal predictions share their
    weight equally.

    The columns reach the estimators as a float array (or CSR) without names.

    References
    ----------
    L. Breiman (1996). Stacked regressions. Machine Learning 24.

    M. J. van der Laan, E. C. Polley, A. E. Hubbard (2007). Super learner. Statistical
    Applications in Genetics and Molecular Biology 6(1).

    M. Jaggi (2013). Revisiting Frank-Wolfe: projection-free sparse convex optimization.
    ICML.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.neighbors import KNeighborsRegressor
    >>> from skexperts.combine import AlphaCombinerRegressor
    >>> X, y = load_diabetes(return_X_y=True)
    >>> combiner = AlphaCombinerRegressor(
    ...     [("linear", Ridge(alpha=0.1)), ("near", KNeighborsRegressor(20))]
    ... )
    >>> combiner.fit(X, y).alpha_.round(2)
    array([0.73, 0.27])
    """

    _is_kind = staticmethod(is_regressor)
    _kind = "regressor"

    def __init__(
        self,
        estimators=None,
        *,
        alpha="learned",
        cv=None,
        tol=1e-8,
        max_iter=100,
        n_jobs=None,
    ):
        self.estimators = estimators
        self.alpha = alpha
        self.cv = cv
        self.tol = tol
        self.max_iter = max_iter
        self.n_jobs = n_jobs

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, sample_weight=None, **params):
        """Fit the regressors and learn alpha on their out-of-fold predictions.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data, sparse if all estimators take it.

        y : array-like of shape (n_samples,)
            Target values.

        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights of the rows, for the estimators and for alpha. Rows of
            weight 0 are left out.

        **params : dict
            Metadata that the estimators request, or the splitter, such as ``groups``.
            Only with ``sklearn.set_config(enable_metadata_routing=True)``; then all
            estimators must say by ``set_fit_request`` whether they take
            ``sample_weight``, if it is given.

        Returns
        -------
        self : AlphaCombinerRegressor

        Raises
        ------
        ValueError
            For data, weights, alpha, folds or estimators that cannot be used, and for
            outputs that are not finite; the message says which.
        TypeError
            If an estimator is not a regressor.
        RuntimeError
            If the fit of an estimator fails; the message names it and the fold.
            Whatever is raised, the combiner is left as it was.
        """
        task = fit_task(self, 1, leave_out=["cv"])
        with all_or_nothing(self):
            sparse = get_tags(self).input_tags.sparse
            X, y = validate_fit(self, X, y, accept_sparse=sparse, y_numeric=True)
            sample_weight = validate_sample_weight(sample_weight, X)
            with task.running(X, y, complete=True):
                self._fit(X, y, sample_weight, params, task)
        return self

    def loss_and_scale(self):
        """Return the loss of alpha, and the scale on which outputs are read."""
        return "squared_error", "value"

    def _encode(self, y, scale):
        return y[:, None].astype(np.float64)

    def predict(self, X):
        """Return the weighted mean of the predictions.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        y : ndarray of shape (n_samples,)
        """
        return self._combine(X)[:, 0]
