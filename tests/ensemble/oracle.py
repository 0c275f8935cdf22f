"""What a fitted ensemble should say, in plain loops over rows and experts.

Nothing here calls the routing, the gates or the sums of the library. Affinities, gate
weights and outputs are worked out from what users see: the fitted attributes of the
partitioner, the gate and the experts, and the rules in the documentation. Partitioner
and experts are asked by ``predict`` and the like only.
"""

from functools import cached_property
from math import ceil, exp, inf

import numpy as np
from oracle_cells import Cells, dense, merge, take
from scipy.special import log_expit
from sklearn.base import clone, is_classifier
from sklearn.dummy import DummyClassifier
from sklearn.neighbors import KNeighborsRegressor, NearestCentroid
from sklearn.pipeline import Pipeline

from skexperts.gating import DistanceGate, HardGate, SigmoidGate, SoftmaxGate
from skexperts.partition import FeatureGroups

# Gates --------------------------------------------------------------------------------


def gate_weights(gate, x, affinity):
    """Return the weights of one row by the formula of the gate."""
    closed = [a == -inf for a in affinity]
    if isinstance(gate, HardGate):
        best = affinity.index(max(affinity))
        return [float(k == best and not closed[k]) for k in range(len(affinity))]
    if isinstance(gate, DistanceGate):
        return _softmax([a / gate.temperature_ for a in affinity])
    logits = [
        float(np.dot(x, v)) + c
        for v, c in zip(gate.coef_, gate.intercept_, strict=True)
    ]
    if isinstance(gate, SoftmaxGate):
        return _softmax([-inf if c else z for z, c in zip(logits, closed, strict=True)])
    assert isinstance(gate, SigmoidGate)
    logs = [-inf if c else log_expit(z) for z, c in zip(logits, closed, strict=True)]
    opened = [exp(a) if exp(a) > gate.threshold else 0.0 for a in logs]
    # Where no gate is open, values over the largest: 1 among those of other rows.
    top = max(logs)
    return opened if any(opened) or top == -inf else [exp(a - top) for a in logs]


def _softmax(logits):
    top = max(logits)
    if top == -inf:
        return [0.0] * len(logits)
    powers = [exp(z - top) for z in logits]
    return [power / sum(powers) for power in powers]


def keep_top(weights, k):
    """Return ``{expert: weight}``: the k largest, none too small, of sum 1."""
    order = sorted(range(len(weights)), key=lambda j: (-weights[j], j))
    kept = [j for j in order[:k] if weights[j] > 0]
    if not kept:
        return {j: 1 / len(weights) for j in range(len(weights))}
    kept = [j for j in kept if weights[j] >= 1e-6 * weights[kept[0]]]
    total = sum(weights[j] for j in kept)
    return {j: weights[j] / total for j in sorted(kept)}


def keep_top_balanced(table, k, capacity):
    """Do the same for all rows, no expert with more rows than its capacity."""
    pairs = [(-w, i, j) for i, row in enumerate(table) for j, w in enumerate(row)]
    taken, load = [[] for _ in table], [0] * len(table[0])
    for negative, i, j in sorted(pair for pair in pairs if pair[0] < 0):
        # Next to an expert that has room, a small weight is none and takes no place.
        small = taken[i] and -negative < 1e-6 * table[i][taken[i][0]]
        if not small and len(taken[i]) < k and load[j] < capacity:
            taken[i].append(j)
            load[j] += 1
    routed = []
    for row, experts in zip(table, taken, strict=True):
        if not experts and max(row) > 0:
            experts = [row.index(max(row))]
        routed.append(keep_top([w * (j in experts) for j, w in enumerate(row)], k))
    return routed


# Experts ------------------------------------------------------------------------------


def link(margins):
    """Return the probabilities of squared-hinge margins of one row."""
    shares = [min(max((f + 1) / 2, 0.0), 1.0) for f in margins]
    top = max(shares)
    if shares.count(top) > 1:
        best = margins.index(max(margins))
        shares[best] = top * (1 + 1e-9) if top > 0 else 1.0
    return [share / sum(shares) for share in shares]


def is_margin_expert(expert):
    """Whether the fitted expert minimises the squared hinge loss."""
    last = expert[-1] if isinstance(expert, Pipeline) else expert
    return type(last).__name__ in ("L1SVC", "LinearSVC")


def read(expert, X, scale, classes):
    """Return the outputs of an expert, a list for each row of X."""
    if scale == "value":
        return [[float(value)] for value in expert.predict(X)]
    known = expert.classes_.tolist()
    if is_margin_expert(expert):
        outputs = []
        for row in expert.decision_function(X):
            margins = row.tolist() if len(known) > 2 else [-float(row), float(row)]
            absent = min(-1.0, *margins)
            own = dict(zip(known, margins, strict=True))
            margins = [own.get(c, absent) for c in classes]
            outputs.append(margins if scale == "margin" else link(margins))
        return outputs
    if hasattr(expert, "predict_proba"):
        tables = [dict(zip(known, p, strict=True)) for p in expert.predict_proba(X)]
    else:
        tables = [{label: 1.0} for label in expert.predict(X).tolist()]
    shares = [[float(own.get(c, 0.0)) for c in classes] for own in tables]
    return [[2 * p - 1 for p in row] for row in shares] if scale == "margin" else shares


class Oracle:
    """All a fitted ensemble should say, from its public attributes."""

    def __init__(self, model, X, y, sample_weight=None):
        self.model, self.classifies = model, is_classifier(model)
        if sample_weight is not None:
            kept = np.flatnonzero(sample_weight)
            X, y, sample_weight = take(X, kept), y[kept], sample_weight[kept]
        self.X, self.y, self.weights = X, y, sample_weight
        self.cells = Cells(model.partitioner_, X, sample_weight)
        self.classes = model.classes_.tolist() if self.classifies else None
        affinity = self.cells.training_affinity()
        self.training_affinity = affinity
        self.live = merge(affinity, model.min_cell_size, self.cells.serves_all)
        self.has_shared = not self.cells.serves_all
        # A learned gate that had no row to learn from has taken no step.
        self.gate_knows_rows = getattr(model.gate_, "n_iter_", 0) > 0

    def _weights_of(self, X, affinity, cells):
        """Return the gate weights of every row to some cells, -1 among them."""
        gate, rows = self.model.gate_, dense(X)
        table = []
        for x, row in zip(rows, affinity, strict=True):
            own = [row[k] for k in self.live]
            if self.gate_knows_rows and not self.has_shared and max(own) == -inf:
                own = [0.0] * len(own)
            given = gate_weights(gate, x, own) if own else []
            weights = dict(zip(self.live, given, strict=True))
            weights = [weights[k] for k in cells if k >= 0]
            if self.has_shared:
                weights.append(float(not any(weights)))
            table.append(weights)
        return table

    def route(self, X):
        """Return ``{expert: weight}`` for each new row, with alpha."""
        model, affinity = self.model, self.cells.affinity(X)
        cells = model.cells_.tolist()
        routed = []
        for weights in self._weights_of(X, affinity, cells):
            row = keep_top(weights, min(model.top_k, len(cells)))
            if model.combiner is not None:
                scaled = {j: w * model.alpha_[j] for j, w in row.items()}
                total = sum(scaled.values())
                row = {j: w / total for j, w in scaled.items()} if total > 0 else row
            routed.append(row)
        return routed

    @cached_property
    def training_weights(self):
        """Return the gate weights of every training row, without merged cells."""
        cells = self.live + [-1] * self.has_shared
        return self._weights_of(self.X, self.training_affinity, cells)

    @cached_property
    def training_routing(self):
        """Return ``{cell: weight}`` for each training row, as experts are fitted."""
        model, table = self.model, self.training_weights
        cells = self.live + [-1] * self.has_shared
        top_k = min(model.top_k, len(cells))
        if model.capacity_factor is None or not self.live:
            routed = [keep_top(row, top_k) for row in table]
        else:
            # Rows that a cell claims, without a limit, by expert of a cell.
            claimed = [row for row in table if any(row[: len(self.live)])]
            mean = sum(len(keep_top(row, top_k)) for row in claimed) / len(self.live)
            room = max(1, ceil(model.capacity_factor * mean))
            routed = keep_top_balanced(table, top_k, room)
        return [{cells[j]: w for j, w in row.items()} for row in routed]

    def scale(self):
        """Return the scale on which experts are read."""
        if not self.classifies:
            return "value"
        combiner = self.model.combiner
        if combiner is not None:
            return "margin" if combiner.loss == "squared_hinge" else "probability"
        says = [e for e in self.model.experts_ if not isinstance(e, DummyClassifier)]
        margins = says and all(is_margin_expert(e) for e in says)
        return "margin" if margins else "probability"

    def columns(self, cell):
        """Return the columns that the expert of a cell sees, None for all."""
        last = self.model.partitioner_
        return last.feature_groups_[cell] if isinstance(last, FeatureGroups) else None

    def combine(self, X):
        """Return the combined outputs, a list for each row."""
        routed, combined = self.route(X), {}
        experts = zip(self.model.cells_, self.model.experts_, strict=True)
        for j, (cell, expert) in enumerate(experts):
            rows = [i for i, row in enumerate(routed) if j in row]
            if not rows:
                continue
            asked = take(X, np.array(rows), self.columns(cell))
            outputs = read(expert, asked, self.scale(), self.classes)
            for i, output in zip(rows, outputs, strict=True):
                before = combined.get(i, [0.0] * len(output))
                pairs = zip(before, output, strict=True)
                combined[i] = [b + routed[i][j] * value for b, value in pairs]
        return [combined[i] for i in range(len(routed))]

    def pairs_of(self, cell):
        """Return the rows and the weights (None: equal) an expert is fitted on."""
        if cell < 0:
            return np.arange(len(self.y)), self.weights
        routed = self.training_routing
        rows = np.array([i for i, row in enumerate(routed) if cell in row])
        if self.weights is None and all(len(row) == 1 for row in routed):
            return rows, None
        # Mean gate weight 1 over all pairs.
        factor = np.average([len(row) for row in routed], weights=self.weights)
        own = np.ones(len(self.y)) if self.weights is None else self.weights
        return rows, np.array([routed[i][cell] * factor * own[i] for i in rows])

    def refit(self, expert, cell):
        """Fit a clone of the expert of a cell by hand."""
        rows, weights = self.pairs_of(cell)
        name = "sample_weight"
        if isinstance(expert, Pipeline):
            name = f"{expert.steps[-1][0]}__{name}"
        takes = not isinstance(expert, KNeighborsRegressor | NearestCentroid)
        parameters = {} if weights is None or not takes else {name: weights}
        if isinstance(expert, DummyClassifier):
            parameters = {}
        X = take(self.X, rows, self.columns(cell))
        return clone(expert).fit(X, self.y[rows], **parameters)

    def joint_objective(self, coef, intercept, deviation, deviation_intercept):
        """Return the objective of ``sharing="deviation"``, summed over the classes."""
        model, shared, X = self.model, self.model.shared_, dense(self.X)
        routed = self.training_routing
        factor = np.average([len(row) for row in routed], weights=self.weights)
        own = np.ones(len(X)) if self.weights is None else self.weights
        triples = [
            (i, k, w * factor * own[i])
            for i, row in enumerate(routed)
            for k, w in row.items()
        ]
        norms = [X[i] @ X[i] for i, _, _ in triples]
        s = 3 * np.average(norms, weights=[w for _, _, w in triples]) ** 0.5
        deviating = [k for k in self.model.cells_.tolist() if k >= 0]
        total = np.abs(coef).sum()
        for d, e in zip(deviation, deviation_intercept, strict=True):
            total += model.deviation_penalty * (np.abs(d).sum() + np.abs(e).sum() / s)
        for i, k, w in triples:
            at = coef @ X[i] + intercept
            if k >= 0:
                j = deviating.index(k)
                at = at + deviation[j] @ X[i] + deviation_intercept[j]
            total += shared.C * w * self._loss(at, self.y[i])
        return total

    def _loss(self, at, target):
        if not self.classifies:
            return max(abs(at[0] - target) - self.model.shared_.epsilon, 0.0) ** 2
        if len(self.classes) == 2:
            signs = [1.0 if target == self.classes[1] else -1.0]
        else:
            signs = [1.0 if target == c else -1.0 for c in self.classes]
        pairs = zip(signs, at, strict=True)
        return sum(max(0.0, 1 - sign * value) ** 2 for sign, value in pairs)
