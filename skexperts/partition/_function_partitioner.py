"""A function of X that labels rows, as a partitioner."""

import numpy as np
from sklearn.base import BaseEstimator

from skexperts.partition._mixin import PartitionerMixin
from skexperts.partition._segments import cells_of, distinct_values, one_cell_affinity


class _FunctionPartitioner(PartitionerMixin, BaseEstimator):
    """One cell for each distinct label that a function gives.

    Parameters
    ----------
    function : callable
        ``function(X)`` returns labels of shape (n_samples,). None and NaN, and labels
        that no training row had, belong to no cell.

    Attributes
    ----------
    segments_ : ndarray of shape (n_cells_,)
        Distinct labels, sorted, in the order of the cells.

    n_cells_ : int
        Number of cells.
    """

    unclaimed = "shared"

    def __init__(self, function):
        self.function = function

    def fit(self, X, y=None):
        labels = self._labels(X)
        self.segments_ = distinct_values(labels, what=f"What {self._name()} returned")
        self.n_cells_ = len(self.segments_)
        return self

    def affinity(self, X):
        return one_cell_affinity(
            cells_of(self._labels(X), self.segments_), self.n_cells_
        )

    def _labels(self, X):
        try:
            labels = self.function(X)
        except Exception as error:
            error.add_note(f"Raised by {self._name()}, for X of shape {X.shape}.")
            raise
        if isinstance(labels, list | tuple):
            # As objects: numpy would make strings of a mixture.
            labels = np.fromiter(labels, dtype=object, count=len(labels))
        labels = np.asarray(labels)
        if labels.shape != (X.shape[0],):
            raise ValueError(
                f"{self._name()} must return one label for each row, of shape "
                f"({X.shape[0]},). Got shape {labels.shape}."
            )
        return labels

    def _name(self):
        name = getattr(self.function, "__qualname__", repr(self.function))
        return f"the partitioner function {name}"
