"""Any fitted partitioner as one thing: affinities of rows to cells.

Affinities are on the scale of log-probabilities: their softmax is the natural soft
assignment. With d the distance to a cell and v the mean squared distance of the
training rows to their nearest cell (to the nearest core sample but themselves):

==============================  ==============================================
what the fitted partitioner is  affinity of row x to cell k
==============================  ==============================================
a ``PartitionerMixin``          its own
has ``cluster_centers_``        ``-2 d^2 / v``, d to centre k
a mixture (``predict_proba``)   log of the posterior probability of component k
has ``predict``                 0 for the predicted cell
has ``labels_`` only            ``-2 d^2 / v``, d to the nearest core sample of
                                cell k (of all its rows without core samples), in
                                the metric of the clusterer
==============================  ==============================================

Where the third and fourth rows would give minus infinity, the affinity is far below any
other but still ordered by the distance to the mean of the cell, so that a row finds the
next cell if its own has no expert.

Noise (label -1) belongs to no cell: minus infinity throughout, and a shared expert
serves it. A clusterer with ``predict`` says which new rows are noise. With ``labels_``
only, a new row is noise if a row of noise is nearer to it than any core sample.
"""

from numbers import Integral

import numpy as np
from scipy.sparse import csr_array
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import has_fit_parameter

from skexperts._experts import weight_parameter
from skexperts._metadata import NO_METADATA
from skexperts._rows import naming_columns
from skexperts.partition._answers import check_labels
from skexperts.partition._columns import REMEDY, as_numbers
from skexperts.partition._core_samples import CoreSamples
from skexperts.partition._distances import DistancesTo, distance_unit
from skexperts.partition._function_partitioner import _FunctionPartitioner
from skexperts.partition._mixin import PartitionerMixin

_CELL_COUNT_PARAMETERS = ("n_clusters", "n_components", "n_cells")
# Affinity of cells that do not claim a row: its softmax underflows beside any other.
_FAR = -1e4


def fit_partition(partitioner, X, y=None, sample_weight=None, metadata=NO_METADATA):
    """Fit a partitioner and return its affinities as a partition object.

    Parameters
    ----------
    partitioner : clusterer, mixture, ``PartitionerMixin``, pipeline ending in one, \
            or function
        Fitted in place, unless it is a ``FrozenEstimator``. A function takes X and
        returns labels of shape (n_samples,), each distinct label a cell.
    X : ndarray, CSR or DataFrame of shape (n_samples, n_features)
    y : array-like of shape (n_samples,), optional
        Passed on if ``fit`` of the partitioner takes ``y``.
    sample_weight : ndarray of shape (n_samples,), optional
        Passed on if the partitioner takes weights.
    metadata : Metadata
        Passed on to ``fit``.

    Returns
    -------
    partition : object
        With ``n_cells``, ``affinity(X)`` and ``training_affinity(X)``; ``claims_all``,
        ``unclaimed`` and ``feature_groups`` as in ``PartitionerMixin``; ``row_by_row``:
        whether ``affinity`` is right for training rows, any number of them.
    """
    if _is_function(partitioner):
        partitioner = _FunctionPartitioner(partitioner)
    if not isinstance(partitioner, FrozenEstimator):
        name = weight_parameter(partitioner) if sample_weight is not None else None
        parameters = metadata.parameters()
        if name:
            parameters[name] = sample_weight
        if has_fit_parameter(partitioner, "y"):
            parameters["y"] = y
        if isinstance(partitioner, Pipeline | PartitionerMixin):
            partitioner.fit(X, **parameters)
        else:
            with naming_columns(X, "The partitioner", REMEDY):
                partitioner.fit(X, **parameters)
    partition = _adapt(partitioner, X, sample_weight)
    if partition.n_cells == 0:
        raise ValueError(
            f"The partitioner {type(partitioner).__name__} found no cell in the "
            f"{X.shape[0]} rows of X. Change its parameters or pass another one."
        )
    return partition


def set_n_cells(partitioner, n_cells, *, given=None):
    """Set the parameter that holds the number of cells, whatever its name is.

    ``given`` is what the user gave as ``n_experts``, if it is not the number.
    """
    last = last_step(partitioner)
    parameters = {} if _is_function(last) else last.get_params(deep=False)
    for name in _CELL_COUNT_PARAMETERS:
        if name in parameters:
            last.set_params(**{name: n_cells})
            return
    if isinstance(parameters.get("groups"), Integral):
        last.set_params(groups=n_cells)
        return
    if _is_function(last):
        reason = "a function decides by its labels how many cells there are"
    elif "column" in parameters:
        reason = "the values of the column decide how many cells there are"
    elif "groups" in parameters:
        reason = "the groups are given; groups=<number> draws that many at random"
    else:
        reason = (
            f"the partitioner {type(last).__name__} has none of the parameters "
            f"{', '.join(_CELL_COUNT_PARAMETERS)} and decides how many cells there are"
        )
    raise ValueError(
        f"n_experts={given or n_cells!r} cannot be passed on to {last!r}: "
        f"{reason}. Leave "
        "n_experts=None."
    )


def last_step(partitioner):
    """Return what divides the rows: the partitioner, or the end of its pipelines."""
    while isinstance(partitioner, Pipeline):
        partitioner = partitioner.steps[-1][1]
    return partitioner


def _is_function(partitioner):
    return callable(partitioner) and not hasattr(partitioner, "fit")


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
        check_labels(partitioner.labels_, X, partitioner, "labels_")
        return CoreSamples(partitioner, X, sample_weight)
    raise TypeError(
        f"partitioner={partitioner!r} gives no cells of rows after fit: it has neither "
        "cluster_centers_, predict nor labels_ of the rows. Pass a clusterer, a "
        "mixture model or a skexperts.partition.PartitionerMixin."
    )


class _Partition:
    """Cells that claim every row, by ``affinity(X)``."""

    claims_all = True
    unclaimed = "all"
    feature_groups = None
    row_by_row = True

    def training_affinity(self, X):
        return self.affinity(X)


class _Native:
    def __init__(self, partitioner):
        self.partitioner = partitioner
        self.n_cells = partitioner.n_cells_
        self.claims_all = partitioner.claims_all
        self.unclaimed = partitioner.unclaimed
        self.feature_groups = partitioner.feature_groups_
        own = type(partitioner).training_affinity
        self.row_by_row = own is PartitionerMixin.training_affinity

    def affinity(self, X):
        return self.partitioner.affinity(X)

    def training_affinity(self, X):
        return self.partitioner.training_affinity(X)


class _Piped:
    def __init__(self, pipeline, X, sample_weight):
        self.front = pipeline[:-1] if len(pipeline.steps) > 1 else None
        last = pipeline.steps[-1][1]
        self.partition = _adapt(last, self._transform(X), sample_weight)
        self.n_cells = self.partition.n_cells
        self.claims_all = self.partition.claims_all
        self.unclaimed = self.partition.unclaimed
        self.row_by_row = self.partition.row_by_row
        self.feature_groups = self.partition.feature_groups
        if self.feature_groups is not None and self.front is not None:
            raise ValueError(
                f"{type(last).__name__} numbers the columns of X, so that no step can "
                "come before it. Pass it as the partitioner without a pipeline, or put "
                "the other steps in front of the whole model."
            )

    def affinity(self, X):
        return self.partition.affinity(self._transform(X))

    def training_affinity(self, X):
        return self.partition.training_affinity(self._transform(X))

    def _transform(self, X):
        return X if self.front is None else self.front.transform(X)


class _Centers(_Partition):
    def __init__(self, partitioner, X, sample_weight):
        self.n_cells = partitioner.cluster_centers_.shape[0]
        if self.n_cells:
            self.distances = DistancesTo(partitioner.cluster_centers_)
            self.unit = distance_unit(self.distances, as_numbers(X), sample_weight)

    def affinity(self, X):
        return self.distances.of(as_numbers(X)) / -self.unit


class _Mixture(_Partition):
    def __init__(self, mixture, X):
        self.mixture = mixture
        self.n_cells = mixture.n_components
        self.distances = DistancesTo(mixture.means_)
        self.unit = distance_unit(self.distances, as_numbers(X))

    def affinity(self, X):
        posterior = self.mixture.predict_proba(X)
        far = _FAR - self.distances.of(as_numbers(X)) / self.unit
        with np.errstate(divide="ignore"):
            return np.where(posterior > 0, np.log(posterior), far)


class _Labels(_Partition):
    # What predict says of new rows is not known: it may be noise.
    claims_all = False

    def __init__(self, partitioner, X):
        self.partitioner = partitioner
        labels = check_labels(partitioner.predict(X), X, partitioner, "predict")
        noise = labels == -1
        self.labels = np.unique(labels[~noise])
        self.n_cells = len(self.labels)
        self.unclaimed = "shared" if noise.any() else "all"
        if self.n_cells:
            X = as_numbers(X)
            members = (labels[:, None] == self.labels).astype(np.float64)
            means = csr_array(members / members.sum(axis=0)).T @ X
            self.distances = DistancesTo(means)
            self.unit = distance_unit(self.distances, X)

    def affinity(self, X):
        labels = check_labels(
            self.partitioner.predict(X), X, self.partitioner, "predict"
        )
        far = _FAR - self.distances.of(as_numbers(X)) / self.unit
        affinity = np.where(labels[:, None] == self.labels, 0.0, far)
        affinity[labels == -1] = -np.inf
        return affinity
