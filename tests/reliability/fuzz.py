"""Random data, weights and compositions, against the plain loops of ``oracle.py``."""

from functools import partial
from typing import NamedTuple

import numpy as np
from catalogue import check_outputs
from grid import by_size
from oracle import Oracle
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.cluster import AgglomerativeClustering, KMeans
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import Ridge, RidgeClassifier
from sklearn.mixture import GaussianMixture
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsRegressor
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from test_grid import check_predictions, check_routes, check_training

from skexperts import (
    L1SVC,
    L1SVR,
    ColumnPartitioner,
    DistanceGate,
    FeatureGroups,
    PartitionedExpertsClassifier,
    PartitionedExpertsRegressor,
    RandomPartitioner,
    SigmoidGate,
    TreePartitioner,
)
from skexperts.exceptions import CellFitError

GATES = ["hard", "distance", "softmax", "sigmoid", DistanceGate("auto")]
GATES += [DistanceGate(0.1), DistanceGate(20.0), SigmoidGate(threshold=0.4)]
CLASSIFIERS = [
    DecisionTreeClassifier(max_depth=2, random_state=0),
    GaussianNB(var_smoothing=0.1),
    L1SVC(),
    RidgeClassifier(),
]
REGRESSORS = [
    DecisionTreeRegressor(max_depth=2, random_state=0),
    Ridge(),
    L1SVR(C=0.1),
    KNeighborsRegressor(1),
    DummyRegressor(),
]
NO_WEIGHTS = (KNeighborsRegressor,)
DENSE_ONLY = (GaussianNB, AgglomerativeClustering, GaussianMixture)
# What may be refused, in these words only.
REFUSALS = (
    "only one class",
    "rows of X are equal",
    "found no cell",
    "must not exceed the number of rows",
    "should be >= n_clusters",
    "as many groups",
    "Fitting the mixture model failed",
    "feature(s)",
    "takes no sample weights",
    "Found array with",
    "cannot divide",
    "All-NaN",
    "at least two",
    "(GaussianNB) gave NaN",  # Where no column varies.
)


class Trial(NamedTuple):
    """An unfitted model, and what it is fitted on and asked."""

    model: object
    X: object
    y: np.ndarray
    weights: np.ndarray | None
    X_new: object

    def __str__(self):
        kind = f"{type(self.X).__name__} {self.X.dtype} {self.X.shape}"
        weights = None if self.weights is None else self.weights.tolist()
        return f"{self.model}\n{kind}, y {self.y.tolist()}, weights {weights}"


def draw(seed):
    """Return the trial of a seed."""
    rng = np.random.default_rng(seed)
    n, n_features = int(rng.integers(10, 41)), int(rng.integers(2, 6))
    rows = rng.normal(size=(n + 8, n_features)) * rng.choice([0.1, 1.0, 30.0])
    rows += rng.choice([0, 0, 4]) * rng.integers(0, 3, size=(n + 8, 1))
    rows[rng.random(rows.shape) < rng.choice([0, 0.4])] = 0.0
    if rng.random() < 0.2:  # Some rows twice.
        rows[: n // 3] = rows[n // 3 : 2 * (n // 3)]
    classifies = rng.random() < 0.6
    partitioner = draw_partitioner(rng, rows, n)
    experts = CLASSIFIERS if classifies else REGRESSORS
    expert = clone(experts[rng.integers(len(experts))])
    weights = None
    if rng.random() < 0.4 and not isinstance(expert, NO_WEIGHTS):
        weights = rng.choice([0.0, 0.5, 1.0, 3.0], size=n)
    if weights is not None and not weights.any():
        weights = None
    y = draw_target(rng, rows[:n], classifies, weights)
    gate = clone(GATES[rng.integers(len(GATES))], safe=False)
    # Not compared: which rows of an expert that is full a gate with a threshold keeps.
    room = None if isinstance(gate, SigmoidGate) else rng.choice([None, None, 1.0, 1.5])
    kind = PartitionedExpertsClassifier if classifies else PartitionedExpertsRegressor
    model = kind(
        expert,
        partitioner=partitioner,
        gate=gate,
        top_k=int(rng.integers(1, 6)),
        min_cell_size=int(rng.integers(1, 9)),
        capacity_factor=room,
        random_state=int(rng.integers(1000)),
    )
    forms = [np.array, np.asfortranarray, partial(np.repeat, repeats=1, axis=0)]
    if not isinstance(expert, DENSE_ONLY) and not isinstance(partitioner, DENSE_ONLY):
        forms += [csr_array, csr_array]
    form = forms[rng.integers(len(forms))]
    return Trial(model, form(rows[:n]), y, weights, form(rows[n:]))


def draw_partitioner(rng, rows, n):
    """Return a partitioner; segments, if it needs some, are put into column 0."""
    k, seed, n_features = (
        int(rng.integers(1, 6)),
        int(rng.integers(1000)),
        rows.shape[1],
    )
    number = rng.integers(8)
    if number == 0:
        rows[:, 0] = rng.integers(0, k + 1, size=len(rows))
        return ColumnPartitioner(0)
    return [
        by_size,
        KMeans(k, n_init=1, random_state=seed),
        RandomPartitioner(k, random_state=seed),
        TreePartitioner(max(k, 2), min_samples_leaf=1, random_state=seed),
        FeatureGroups(int(rng.integers(1, n_features + 1)), random_state=seed),
        AgglomerativeClustering(k),
        GaussianMixture(
            min(k, 3), covariance_type="diag", reg_covar=0.05, random_state=seed
        ),
    ][number - 1]


def draw_target(rng, X, classifies, weights):
    """Return classes, one of them rare or in one region only, or values."""
    score = X @ rng.normal(size=X.shape[1]) + 0.1 * rng.normal(size=len(X))
    if not classifies:
        return score
    names = np.array(["a", "b", "c"])[: rng.integers(2, 4)]
    y = names[np.searchsorted(np.quantile(score, [0.5, 0.8]), score) % len(names)]
    if rng.random() < 0.3:
        y = names[np.minimum(np.arange(len(X)) // (len(X) - 2), 1)]
    return y


def check(seed):
    """Fit the model of a seed and compare it; return whether it was fitted."""
    trial = draw(seed)
    model = clone(trial.model)
    try:
        model.fit(trial.X, trial.y, trial.weights)
        check_outputs(model, trial.X_new)
    except (ValueError, CellFitError) as error:
        assert any(words in str(error) for words in REFUSALS), error
        return False
    oracle = Oracle(model, trial.X, trial.y, trial.weights)
    check_routes(model, oracle, trial.X_new, 1e-7)
    check_predictions(model, oracle, trial.X_new, 1e-7)
    check_training(model, oracle)
    return True
