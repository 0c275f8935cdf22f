"""The gate that sends every row to one expert."""

from sklearn.base import BaseEstimator

from skexperts._doc_links import DocLinkMixin
from skexperts._numeric.gates import one_hot_weights
from skexperts.gating._mixin import GateMixin


class HardGate(DocLinkMixin, GateMixin, BaseEstimator):
    """All the weight of a row on its nearest cell.

    ``g_k(x) = 1`` for the cell of largest affinity, 0 for all others. A tie goes to the
    lowest cell id; a row that no cell claims (affinity minus infinity everywhere) gets
    weights 0, and the routing then shares it between all experts.

    Examples
    --------
    >>> import numpy as np
    >>> from skexperts.gating import HardGate
    >>> affinity = np.array([[-1.0, -4.0], [-3.0, -2.0]])
    >>> HardGate().fit(None, affinity).gate_weights(None, affinity)
    array([[1., 0.],
           [0., 1.]])
    """

    @property
    def needs_affinity(self):
        """False, but for a subclass with a ``fit`` of its own."""
        return type(self).fit is not HardGate.fit

    def fit(self, X, affinity, cells=None, sample_weight=None):
        """Learn nothing; there for the contract of gates.

        Parameters
        ----------
        X : ignored
        affinity : ndarray of shape (n_samples, n_cells)
        cells : ignored
        sample_weight : ignored

        Returns
        -------
        self : HardGate
        """
        self.n_cells_ = affinity.shape[1]
        return self

    def gate_weights(self, X, affinity):
        """Return the weight of every cell for every row.

        Parameters
        ----------
        X : ignored
        affinity : ndarray of shape (n_samples, n_cells)

        Returns
        -------
        weights : ndarray of shape (n_samples, n_cells)
        """
        return one_hot_weights(affinity)
