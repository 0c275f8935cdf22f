"""The contract of a partitioner that is not a scikit-learn clusterer."""


class PartitionerMixin:
    """Base of partitioners that give their own affinities.

    A subclass is an estimator with ``fit(X)``, or ``fit(X, y)`` if its cells depend on
    y, that sets ``n_cells_`` and implements :meth:`affinity`. X comes as the user gave
    it, which may be a pandas or polars DataFrame. Scikit-learn clusterers and mixtures
    need no mixin.

    Attributes
    ----------
    claims_all : bool, default=False
        Whether every row, in training and later, is claimed by some cell.

    unclaimed : {"all", "shared"}, default="all"
        What serves a row that no cell claims: all experts in equal parts, or a shared
        expert that is fitted on all rows.

    feature_groups_ : list of n_cells_ int arrays, or None, default=None
        The columns of X that the expert of each cell sees; None means all columns.
    """

    claims_all = False
    unclaimed = "all"
    feature_groups_ = None

    def affinity(self, X):
        """Return how near each row is to each cell.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)

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
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The rows given to ``fit``.

        Returns
        -------
        affinity : ndarray of shape (n_samples, n_cells_)
            By default ``affinity(X)``.
        """
        return self.affinity(X)
