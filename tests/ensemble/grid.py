"""The grid of compositions: partitioner, gate, sharing, combiner, expert, kind of X.

All combinations of these six are in ``GRID``. Other parameters (``top_k``, rounds,
capacity, small cells, weights, two or three classes) take turns along the grid.
``REFUSALS`` says which combinations are refused, and in which words.
"""

from functools import cache
from itertools import product
from typing import NamedTuple

import numpy as np
import pandas as pd
import polars as pl
from oracle_cells import dense
from scipy.sparse import csr_array
from sklearn.cluster import DBSCAN, AgglomerativeClustering, Birch, KMeans
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
from sklearn.mixture import GaussianMixture
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsRegressor, NearestCentroid
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from skexperts import (
    AlphaCombinerClassifier,
    AlphaCombinerRegressor,
    PartitionedExpertsClassifier,
    PartitionedExpertsRegressor,
    SparseCoder,
)
from skexperts.exceptions import CellFitError
from skexperts.gating import DistanceGate, SigmoidGate, SoftmaxGate
from skexperts.partition import (
    ColumnPartitioner,
    FeatureGroups,
    RandomPartitioner,
    TreePartitioner,
)
from skexperts.svm import L1SVC, L1SVR

N_ROWS, N_FEATURES = 90, 5


def make_data():
    """Three blobs with some rows far away; column 0 is a segment, many zeros."""
    rng = np.random.default_rng(7)
    blob = np.arange(N_ROWS + 12) % 3
    X = rng.normal(scale=0.7, size=(len(blob), N_FEATURES))
    X[:, 1:4] += 4.0 * np.eye(3)[blob]
    X[rng.random(X.shape) < 0.3] = 0.0
    X[4:80:19, 4] += [5.0, -5.0, 6.0, -6.0]
    X[:, 0] = (blob + (rng.random(len(blob)) < 0.2)) % 3
    slope = rng.normal(size=(3, N_FEATURES))
    score = (X * slope[blob]).sum(axis=1) + 0.3 * rng.normal(size=len(blob))
    # New rows: of the blobs, on the edge, far away, of an unseen segment.
    X[-3, 0], X[-2], X[-1] = 9.0, 40.0, X[:N_ROWS].mean(axis=0)
    return X, score, blob


X_ALL, SCORE, BLOB = make_data()
X, X_NEW = X_ALL[:N_ROWS], np.vstack([X_ALL[:12], X_ALL[N_ROWS:]])
TWO = (np.median(SCORE) < SCORE).astype(int)[:N_ROWS]
# Blob 2 has one class only.
THREE = np.array(["a", "b", "c"])[np.where(BLOB == 2, 2, SCORE > 0)][:N_ROWS]
WEIGHTS = np.random.default_rng(1).integers(0, 4, N_ROWS) / 2.0


def by_size(X):
    """Label rows by their second column, None where it is large."""
    values = dense(X)[:, 1]
    labels = np.where(values > 2, "high", np.where(values > 0, "middle", "low"))
    return np.where(values > 20, None, labels.astype(object))


PARTITIONERS = {
    "kmeans": KMeans(3, n_init=1),
    "mixture": GaussianMixture(3, covariance_type="diag", reg_covar=0.01),
    "scaled": make_pipeline(StandardScaler(with_mean=False), KMeans(3, n_init=1)),
    "codes": make_pipeline(SparseCoder(6, alpha=0.2), KMeans(3, n_init=1)),
    "birch": Birch(n_clusters=3, threshold=0.5),
    "dbscan": DBSCAN(eps=2.0, min_samples=4),
    "agglomerative": AgglomerativeClustering(3),
    "random": RandomPartitioner(3),
    "column": ColumnPartitioner(0),
    "tree": TreePartitioner(3),
    "groups": FeatureGroups([[0, 1, 2], [2, 3], [4, 1]]),
    "function": by_size,
}
GATES = {
    "hard": "hard",
    "distance": "distance",
    "auto": DistanceGate("auto"),
    "softmax": "softmax",
    "competence": SoftmaxGate(target="competence"),
    "sigmoid": SigmoidGate(threshold=0.3),
}
LEARNED = ("softmax", "competence", "sigmoid")
# What the outputs of an expert are, and the experts that take turns in it.
KINDS = {
    "margin": {
        "L1SVC": L1SVC(),
        "piped": make_pipeline(StandardScaler(with_mean=False), L1SVC(C=0.5)),
    },
    "probability": {
        "logistic": LogisticRegression(C=0.1, tol=1e-3),
        "bayes": GaussianNB(var_smoothing=1e-3),
        "tree": DecisionTreeClassifier(max_depth=2, min_samples_leaf=6),
    },
    "vote": {"ridge": RidgeClassifier(), "centroid": NearestCentroid()},
    "linear": {"L1SVR": L1SVR(C=0.1)},
    "value": {
        "ridge": Ridge(),
        "tree": DecisionTreeRegressor(max_depth=2, min_samples_leaf=6),
        "neighbours": KNeighborsRegressor(1),
    },
}
SHARING = {"apart": None, "sharing": "deviation"}
COMBINERS = ("plain", "given", "learned")
LOSSES = ("log_loss", "squared_hinge", "squared_error")
SETTINGS = {
    "default": {},
    "top_1": {"top_k": 1},
    "balanced": {"top_k": 2, "capacity_factor": 1.0},
    "merged": {"min_cell_size": 20},
    "rounds": {"n_rounds": 2},
    "weights": {},
    "top_2": {"top_k": 2, "min_cell_size": 1},
}
CONTAINERS = {
    "dense": np.asarray,
    "csr": csr_array,
    "float32": np.float32,
    "pandas": lambda X: pd.DataFrame(X, columns=list("abcde")),
    "polars": lambda X: pl.DataFrame(X, schema=list("abcde")),
}
# The whole grid is for these.
DENSE_OR_SPARSE = ("dense", "csr")


class Combination(NamedTuple):
    """Names of all that makes up a model."""

    partitioner: str
    gate: str
    sharing: str
    combiner: str
    kind: str
    container: str
    expert: str
    target: str
    loss: str
    setting: str

    def __str__(self):
        return "-".join(self)

    @property
    def data(self):
        """Return X, y, the weights and new rows."""
        convert = CONTAINERS[self.container]
        y = {"two": TWO, "three": THREE, "values": SCORE[:N_ROWS]}[self.target]
        weights = WEIGHTS if self.setting == "weights" else None
        return convert(X), y, weights, convert(X_NEW)

    def model(self):
        """Return the unfitted model."""
        kind = CLASSES[self.target == "values"]
        return kind[0](
            KINDS[self.kind][self.expert],
            partitioner=PARTITIONERS[self.partitioner],
            gate=GATES[self.gate],
            sharing=SHARING[self.sharing],
            combiner=self._combiner(kind[1]),
            random_state=0,
            **SETTINGS[self.setting],
        )

    def _combiner(self, combiner):
        if self.combiner == "plain":
            return None
        loss = {} if self.target == "values" else {"loss": self.loss}
        if self.combiner == "learned":
            return combiner(cv=2, **loss)
        # One weight for each expert, the first one 0.
        gate, expert = "hard", ("value", "ridge", self.target)
        if self.target != "values":
            expert = "vote", "ridge", self.target
        if self.gate == "competence":
            # Which experts it uses depends on all of them.
            gate, expert = self.gate, (self.kind, self.expert, self.target)
        n = n_experts(self.partitioner, gate, self.container, expert, self.setting)
        alpha = np.arange(n) if n > 1 else np.ones(1)
        return combiner(alpha=alpha / alpha.sum(), **loss)


CLASSES = (
    (PartitionedExpertsClassifier, AlphaCombinerClassifier),
    (PartitionedExpertsRegressor, AlphaCombinerRegressor),
)


def make_grid():
    """List all combinations; what is no axis of the grid takes turns."""
    axes = PARTITIONERS, GATES, SHARING, COMBINERS, KINDS, DENSE_OR_SPARSE
    grid = []
    for numbers in product(*(range(len(axis)) for axis in axes)):
        names = [list(axis)[i] for axis, i in zip(axes, numbers, strict=True)]
        kind, turn = names[4], sum(numbers)
        experts = list(KINDS[kind])
        values = kind in ("linear", "value")
        grid.append(
            Combination(
                *names,
                expert=experts[turn % len(experts)],
                target="values" if values else ("two", "three")[numbers[0] % 2],
                loss="none" if values else LOSSES[(turn + numbers[4]) % 3],
                setting=list(SETTINGS)[(turn + numbers[1] + numbers[3]) % 7],
            )
        )
    return grid


@cache
def n_experts(partitioner, gate, container, expert, setting):
    """Return how many experts a model has, from one that is quick to fit."""
    kind, name, target = expert
    if gate == "hard" and setting == "rounds":
        setting = "default"
    combination = Combination(
        partitioner, gate, "apart", "plain", kind, container, name, target, "", setting
    )
    if refusal_of(combination) is not None:
        return 1
    X, y, weights, _ = combination.data
    return combination.model().fit(X, y, weights).n_experts_


# What is refused ----------------------------------------------------------------------

SHARES = ("L1SVC", "L1SVR")
# The first rule that holds says what is raised: condition, error, words.
REFUSALS = [
    (
        lambda c: c.setting == "weights" and c.expert in ("neighbours", "centroid"),
        ValueError,
        "sample_weight was given, but fit of the expert .* takes no sample weights",
    ),
    (
        lambda c: c.sharing == "sharing" and c.expert not in SHARES,
        TypeError,
        "(?s)sharing='deviation' fits a shared L1SVC or L1SVR .* does not have",
    ),
    (
        lambda c: c.setting == "rounds" and c.gate not in LEARNED,
        ValueError,
        "n_rounds=2 assigns rows to other cells, but the gate .* does not learn",
    ),
    (
        lambda c: (
            c.container == "csr" and c.partitioner in ("mixture", "agglomerative")
        ),
        TypeError,
        "Sparse data was passed for X, but dense data is required",
    ),
    (
        lambda c: c.sharing == "sharing" and c.partitioner == "groups",
        ValueError,
        "sharing='deviation' needs experts that see the same columns",
    ),
    (
        lambda c: c.container == "csr" and c.expert == "bayes",
        CellFitError,
        r"The expert of (cell \d|the rows that no .*) .* TypeError: Sparse data",
    ),
]


def refusal_of(combination):
    """Return the error and its words, None for a combination that runs."""
    for holds, error, words in REFUSALS:
        if holds(combination):
            return error, words
    return None


GRID = make_grid()
RUN = [c for c in GRID if refusal_of(c) is None]
REFUSED = [c for c in GRID if refusal_of(c) is not None]
