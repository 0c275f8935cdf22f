"""What the partitioned classifier and regressor have in common.

X -> partition -> affinity (n, n_cells) -> gate -> routing (n, n_experts) CSR
X -> experts, fitted in parallel        -> outputs of the routed pairs
routing, outputs -> sum_k routing[i, k] * output_k(x_i)
"""

import warnings
from abc import ABCMeta, abstractmethod
from numbers import Integral

import numpy as np
from scipy.sparse import csr_array, vstack
from sklearn.base import BaseEstimator, MetaEstimatorMixin, clone
from sklearn.cluster import KMeans
from sklearn.utils import check_random_state, get_tags
from sklearn.utils.validation import check_is_fitted

from skexperts._experts import (
    cell_seed,
    read_outputs,
    seeded_clone,
    takes_weights,
    weight_parameter,
)
from skexperts._numeric.aggregation import contract
from skexperts._numeric.routing import (
    merge_small_cells,
    nearest_cell,
    pairs_by_expert,
    route_top_k,
    row_blocks,
)
from skexperts._parallel import run_tasks, users_stacklevel
from skexperts._sklearn import HasMethods, Interval, StrOptions, align_sparse_api
from skexperts._validation import drop_weightless, validate_predict
from skexperts.ensemble._answers import check_affinity, check_gate_weights
from skexperts.ensemble._cell import common_scale, fit_cell, fit_report
from skexperts.gating import DistanceGate, HardGate
from skexperts.partition._fitted_partition import fit_partition, set_n_cells

_DEFAULT_N_EXPERTS = 8
_GATES = {"distance": DistanceGate, "hard": HardGate}


class BasePartitionedExperts(MetaEstimatorMixin, BaseEstimator, metaclass=ABCMeta):
    """Partition, gate, experts in parallel, combination; subclasses say what y is."""

    _parameter_constraints: dict = {
        "expert": [HasMethods(["fit"]), None],
        "partitioner": [HasMethods(["fit"]), None],
        "n_experts": [Interval(Integral, 1, None, closed="left"), None],
        "gate": [StrOptions(set(_GATES)), HasMethods(["fit", "gate_weights"])],
        "top_k": [Interval(Integral, 1, None, closed="left")],
        "min_cell_size": [Interval(Integral, 1, None, closed="left")],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        expert=None,
        *,
        partitioner=None,
        n_experts=None,
        gate="distance",
        top_k=4,
        min_cell_size=10,
        n_jobs=None,
        random_state=None,
    ):
        self.expert = expert
        self.partitioner = partitioner
        self.n_experts = n_experts
        self.gate = gate
        self.top_k = top_k
        self.min_cell_size = min_cell_size
        self.n_jobs = n_jobs
        self.random_state = random_state

    @abstractmethod
    def _default_expert(self):
        """Return the expert that ``expert=None`` stands for."""

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        expert = self._default_expert() if self.expert is None else self.expert
        tags.input_tags.sparse = get_tags(expert).input_tags.sparse and (
            self.partitioner is None or get_tags(self.partitioner).input_tags.sparse
        )
        return tags

    def route(self, X):
        """Return which experts serve each row, and with which weights.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        routing : CSR of shape (n_samples, n_experts_)
            Positive weights, at most ``top_k`` a row, each row sums to 1. Column j
            belongs to ``experts_[j]``, the expert of cell ``cells_[j]``. A row that no
            cell claims goes to all experts in equal parts.
        """
        check_is_fitted(self)
        X = self._validate_new(X)
        return align_sparse_api(self._route(X, self._affinity(X)))

    def expert_outputs(self, X):
        """Return the outputs of the experts for the routed pairs of row and expert.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        outputs : ndarray of shape (n_pairs, n_outputs)
            Row p is the output for the pair stored at ``route(X).data[p]``: margins (if
            all experts are read by margin) or probabilities of the classes in the
            order of ``classes_``, or one predicted value. The prediction is the sum
            over the pairs of each row, weighted by the routing.
        """
        check_is_fitted(self)
        X = self._validate_new(X)
        return self._pair_outputs(X, self._route(X, self._affinity(X)))

    def _validate_new(self, X):
        return validate_predict(self, X, dtype=self._dtype)

    def _affinity(self, X):
        affinity = self._partition.affinity(X)
        return check_affinity(affinity, X, self._partition.n_cells, self.partitioner_)

    def _route(self, X, affinity):
        if self.n_experts_ < affinity.shape[1]:
            affinity = affinity[:, self.cells_]
        blocks = []
        for block in row_blocks(*affinity.shape):
            weights = self.gate_.gate_weights(X[block], affinity[block])
            weights = check_gate_weights(weights, affinity[block], self.gate_)
            blocks.append(route_top_k(weights, self._top_k))
        return csr_array(vstack(blocks, format="csr"))

    def _pair_outputs(self, X, routing):
        rows, pairs, bounds = pairs_by_expert(routing)
        outputs = np.empty((routing.nnz, self._n_outputs))
        classes = getattr(self, "classes_", None)
        for j, expert in enumerate(self.experts_):
            mine = slice(bounds[j], bounds[j + 1])
            if mine.start == mine.stop:
                continue
            try:
                block = read_outputs(
                    expert, X[rows[mine]], scale=self._scale, classes=classes
                )
            except Exception as error:
                error.add_note(f"Raised by the expert of cell {self.cells_[j]}.")
                raise
            if not np.isfinite(block).all():
                raise ValueError(
                    f"The expert of cell {self.cells_[j]} ({type(expert).__name__}) "
                    "gave NaN or infinity. Scale X, or regularise the expert more."
                )
            outputs[pairs[mine]] = block
        return outputs

    def _combine(self, X):
        """Contract routing and outputs, in blocks of bounded memory."""
        check_is_fitted(self)
        X = self._validate_new(X)
        combined = np.empty((X.shape[0], self._n_outputs))
        # A row that no cell claims is routed to all experts.
        pairs = self._top_k if self._partition.claims_all else self.n_experts_
        width = max(self._partition.n_cells, pairs * self._n_outputs)
        for block in row_blocks(X.shape[0], width):
            rows = X[block]
            routing = self._route(rows, self._affinity(rows))
            combined[block] = contract(routing, self._pair_outputs(rows, routing))
        return combined

    def _fit(self, X, y, sample_weight, n_outputs):
        """Fit everything on validated data and publish the fitted attributes."""
        expert = self._default_expert() if self.expert is None else self.expert
        if not self._is_expert_kind(expert):
            raise TypeError(
                f"expert={expert!r} is not a {self._expert_kind}. Pass one, or use "
                "the other of PartitionedExpertsClassifier and "
                "PartitionedExpertsRegressor."
            )
        if sample_weight is not None:
            sample_weight, X, y = drop_weightless(sample_weight, X, y)
            if not takes_weights(expert):
                raise ValueError(
                    f"sample_weight was given, but fit of the expert {expert!r} takes "
                    "no sample weights. Leave sample_weight out or use another expert."
                )
        seed = int(
            check_random_state(self.random_state).randint(np.iinfo(np.int32).max)
        )

        self.partitioner_ = self._make_partitioner(X.shape[0], seed)
        self._partition = fit_partition(
            self.partitioner_, X, y=y, sample_weight=sample_weight
        )
        n_cells = self._partition.n_cells
        affinity = self._partition.training_affinity(X)
        affinity = check_affinity(affinity, X, n_cells, self.partitioner_)
        nearest = nearest_cell(affinity)
        self.cells_, cells = merge_small_cells(affinity, nearest, self.min_cell_size)
        self.n_experts_ = len(self.cells_)
        if self.n_experts_ == 1 and n_cells > 1:
            _check_rows_differ(X)

        gate = _GATES[self.gate]() if isinstance(self.gate, str) else clone(self.gate)
        live = affinity if self.n_experts_ == n_cells else affinity[:, self.cells_]
        self.gate_ = gate.fit(X, live, cells, sample_weight)
        self._top_k = min(self.top_k, self.n_experts_)
        routing = self._route(X, affinity)

        fits = self._fit_experts(expert, X, y, sample_weight, routing, seed)
        self.experts_ = [fit.expert for fit in fits]
        self.fit_report_ = fit_report(nearest, self.cells_, routing, fits, n_cells)
        self._warn_of_merged_cells()
        self._scale = common_scale(fits)
        self._n_outputs = n_outputs
        self._dtype = X.dtype

    def _make_partitioner(self, n_rows, seed):
        if self.n_experts is not None and self.n_experts > n_rows:
            raise ValueError(
                f"n_experts={self.n_experts} must not exceed the number of rows of X, "
                f"n_samples={n_rows}. Ask for fewer experts."
            )
        if self.partitioner is None:
            n_cells = self.n_experts or min(_DEFAULT_N_EXPERTS, n_rows)
            return seeded_clone(KMeans(n_clusters=n_cells), seed)
        partitioner = seeded_clone(self.partitioner, seed)
        if self.n_experts is not None:
            set_n_cells(partitioner, self.n_experts)
        return partitioner

    def _warn_of_merged_cells(self):
        merged = np.count_nonzero(self.fit_report_["state"] == "merged")
        if merged and (self.n_experts is not None or self.partitioner is not None):
            warnings.warn(
                f"{merged} of {self._partition.n_cells} cells have fewer than "
                f"min_cell_size={self.min_cell_size} rows and no expert of their own; "
                "their rows went to the next nearest cell. See fit_report_.",
                UserWarning,
                stacklevel=users_stacklevel(),
            )

    def _fit_experts(self, expert, X, y, sample_weight, routing, seed):
        rows, pairs, bounds = pairs_by_expert(routing)
        weight_name = weight_parameter(expert)
        weights = None
        if sample_weight is not None or np.any(routing.data != 1):
            # Mean gate weight 1 over the pairs: a penalty means the same for any top_k.
            experts_per_row = np.average(np.diff(routing.indptr), weights=sample_weight)
            weights = routing.data[pairs] * experts_per_row
            if sample_weight is not None:
                weights = weights * sample_weight[rows]
        tasks = []
        for j, cell in enumerate(self.cells_.tolist()):
            own = slice(bounds[j], bounds[j + 1])
            own_weights = (
                None if weights is None or weight_name is None else weights[own]
            )
            tasks.append((cell, cell_seed(seed, cell), rows[own], own_weights))
        return run_tasks(
            fit_cell,
            tasks,
            common=(expert, X, y, weight_name),
            costs=np.diff(bounds),
            n_jobs=self.n_jobs,
        )


def _check_rows_differ(X):
    if abs(X.max(axis=0) - X.min(axis=0)).sum() == 0:
        raise ValueError(
            f"All {X.shape[0]} rows of X are equal, so there are no regions to find "
            "and nothing to learn from X. Check how X was made; sparse codes are all "
            "zero when their penalty is too large."
        )
