"""Any fitted partitioner as one thing: affinities of rows to cells.

Affinities are on the scale of log-probabilities: their softmax is the natural soft
assignment. With d the distance to a cell and v the mean squared distance of the
training rows to their nearest cell:

==============================  ==============================================
what the fitted partitioner is  affinity of row x to cell k
==============================  ==============================================
a ``PartitionerMixin``          its own
has ``cluster_centers_``        ``-2 d^2 / v``, d to centre k
a mixture (``predict_proba``)   log of the posterior probability of component k
has ``predict``                 0 for the predicted cell
has ``labels_`` only            ``-2 d^2 / v``, d to the nearest core sample of
                                cell k (of all its rows without core samples)
==============================  ==============================================

Where the third and fourth rows would give minus infinity, the affinity is far below any
other but still ordered by the distance to the mean of the cell, so that a row finds the
next cell if its own has no expert. Noise (label -1) goes to the nearest cell.
"""

import warnings

import numpy as np
from scipy.sparse import csr_array, issparse
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import euclidean_distances, pairwise_distances_argmin_min
from sklearn.pipeline import Pipeline

from skexperts._experts import weight_parameter
from skexperts._parallel import users_stacklevel
from skexperts._validation import as_matrix
from skexperts.partition._mixin import PartitionerMixin

_CELL_COUNT_PARAMETERS = ("n_clusters", "n_components", "n_cells")
# Affinity of cells that do not claim a row: its softmax underflows beside any other.
_FAR = -1e4


def fit_partition(partitioner, X, sample_weight=None):
    """Fit a partitioner and return its affinities as a partition object.

    Parameters
    ----------
    partitioner : clusterer, mixture, ``PartitionerMixin``, or a pipeline ending in one
        Fitted in place, unless it is a ``FrozenEstimator``.
    X : ndarray or CSR of shape (n_samples, n_features)
    sample_weight : ndarray of shape (n_samples,), optional
        Passed on if the partitioner takes weights.

    Returns
    -------
    partition : object with ``n_cells``, ``affinity(X)`` and ``training_affinity(X)``
    """
    if not isinstance(partitioner, FrozenEstimator):
        name = weight_parameter(partitioner) if sample_weight is not None else None
        partitioner.fit(X, **({name: sample_weight} if name else {}))
    partition = _adapt(partitioner, X, sample_weight)
    if partition.n_cells == 0:
        raise ValueError(
            f"The partitioner {type(partitioner).__name__} found no cell in the "
            f"{X.shape[0]} rows of X. Change its parameters or pass another one."
        )
    return partition


def set_n_cells(partitioner, n_cells):
    """Set the parameter that holds the number of cells, whatever its name is."""
    last = partitioner
    while isinstance(last, Pipeline):
        last = last.steps[-1][1]
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


def _adapt(partitioner, X, sample_weight):
    if isinstance(partitioner, FrozenEstimator):
        return _adapt(partitioner.estimator, X, sample_weight)
    if isinstance(partitioner, Pipeline):
        return _Piped(partitioner, X, sample_weight)
    if isinstance(partitioner, PartitionerMixin):
        return _Native(partitioner)
    if np.ndim(getattr(partitioner, "cluster_centers_", None)) == 2:
        return _Centers(partitioner, X, sample_weight)
    if hasattr(partitioner, "predict_proba") and hasattr(partitioner, "means_"):
        return _Mixture(partitioner, X)
    if hasattr(partitioner, "predict"):
        return _Labels(partitioner, X)
    if np.shape(getattr(partitioner, "labels_", None)) == (X.shape[0],):
        return _CoreSamples(partitioner, X, sample_weight)
    raise TypeError(
        f"partitioner={partitioner!r} gives no cells of rows after fit: it has neither "
        "cluster_centers_, predict nor labels_ of the rows. Pass a clusterer, a "
        "mixture model or a skexperts.partition.PartitionerMixin."
    )


class _Partition:
    """Cells that claim every row, by ``affinity(X)``."""

    claims_all = True

    def training_affinity(self, X):
        return self.affinity(X)


class _Native:
    claims_all = False

    def __init__(self, partitioner):
        self.n_cells = partitioner.n_cells_
        self.affinity = partitioner.affinity
        self.training_affinity = partitioner.training_affinity


class _Piped:
    def __init__(self, pipeline, X, sample_weight):
        self.front = pipeline[:-1] if len(pipeline.steps) > 1 else None
        last = pipeline.steps[-1][1]
        self.partition = _adapt(last, self._transform(X), sample_weight)
        self.n_cells = self.partition.n_cells
        self.claims_all = self.partition.claims_all

    def affinity(self, X):
        return self.partition.affinity(self._transform(X))

    def training_affinity(self, X):
        return self.partition.training_affinity(self._transform(X))

    def _transform(self, X):
        # The output may be a frame, by scikit-learn's configuration.
        return X if self.front is None else as_matrix(self.front.transform(X))


class _Centers(_Partition):
    def __init__(self, partitioner, X, sample_weight):
        self.centers = partitioner.cluster_centers_
        self.n_cells = self.centers.shape[0]
        if self.n_cells:
            self.unit = _unit(_squared_distances(X, self.centers), sample_weight)

    def affinity(self, X):
        return -_squared_distances(X, self.centers) / self.unit


class _Mixture(_Partition):
    def __init__(self, mixture, X):
        self.mixture = mixture
        self.n_cells = mixture.n_components
        self.unit = _unit(_squared_distances(X, mixture.means_), None)

    def affinity(self, X):
        posterior = self.mixture.predict_proba(X)
        far = _FAR - _squared_distances(X, self.mixture.means_) / self.unit
        with np.errstate(divide="ignore"):
            return np.where(posterior > 0, np.log(posterior), far)


class _Labels(_Partition):
    def __init__(self, partitioner, X):
        self.partitioner = partitioner
        labels = partitioner.predict(X)
        self.labels = np.unique(labels[labels != -1])
        self.n_cells = len(self.labels)
        if self.n_cells:
            members = (labels[:, None] == self.labels).astype(np.float64)
            self.means = csr_array(members / members.sum(axis=0)).T @ X
            self.unit = _unit(_squared_distances(X, self.means), None)

    def affinity(self, X):
        labels = self.partitioner.predict(X)
        far = _FAR - _squared_distances(X, self.means) / self.unit
        return np.where(labels[:, None] == self.labels, 0.0, far)


class _CoreSamples(_Partition):
    def __init__(self, partitioner, X, sample_weight):
        labels = partitioner.labels_
        core = getattr(partitioner, "core_sample_indices_", np.arange(len(labels)))
        core = core[labels[core] != -1]
        if core.size == 0:
            warnings.warn(
                f"{type(partitioner).__name__} found no cell: all {len(labels)} rows "
                "are noise. One expert is fitted on all rows.",
                UserWarning,
                stacklevel=users_stacklevel(),
            )
            core, labels = np.arange(len(labels)), np.zeros(len(labels), dtype=int)
        self.cores = [X[core[labels[core] == k]] for k in np.unique(labels[core])]
        self.n_cells = len(self.cores)
        self.unit = _unit(self._squared_distances(X), sample_weight)

    def affinity(self, X):
        return -self._squared_distances(X) / self.unit

    def _squared_distances(self, X):
        nearest = [pairwise_distances_argmin_min(X, core)[1] for core in self.cores]
        return np.square(np.column_stack(nearest).astype(np.float64))


def _squared_distances(X, centers):
    if not issparse(X) and not issparse(centers):
        # Small numbers: a large common offset would cost the digits of the distances.
        offset = centers.mean(axis=0)
        X, centers = X - offset, centers - offset
    distances = euclidean_distances(X, centers, squared=True).astype(np.float64)
    if not np.isfinite(distances).all():
        largest = abs(X.data if issparse(X) else X).max()
        raise ValueError(
            f"X has values up to {largest:.3g} in size, so that squared distances "
            f"to the cells overflow {X.dtype}. Scale X first, for example "
            "with sklearn.preprocessing.StandardScaler."
        )
    return distances


def _unit(distances, sample_weight):
    """Half the mean squared distance to the nearest cell, at least a rounding error."""
    nearest = np.average(distances.min(axis=1), weights=sample_weight)
    return 0.5 * max(nearest, np.finfo(np.float64).eps * distances.mean()) or 1.0
