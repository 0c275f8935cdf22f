"""Any fitted partitioner as one thing: affinities of rows to cells.

==============================  ==============================================
what the fitted partitioner is  affinity of row x to cell k
==============================  ==============================================
a ``PartitionerMixin``          its own
has ``cluster_centers_``        minus the squared distance to centre k
a mixture (``predict_proba``)   log of the posterior probability of component k
has ``predict``                 0 for the predicted cell, else minus infinity
has ``labels_`` only            minus the squared distance to the nearest core
                                sample of cell k (all rows without core samples)
==============================  ==============================================

Noise (label -1) is claimed by no cell while there is only ``predict``; a partition by
nearest core samples gives noise rows to the nearest cell.
"""

import warnings

import numpy as np
from scipy.sparse import issparse
from sklearn.metrics import euclidean_distances, pairwise_distances_argmin_min
from sklearn.pipeline import Pipeline

from skexperts._experts import weight_parameter
from skexperts.partition._mixin import PartitionerMixin

_CELL_COUNT_PARAMETERS = ("n_clusters", "n_components", "n_cells")


def fit_partition(partitioner, X, sample_weight=None):
    """Fit a partitioner and return its affinities as a partition object.

    Parameters
    ----------
    partitioner : clusterer, mixture, ``PartitionerMixin``, or a pipeline ending in one
        Fitted in place.
    X : ndarray or CSR of shape (n_samples, n_features)
    sample_weight : ndarray of shape (n_samples,), optional
        Passed on if the partitioner takes weights.

    Returns
    -------
    partition : object with ``n_cells``, ``affinity(X)`` and ``training_affinity(X)``
    """
    name = weight_parameter(partitioner) if sample_weight is not None else None
    partitioner.fit(X, **({name: sample_weight} if name else {}))
    partition = _adapt(partitioner, X)
    if partition.n_cells == 0:
        raise ValueError(
            f"The partitioner {type(partitioner).__name__} found no cell in the "
            f"{X.shape[0]} rows of X. Change its parameters or pass another one."
        )
    return partition


def set_n_cells(partitioner, n_cells):
    """Set the parameter that holds the number of cells, whatever its name is."""
    last = (
        partitioner.steps[-1][1] if isinstance(partitioner, Pipeline) else partitioner
    )
    for name in _CELL_COUNT_PARAMETERS:
        if name in last.get_params(deep=False):
            last.set_params(**{name: n_cells})
            return
    raise ValueError(
        f"n_experts={n_cells} cannot be passed on: the partitioner "
        f"{type(last).__name__} has none of the parameters "
        f"{', '.join(_CELL_COUNT_PARAMETERS)}. Leave n_experts=None; the partitioner "
        "decides how many cells there are."
    )


def _adapt(partitioner, X):
    if isinstance(partitioner, Pipeline) and len(partitioner.steps) > 1:
        front = partitioner[:-1]
        return _Piped(front, _adapt(partitioner.steps[-1][1], front.transform(X)))
    if isinstance(partitioner, Pipeline):
        return _adapt(partitioner.steps[-1][1], X)
    if isinstance(partitioner, PartitionerMixin):
        return _Native(partitioner)
    if np.ndim(getattr(partitioner, "cluster_centers_", None)) == 2:
        return _Centers(partitioner)
    if hasattr(partitioner, "predict_proba"):
        return _Mixture(partitioner)
    if hasattr(partitioner, "predict"):
        return _Labels(partitioner, X)
    if hasattr(partitioner, "labels_"):
        return _CoreSamples(partitioner, X)
    raise TypeError(
        f"partitioner={partitioner!r} gives no cells after fit: it has neither "
        "cluster_centers_, predict nor labels_. Pass a clusterer, a mixture model or a "
        "skexperts.partition.PartitionerMixin."
    )


class _Partition:
    def training_affinity(self, X):
        return self.affinity(X)


class _Native:
    def __init__(self, partitioner):
        self.n_cells = partitioner.n_cells_
        self.affinity = partitioner.affinity
        self.training_affinity = partitioner.training_affinity


class _Piped:
    def __init__(self, front, partition):
        self.front = front
        self.partition = partition
        self.n_cells = partition.n_cells

    def affinity(self, X):
        return self.partition.affinity(self.front.transform(X))

    def training_affinity(self, X):
        return self.partition.training_affinity(self.front.transform(X))


class _Centers(_Partition):
    def __init__(self, partitioner):
        self.centers = partitioner.cluster_centers_
        self.n_cells = self.centers.shape[0]

    def affinity(self, X):
        affinity = -euclidean_distances(X, self.centers, squared=True)
        if not np.isfinite(affinity).all():
            largest = abs(X.data if issparse(X) else X).max()
            raise ValueError(
                f"X has values up to {largest:.3g} in size, so that squared distances "
                f"to the cells overflow {affinity.dtype}. Scale X first, for example "
                "with sklearn.preprocessing.StandardScaler."
            )
        return affinity


class _Mixture(_Partition):
    def __init__(self, mixture):
        self.mixture = mixture
        self.n_cells = mixture.n_components

    def affinity(self, X):
        with np.errstate(divide="ignore"):
            return np.log(self.mixture.predict_proba(X))


class _Labels(_Partition):
    def __init__(self, partitioner, X):
        self.partitioner = partitioner
        labels = np.unique(partitioner.predict(X))
        self.labels = labels[labels != -1]
        self.n_cells = len(self.labels)

    def affinity(self, X):
        labels = self.partitioner.predict(X)
        return np.where(labels[:, None] == self.labels, 0.0, -np.inf)


class _CoreSamples(_Partition):
    def __init__(self, partitioner, X):
        labels = partitioner.labels_
        core = getattr(partitioner, "core_sample_indices_", np.arange(len(labels)))
        core = core[labels[core] != -1]
        if core.size == 0:
            warnings.warn(
                f"{type(partitioner).__name__} found no cell: all {len(labels)} rows "
                "are noise. One expert is fitted on all rows.",
                UserWarning,
                stacklevel=2,
            )
            core, labels = np.arange(len(labels)), np.zeros(len(labels), dtype=int)
        self.cores = [
            X[core[labels[core] == label]] for label in np.unique(labels[core])
        ]
        self.n_cells = len(self.cores)

    def affinity(self, X):
        nearest = [pairwise_distances_argmin_min(X, core)[1] for core in self.cores]
        return -np.square(np.column_stack(nearest))
