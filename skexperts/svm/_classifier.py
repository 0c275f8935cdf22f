"""What the L1 classifiers have in common: the problems of y, and predictions."""

from abc import ABCMeta, abstractmethod
from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted

from skexperts._doc_links import DocLinkMixin
from skexperts._numeric.l1_svm import class_intervals
from skexperts._numeric.links import binary_margins, squared_hinge_probabilities
from skexperts._sklearn import Interval, SparseCoefMixin, StrOptions
from skexperts._validation import add_class_weights, validate_predict
from skexperts.svm._base import linear_values


class BaseL1Classifier(
    DocLinkMixin, SparseCoefMixin, ClassifierMixin, BaseEstimator, metaclass=ABCMeta
):
    """One-vs-rest problems; subclasses say how C comes about."""

    # What the margins are: see skexperts._experts.
    loss = "squared_hinge"

    _parameter_constraints: dict = {
        "class_weight": [StrOptions({"balanced"}), dict, None],
        "fit_intercept": ["boolean"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "n_jobs": [Integral, None],
    }

    @abstractmethod
    def fit(self, X, y):
        """Fit the coefficients of every class."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def _targets(self, y):
        """Intervals of the problems, as a function, and how many problems there are."""
        numbers = np.searchsorted(self.classes_, y)
        positive = positive_classes(np.arange(len(self.classes_)))
        return lambda chosen: class_intervals(numbers, positive[chosen]), len(positive)

    def _total_weights(self, y, weights):
        """Sample weights times class weights, None if all are 1."""
        return add_class_weights(self.class_weight, self.classes_, y, weights)

    def _publish(self, coef, intercept, dual_gap, n_iter):
        self.coef_, self.intercept_ = coef, intercept
        # By scikit-learn's contract at least 1, even where the start is the solution.
        self.dual_gap_, self.n_iter_ = dual_gap, n_iter.clip(min=1)

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


def positive_classes(classes):
    """Return the positive class of every problem: of two classes only the second."""
    return classes[1:] if len(classes) == 2 else classes
