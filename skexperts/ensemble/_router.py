"""From rows to routings: partition, gate, alpha."""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from skexperts._experts import seeded_clone
from skexperts._numeric.expert_alpha import reweight
from skexperts._numeric.routing import (
    merge_small_cells,
    nearest_cell,
    route_balanced,
    route_top_k,
    row_blocks,
    stack_by_expert,
    stack_routings,
)
from skexperts._rows import take_rows
from skexperts.ensemble._affinity import TrainingAffinity
from skexperts.ensemble._answers import check_affinity, check_gate_weights, check_groups
from skexperts.gating import DistanceGate, HardGate, SigmoidGate, SoftmaxGate
from skexperts.partition import TreePartitioner
from skexperts.partition._fitted_partition import fit_partition, last_step, set_n_cells
from skexperts.partition._sampled_kmeans import _SampledKMeans

GATES = {
    "distance": DistanceGate,
    "hard": HardGate,
    "sigmoid": SigmoidGate,
    "softmax": SoftmaxGate,
}
_DEFAULT_N_EXPERTS = 8


class ReadAs(NamedTuple):
    """Number and columns of the cell of an expert."""

    number: int
    columns: np.ndarray | None


@dataclass(frozen=True)
class Router:
    """A fitted partition and a gate.

    Attributes
    ----------
    partition : fitted partition
    partitioner : the estimator behind it, for messages
    cells : ndarray of shape (n_experts,)
        Ids of the cells that have an expert; -1, at the end, if the rows that no cell
        claims have one.
    top_k : int
    nearest, assigned : ndarrays of shape (n_training_rows,)
        Nearest cell of the training rows, and the position in ``cells`` of the one they
        are assigned to; -1 for none.
    gate : fitted gate, None at the start
    gated : ndarray of shape (n_gated,)
        Ids of the cells that the gate knows: some may have lost their expert.
    learned : bool
        Whether the gate has learned from any row.
    alpha : ndarray of shape (n_experts,) or None
    """

    partition: Any
    partitioner: Any
    cells: np.ndarray
    top_k: int
    nearest: np.ndarray
    assigned: np.ndarray
    gate: Any = None
    gated: np.ndarray | None = None
    learned: bool = False
    alpha: np.ndarray | None = None

    @classmethod
    def start(cls, partitioner, X, y, sample_weight, min_cell_size, top_k, metadata):
        """Fit the partition and decide which cells have an expert.

        Returns
        -------
        router : Router, without a gate
        affinity : TrainingAffinity
        """
        partition = fit_partition(partitioner, X, y, sample_weight, metadata)
        if partition.feature_groups is not None:
            check_groups(
                partition.feature_groups, partition.n_cells, X.shape[1], partitioner
            )
        affinity = TrainingAffinity(partition, X, partitioner)
        nearest = np.concatenate(
            [nearest_cell(affinity[block]) for block in row_blocks(*affinity.shape)]
        )
        serve_all = partition.unclaimed == "all"
        cells, assigned = merge_small_cells(
            affinity,
            nearest,
            min_cell_size,
            unclaimed_count=serve_all,
            keep_one=serve_all,
        )
        if not serve_all:
            cells = np.append(cells, -1)
        top_k = min(top_k, len(cells))
        return cls(partition, partitioner, cells, top_k, nearest, assigned), affinity

    @property
    def live(self):
        """Cells that have an expert, without that of the rows that no cell claims."""
        return self.cells[self.cells >= 0]

    def with_gate(self, gate):
        """Return the router with a gate fitted on the affinities to the live cells."""
        told = getattr(gate, "needs_competence", False) or (self.assigned >= 0).any()
        learned = bool(getattr(gate, "learns", False) and told)
        return replace(self, gate=gate, gated=self.live, learned=learned)

    def without(self, unused):
        """Return the router without the experts that no training row is routed to.

        Parameters
        ----------
        unused : ndarray of shape (n_experts,), bool
        """
        position = np.append(np.where(unused, -1, np.cumsum(~unused) - 1), -1)
        return replace(
            self,
            cells=self.cells[~unused],
            assigned=position[self.assigned],
            top_k=min(self.top_k, np.count_nonzero(~unused)),
        )

    def without_rows(self):
        """Return the router without what only a fit needs of the training rows."""
        none = np.empty(0, dtype=np.intp)
        return replace(self, nearest=none, assigned=none)

    def assign(self, X, affinity, competence):
        """Return the router with every row in the cell that serves it best.

        Rows that no cell claims stay without, unless all experts serve them.

        Parameters
        ----------
        X : the training rows
        affinity : TrainingAffinity
        competence : ndarray of shape (n_rows, n_live)
        """
        weights = self.gate_weights(X, affinity, slice(0, affinity.shape[0]))
        worth = weights[:, : competence.shape[1]] * competence
        if self.partition.unclaimed == "all":
            # Of experts that serve a row in equal parts the best one gets it.
            by_all = ~weights.any(axis=1, keepdims=True)
            best = np.where(by_all, competence, worth).argmax(axis=1)
        else:
            best = np.where(self.assigned < 0, -1, worth.argmax(axis=1))
        return replace(self, assigned=best)

    @property
    def columns(self):
        """Columns that each expert sees, None for all."""
        groups = self.partition.feature_groups
        return [None if groups is None else groups[k] for k in self.cells]

    @property
    def see_the_same(self):
        """Whether all experts see the same columns."""
        columns = self.columns
        return all(np.array_equal(own, columns[0]) for own in columns)

    @property
    def most_pairs(self):
        """Experts that a row can be routed to at the most."""
        all_serve = self.partition.unclaimed == "all" and not self.partition.claims_all
        return len(self.cells) if all_serve else self.top_k

    def cell(self, j):
        """Describe the cell of expert j."""
        return ReadAs(int(self.cells[j]), self.columns[j])

    def route(self, X):
        """Return the routing of new rows, with alpha."""
        blocks = [
            self._route_new(take_rows(X, block))
            for block in row_blocks(X.shape[0], self.partition.n_cells)
        ]
        routing = stack_routings(blocks, len(self.cells))
        return routing if self.alpha is None else reweight(routing, self.alpha)

    def _route_new(self, X):
        affinity = check_affinity(
            self.partition.affinity(X), X, self.partition.n_cells, self.partitioner
        )
        return self.route_training(X, affinity)

    def route_training(self, X, affinity, capacity_factor=None):
        """Return the routing of rows of known affinity, without alpha, as CSR."""
        blocks = self._route_blocks(X, affinity, capacity_factor)
        return stack_routings(blocks, len(self.cells))

    def route_by_expert(self, X, affinity, capacity_factor=None):
        """Return the same routing as CSC."""
        blocks = self._route_blocks(X, affinity, capacity_factor)
        return stack_by_expert(blocks, len(self.cells))

    def _route_blocks(self, X, affinity, capacity_factor):
        """List the routings of blocks of rows of known affinity.

        Parameters
        ----------
        X : rows
        affinity : TrainingAffinity, or ndarray of shape (n_rows, n_cells)
        capacity_factor : float or None
            No expert gets more than this many times the mean number of rows that the
            experts of claimed rows have without a limit.
        """
        if capacity_factor is None or not len(self.live):
            return [
                route_top_k(self.gate_weights(X, affinity, block), self.top_k)
                for block in row_blocks(*affinity.shape)
            ]
        n_rows = affinity.shape[0]
        weights = self.gate_weights(X, affinity, slice(0, n_rows))
        n_live = len(self.live)
        claimed = weights[weights[:, :n_live].any(axis=1)]
        mean = route_top_k(claimed, self.top_k).nnz / n_live
        capacity = max(1, int(np.ceil(capacity_factor * mean)))
        return [route_balanced(weights, self.top_k, capacity)]

    def gate_weights(self, X, affinity, block):
        """Return the weights of all experts for a block of rows.

        Parameters
        ----------
        X : rows
        affinity : TrainingAffinity, or ndarray of shape (n_rows, n_cells)
        block : slice of the rows
        """
        rows, affinity = take_rows(X, block), take_cells(affinity[block], self.gated)
        if self.learned and self.partition.unclaimed == "all":
            # What no cell claims is for a gate that knows X to route.
            unclaimed = np.isneginf(affinity).all(axis=1)
            affinity = np.where(unclaimed[:, None], 0.0, affinity)
        weights = affinity
        if affinity.shape[1]:
            weights = self.gate.gate_weights(rows, affinity)
            weights = check_gate_weights(weights, affinity, self.gate)
        if len(self.gated) > len(self.live):
            weights = weights[:, np.isin(self.gated, self.cells)]
        if self.cells[-1] >= 0:
            return weights
        unserved = ~(weights > 0).any(axis=1)
        return np.column_stack((weights, unserved.astype(np.float64)))


def take_cells(affinity, cells):
    """Return the affinities to some cells; the same array for all of them."""
    if len(cells) == affinity.shape[1]:
        return affinity
    # In C order: affinity[:, cells] is slow to make, and slow to read row by row.
    return np.take(affinity, cells, axis=1)


def make_gate(gate, seed):
    """Return an unfitted gate of a parameter."""
    return seeded_clone(GATES[gate]() if isinstance(gate, str) else gate, seed)


def make_partitioner(partitioner, n_experts, n_rows, seed, task, given=None):
    """Return an unfitted partitioner for so many experts, by default KMeans.

    A tree that leaves it open what y is gets ``task``. ``given`` is the parameter
    ``n_experts`` that the number comes from.
    """
    if n_experts is not None and n_experts > n_rows:
        raise ValueError(
            f"n_experts={n_experts} must not exceed the number of rows of X, "
            f"n_samples={n_rows}. Ask for fewer experts."
        )
    if partitioner is None:
        n_cells = n_experts or min(_DEFAULT_N_EXPERTS, n_rows)
        return seeded_clone(_SampledKMeans(n_clusters=n_cells), seed)
    if hasattr(partitioner, "fit"):
        partitioner = seeded_clone(partitioner, seed)
        tree = last_step(partitioner)
        if isinstance(tree, TreePartitioner) and tree.task == "auto":
            tree.set_params(task=task)
    if n_experts is not None:
        set_n_cells(partitioner, n_experts, given=given)
    return partitioner
