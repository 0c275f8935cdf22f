"""The contract of a gate."""


class GateMixin:
    """Base of gates: what they are told in ``fit``, and what they give.

    A gate is an estimator with ``fit(X, affinity, cells=None, sample_weight=None)`` and
    :meth:`gate_weights`. The mixin is not required; it says three more things about a
    gate, which hold for gates without it as they stand here.

    Attributes
    ----------
    learns : bool
        Whether the weights follow the cells given to ``fit``, so that rows may be
        re-assigned to other experts. False here.
    """

    learns = False

    @property
    def needs_affinity(self):
        """Whether ``fit`` is to be given the affinity of all rows, True here.

        A gate for which it is False gets an affinity of shape (0, n_cells), so that
        that of all rows never has to be in memory.
        """
        return True

    @property
    def needs_competence(self):
        """Whether ``fit`` is to be given ``competence=`` as well, False here.

        The competence is an ndarray of shape (n_samples, n_cells), non-negative: how
        well each expert serves each row, such as the probability it gives to the true
        class, from outputs for rows it was not fitted on.
        """
        return False

    def gate_weights(self, X, affinity):
        """Return the weight of every expert for every row.

        Parameters
        ----------
        X : ndarray, CSR or dataframe of shape (n_samples, n_features)
        affinity : ndarray of shape (n_samples, n_cells)

        Returns
        -------
        weights : ndarray of shape (n_samples, n_cells)
            Finite, not negative, 0 where the affinity is minus infinity. A row does not
            depend on the others.
        """
        raise TypeError(f"{type(self).__name__} must implement gate_weights.")
