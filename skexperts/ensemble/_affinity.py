"""Affinities of the training rows, without all of them in memory."""

import numpy as np

from skexperts._numeric.routing import row_blocks
from skexperts._rows import take_rows
from skexperts.ensemble._answers import check_affinity


class TrainingAffinity:
    """Affinities of the training rows to all cells, made for the rows asked for.

    ``affinity[rows]`` is an ndarray for a slice or an array of row numbers. What fits
    in one block is kept, and so is what a partition knows of its training rows only.

    Parameters
    ----------
    partition : fitted partition
    X : the training rows
    partitioner : the estimator behind the partition, for messages
    """

    def __init__(self, partition, X, partitioner):
        self.shape = X.shape[0], partition.n_cells
        self._source = partition, X, partitioner
        self._whole = None
        if not partition.row_by_row:
            affinity = partition.training_affinity(X)
            self._whole = check_affinity(affinity, X, partition.n_cells, partitioner)
        elif len(list(row_blocks(*self.shape))) == 1:
            self._whole = self._of(slice(0, X.shape[0]))

    def __getitem__(self, rows):
        return self._of(rows) if self._whole is None else self._whole[rows]

    def _of(self, rows):
        partition, X, partitioner = self._source
        X = take_rows(X, rows)
        if not X.shape[0]:
            # Estimators refuse to answer for no rows.
            return np.empty((0, partition.n_cells))
        return check_affinity(partition.affinity(X), X, partition.n_cells, partitioner)
