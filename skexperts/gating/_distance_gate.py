"""The gate whose weights fall off with the distance to a cell."""

from numbers import Real

import numpy as np
from scipy.special import logsumexp
from sklearn.base import BaseEstimator

from skexperts._numeric.gates import softmax_weights
from skexperts._sklearn import Interval, fit_context


class DistanceGate(BaseEstimator):
    """Softmax of the affinity: near cells share a row, far cells have no part in it.

    With affinities ``a_k(x)`` (for centres minus the squared distance) and
    ``T = temperature * unit_`` the weights are::

        g_k(x) = exp(a_k(x) / T) / sum_j exp(a_j(x) / T)

    ``unit_`` is half the mean squared distance of the training rows to their nearest
    centre, so that ``temperature`` has no units. Affinities that are log-probabilities
    (a mixture model) already have the right unit: then ``unit_ = 1`` and at temperature
    1 the weights are the posterior probabilities of the mixture.

    Parameters
    ----------
    temperature : float, default=1.0
        Softness of the boundaries between cells, at least 0. At 0 the nearest cell
        takes the row, exact ties share it.

    Attributes
    ----------
    unit_ : float
        The affinity difference that temperature 1 stands for.

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
    array([[0.98, 0.02],
           [0.21, 0.79]])
    """

    _parameter_constraints: dict = {
        "temperature": [Interval(Real, 0, None, closed="left")]
    }

    def __init__(self, temperature=1.0):
        self.temperature = temperature

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, affinity, cells=None, sample_weight=None):
        """Learn the unit of the temperature.

        Parameters
        ----------
        X : ignored
        affinity : ndarray of shape (n_samples, n_cells)
            Larger is closer, minus infinity is never.
        cells : ignored
        sample_weight : ndarray of shape (n_samples,), optional

        Returns
        -------
        self : DistanceGate
        """
        nearest = affinity.max(axis=1).astype(np.float64)
        claimed = nearest > -np.inf
        if not claimed.any():
            unit = 0.0
        elif np.allclose(logsumexp(affinity[claimed], axis=1), 0.0, atol=1e-5):
            unit = 1.0
        else:
            weights = None if sample_weight is None else sample_weight[claimed]
            unit = max(0.0, -0.5 * np.average(nearest[claimed], weights=weights))
        self.unit_ = float(unit)
        self.n_cells_ = affinity.shape[1]
        self._scale = self.temperature * self.unit_
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
        return softmax_weights(affinity, self._scale)
