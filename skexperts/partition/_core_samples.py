"""Clusterers that only label their training rows, made to place new rows."""

import warnings

import numpy as np
from scipy.sparse import issparse
from sklearn.metrics import pairwise_distances

from skexperts._numeric.routing import row_blocks
from skexperts._warnings import users_stacklevel
from skexperts.partition._columns import as_numbers
from skexperts.partition._distances import DistancesTo, check_distances

# Distances in memory at a time: of a few rows at the least, for the sake of speed.
_BLOCK_PAIRS = 1 << 20
# Names of the neighbour trees, which pairwise distances call otherwise.
_METRICS = {"infinity": "chebyshev", "l2": "euclidean", "p": "minkowski"}


class CoreSamples:
    """The partition of a clusterer that has ``labels_`` and no ``predict``.

    A row is as near to a cell as to the nearest core sample of the cell, or the nearest
    member if the clusterer has no core samples, in the metric of the clusterer. Noise
    is one more cell without an expert: a new row that is nearer to a row of noise than
    to any core sample is noise, too. A tie is no noise.

    The unit of the affinities is half the mean squared distance of the training rows
    to the nearest core sample that is another row.

    With ``metric="precomputed"`` a row of X is the distances to the training rows.
    """

    feature_groups = None
    row_by_row = False

    def __init__(self, partitioner, X, sample_weight):
        X = as_numbers(X)
        labels = partitioner.labels_
        core = getattr(partitioner, "core_sample_indices_", np.arange(len(labels)))
        core = core[labels[core] >= 0]
        if core.size == 0:
            warnings.warn(
                f"{type(partitioner).__name__} found no cell: all {len(labels)} rows "
                "are noise. One expert is fitted on all rows.",
                UserWarning,
                stacklevel=users_stacklevel(),
            )
            core, labels = np.arange(len(labels)), np.zeros(len(labels), dtype=int)
        # HDBSCAN has more than one negative label.
        self.noise = np.flatnonzero(labels < 0)
        self.claims_all = self.noise.size == 0
        self.unclaimed = "all" if self.claims_all else "shared"

        core = core[np.argsort(labels[core], kind="stable")]
        counts = np.unique(labels[core], return_counts=True)[1]
        self.n_cells = len(counts)
        # The noise comes last. Cells are slices of the references.
        references = np.concatenate([core, self.noise])
        starts = np.concatenate([[0], np.cumsum(counts)])
        self.starts = starts[:-1] if self.claims_all else starts
        self.metric, self.parameters = _metric_of(partitioner, X)
        self.references = references if self.metric == "precomputed" else X[references]

        claimed = np.flatnonzero(labels >= 0)
        weights = None if sample_weight is None else sample_weight[claimed]
        self.unit = self._unit(X, claimed, core, weights)

    def affinity(self, X):
        """Return the affinity of new rows, of which some may be noise."""
        distances = self._squared_distances(as_numbers(X))
        affinity = -distances[:, : self.n_cells] / self.unit
        if not self.claims_all:
            noise = distances[:, -1] < distances[:, :-1].min(axis=1)
            affinity[noise] = -np.inf
        return affinity

    def training_affinity(self, X):
        """Return the affinity of the training rows; noise is what is labelled so."""
        distances = self._squared_distances(as_numbers(X))
        affinity = -distances[:, : self.n_cells] / self.unit
        affinity[self.noise] = -np.inf
        return affinity

    def _squared_distances(self, X):
        """Squared distance of each row to each cell, and to the noise, if any."""
        n_rows = X.shape[0]
        distances = np.empty((n_rows, len(self.starts)))
        to_references = self._to_references()
        for block in row_blocks(n_rows, self.references.shape[0], _BLOCK_PAIRS):
            pairs = to_references(X[block])
            distances[block] = np.minimum.reduceat(pairs, self.starts, axis=1)
        return distances

    def _unit(self, X, rows, core, weights):
        """Half the mean squared distance to the nearest core sample but the row itself.

        At least a rounding error of the distances, and 1 if there is no other.
        """
        place = np.full(X.shape[0], -1)
        place[core] = np.arange(len(core))
        nearest = np.empty(len(rows))
        mean = 0.0
        to_references = self._to_references()
        for block in row_blocks(len(rows), self.references.shape[0], _BLOCK_PAIRS):
            pairs = to_references(X[rows[block]])[:, : len(core)]
            mean += pairs.mean() * len(pairs) / len(rows)
            own = place[rows[block]]
            is_core = np.flatnonzero(own >= 0)
            pairs[is_core, own[is_core]] = np.inf
            nearest[block] = pairs.min(axis=1)
        others = np.isfinite(nearest)
        if not others.any():
            return 1.0
        weights = None if weights is None else weights[others]
        typical = np.average(nearest[others], weights=weights)
        return 0.5 * max(typical, np.finfo(np.float64).eps * mean) or 1.0

    def _to_references(self):
        """Return the function of the squared distances of rows to the references."""
        if self.metric == "euclidean":
            return DistancesTo(self.references).of
        return self._by_metric

    def _by_metric(self, X):
        if self.metric == "precomputed":
            distances = X[:, self.references]
        else:
            distances = pairwise_distances(
                X, self.references, metric=self.metric, **self.parameters
            )
        with np.errstate(over="ignore"):
            distances = np.square(distances, dtype=np.float64)
        check_distances(distances, X)
        return distances


def _metric_of(partitioner, X):
    """Return the metric of a clusterer and its parameters."""
    metric = getattr(partitioner, "metric", None) or "euclidean"
    metric = _METRICS.get(metric, metric) if isinstance(metric, str) else metric
    parameters = dict(getattr(partitioner, "metric_params", None) or {})
    if metric == "precomputed" and issparse(X):
        raise ValueError(
            f"{type(partitioner).__name__}(metric='precomputed') was fitted on sparse "
            "distances, which lack those of far rows, so that new rows cannot be "
            "placed. Pass the features and another metric."
        )
    if metric == "minkowski":
        p = parameters.setdefault("p", getattr(partitioner, "p", None) or 2)
        if p == 2 and set(parameters) == {"p"}:
            return "euclidean", {}
    return metric, parameters
