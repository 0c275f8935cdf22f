"""What gated experts answer of classes."""

import numpy as np
from scipy.special import expit, softmax
from sklearn.base import ClassifierMixin

from skexperts._numeric.links import binary_margins, squared_hinge_probabilities


class GatedAnswers(ClassifierMixin):
    """Classes and probabilities by the outputs of a mixture."""

    def decision_function(self, X):
        """Return what the mixture says of each class.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        values : ndarray of shape (n_samples, n_classes) or (n_samples,)
            F(x): logits for the log loss, margins for the squared hinge; for two
            classes that of ``classes_[1]``.
        """
        combined = self._combine(X)
        return combined[:, 0] if combined.shape[1] == 1 else combined

    def predict_proba(self, X):
        """Return class probabilities.

        The softmax of F (for two classes the sigmoid) for the log loss; for the squared
        hinge its inverse link ``p_c = clip((F_c + 1) / 2, 0, 1)``, normalised.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            Columns in the order of ``classes_``.
        """
        return _probabilities(self._combine(X), self.loss)

    def predict(self, X):
        """Return the class of the largest F, ties to the lowest.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        labels : ndarray of shape (n_samples,)
        """
        blocks = self._combine_blocks(self._validate_new(X))
        return np.concatenate([self._decode(part) for _, part in blocks])

    def _decode(self, combined):
        if combined.shape[1] == 1:
            return self.classes_[(combined[:, 0] > 0).astype(np.intp)]
        return self.classes_[combined.argmax(axis=1)]


def _probabilities(combined, loss):
    """Return probabilities of classes by outputs of shape (n_rows, n_outputs)."""
    binary = combined.shape[1] == 1
    if loss == "squared_hinge":
        margins = binary_margins(combined[:, 0]) if binary else combined
        return squared_hinge_probabilities(margins)
    if binary:
        return np.column_stack([expit(-combined[:, 0]), expit(combined[:, 0])])
    return softmax(combined, axis=1)
