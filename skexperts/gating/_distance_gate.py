"""The gate whose weights fall off with the distance to a cell."""

from numbers import Real

from sklearn.base import BaseEstimator

from skexperts._numeric.gates import softmax_weights
from skexperts._sklearn import Interval, fit_context


class DistanceGate(BaseEstimator):
    """Softmax of the affinity: near cells share a row, far cells have no part in it.

    With affinities ``a_k(x)`` the weights are::

        g_k(x) = exp(a_k(x) / temperature) / sum_j exp(a_j(x) / temperature)

    Affinities are on the scale of log-probabilities. For cells with centres they are
    minus the squared distance to the centre, over half the mean squared distance of the
    training rows to their nearest centre, so that ``temperature`` has no units. For a
    mixture model they are log posteriors: at temperature 1 the weights are the
    posterior probabilities.

    Parameters
    ----------
    temperature : float, default=1.0
        Softness of the boundaries between cells, at least 0. At 0 the nearest cell
        takes the row, exact ties share it.

    Attributes
    ----------
    n_cells_ : int
        Number of cells.

    See Also
    --------
    HardGate : All the weight on the nearest cell.

    Examples
    --------
    >>> import numpy as np
    >>> from skexperts.gating import DistanceGate
    >>> affinity = -np.array([[1.0, 4.0], [3.0, 2.0]])
    >>> DistanceGate().fit(None, affinity).gate_weights(None, affinity).round(2)
    array([[0.95, 0.05],
           [0.27, 0.73]])
    """

    _parameter_constraints: dict = {
        "temperature": [Interval(Real, 0, None, closed="left")]
    }

    def __init__(self, temperature=1.0):
        self.temperature = temperature

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, affinity, cells=None, sample_weight=None):
        """Fix the temperature.

        Parameters
        ----------
        X : ignored
        affinity : ndarray of shape (n_samples, n_cells)
            Larger is closer, minus infinity is never.
        cells : ignored
        sample_weight : ignored

        Returns
        -------
        self : DistanceGate
        """
        self.n_cells_ = affinity.shape[1]
        self._temperature = float(self.temperature)
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
            Rows sum to 1, or to 0 where no cell claims the row.
        """
        return softmax_weights(affinity, self._temperature)
