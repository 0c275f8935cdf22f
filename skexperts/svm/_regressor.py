"""What the L1 regressors have in common: the problem of y, and predictions."""

from abc import ABCMeta, abstractmethod
from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from skexperts._doc_links import DocLinkMixin
from skexperts._sklearn import Interval, SparseCoefMixin
from skexperts._validation import validate_predict
from skexperts.svm._base import linear_values


class BaseL1Regressor(
    DocLinkMixin, SparseCoefMixin, RegressorMixin, BaseEstimator, metaclass=ABCMeta
):
    """One problem; subclasses say how C comes about."""

    _parameter_constraints: dict = {
        "epsilon": [Interval(Real, 0, None, closed="left")],
        "fit_intercept": ["boolean"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
    }

    @abstractmethod
    def fit(self, X, y):
        """Fit the coefficients."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def _targets(self, y):
        """Intervals of the one problem, as a function, and how many problems: one."""
        y = y[None, :].astype(np.float64)
        intervals = y - self.epsilon, y + self.epsilon
        return lambda chosen: intervals, 1

    def _total_weights(self, y, weights):
        return weights

    def _publish(self, coef, intercept, dual_gap, n_iter):
        self.coef_, self.intercept_ = coef[0], float(intercept[0])
        self.dual_gap_, self.n_iter_ = float(dual_gap[0]), max(1, int(n_iter[0]))

    def predict(self, X):
        """Return the predicted values.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        y : ndarray of shape (n_samples,)
        """
        check_is_fitted(self)
        X = validate_predict(self, X)
        return linear_values(X, self.coef_, self.intercept_)[:, 0]
