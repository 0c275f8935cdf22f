"""The contract of a partitioner that is not a scikit-learn clusterer."""


class PartitionerMixin:
    """Base of partitioners that give their own affinities.

    A subclass is an estimator with ``fit(X)`` that sets ``n_cells_`` and implements
    :meth:`affinity`. Scikit-learn clusterers and mixtures need no mixin.
    """

    def affinity(self, X):
        """Return how near each row is to each cell.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)

        Returns
        -------
        affinity : ndarray of shape (n_samples, n_cells_)
            Larger is closer; minus infinity means that the cell does not claim the row.
        """
        raise TypeError(f"{type(self).__name__} must implement affinity(X).")

    def training_affinity(self, X):
        """Return the affinities of the rows given to ``fit``.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            The rows given to ``fit``.

        Returns
        -------
        affinity : ndarray of shape (n_samples, n_cells_)
            By default ``affinity(X)``.
        """
        return self.affinity(X)
