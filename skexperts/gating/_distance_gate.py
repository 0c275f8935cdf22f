"""The gate whose weights fall off with the distance to a cell."""

from numbers import Real

import numpy as np
from sklearn.base import BaseEstimator

from skexperts._doc_links import DocLinkMixin
from skexperts._numeric.gates import softmax_weights, temperature_of_perplexity
from skexperts._sklearn import Interval, StrOptions, fit_context
from skexperts._validation import all_or_nothing, validate_sample_weight
from skexperts.gating._mixin import GateMixin

# Of "auto": the mean number of experts that share a row, by measurement.
_PERPLEXITY = 2.0


class DistanceGate(DocLinkMixin, GateMixin, BaseEstimator):
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
    temperature : float or "auto", default=1.0
        Softness of the boundaries between cells, at least 0. At 0 the nearest cell
        takes the row, exact ties share it. "auto" takes the temperature at which the
        mean effective number of experts of a training row,
        ``mean_i exp(-sum_k g_k(x_i) log g_k(x_i))``, is 2, or 1.5 for two cells; it
        stays between 1e-6 and 16.

    Attributes
    ----------
    temperature_ : float
        The temperature in use.

    n_cells_ : int
        Number of cells.

    See Also
    --------
    HardGate : All the weight on the nearest cell.
    SoftmaxGate : A softmax that is learned.

    Notes
    -----
    Where an affinity is minus infinity the weight is 0. A row without a finite affinity
    gets weights 0, and the routing then shares it between all experts. Affinities of
    any finite size are safe.

    The rule of "auto" is the one that sets the widths of the neighbourhoods in
    stochastic neighbour embedding (Hinton & Roweis 2002), with one width for all rows.
    How large the gaps between affinities are depends on the number of cells and on the
    dimension; the rule makes up for it.

    References
    ----------
    G. Hinton, S. Roweis (2002). Stochastic neighbor embedding. NIPS 15.

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
        "temperature": [Interval(Real, 0, None, closed="left"), StrOptions({"auto"})]
    }

    def __init__(self, temperature=1.0):
        self.temperature = temperature

    @property
    def needs_affinity(self):
        """Whether the temperature follows from the affinity of the training rows.

        True as well for a subclass with a ``fit`` of its own.
        """
        return self.temperature == "auto" or type(self).fit is not DistanceGate.fit

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, affinity, cells=None, sample_weight=None):
        """Fix the temperature.

        Parameters
        ----------
        X : ignored
        affinity : ndarray of shape (n_samples, n_cells)
            Larger is closer, minus infinity is never.
        cells : ignored
        sample_weight : ndarray of shape (n_samples,), optional
            Weights of the mean of ``temperature="auto"``.

        Returns
        -------
        self : DistanceGate
        """
        with all_or_nothing(self):
            self.n_cells_ = affinity.shape[1]
            if self.temperature == "auto":
                self.temperature_ = _automatic(affinity, sample_weight)
            else:
                self.temperature_ = float(self.temperature)
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
        return softmax_weights(affinity, self.temperature_)


def _automatic(affinity, sample_weight):
    weights = validate_sample_weight(sample_weight, affinity)
    weights = np.ones(len(affinity)) if weights is None else weights
    # A row that no cell claims has no part in the mean.
    weights = weights * (affinity > -np.inf).any(axis=1)
    if not weights.any() or affinity.shape[1] == 1:
        return 1.0
    target = min(_PERPLEXITY, (1 + affinity.shape[1]) / 2)
    return temperature_of_perplexity(affinity, target, weights / weights.sum())
