"""Random data, weights and compositions, against the plain loops of ``oracle.py``.

An input is a seed. Each goal is counted: G3 (what plain loops say), G4 (what holds of
every output) and G13 (nothing that is given is changed).
"""

import pickle
from functools import partial
from typing import NamedTuple
from unittest.mock import Mock, patch

import numpy as np
from catalogue import check_outputs
from grid import by_size
from oracle import Oracle
from scipy.sparse import csr_array, issparse
from scipy.spatial.distance import pdist
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone
from sklearn.cluster import DBSCAN, HDBSCAN, AgglomerativeClustering, KMeans
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import Ridge, RidgeClassifier
from sklearn.mixture import GaussianMixture
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsRegressor, NearestCentroid
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from test_grid import check_experts, check_predictions, check_routes, check_training

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
from skexperts.ensemble import _router
from skexperts.exceptions import CellFitError


class _Halves(BaseEstimator):
    """Answers by the sign of the first column, and costs next to nothing."""

    def _average(self, X, values, sample_weight):
        weights = np.ones(len(values)) if sample_weight is None else sample_weight
        above, total = self._above(X), np.average(values, axis=0, weights=weights)
        self.answers_ = np.array([total, total], dtype=float)
        for side in (0, 1):
            own = above == side
            if own.any():
                self.answers_[side] = np.average(
                    values[own], axis=0, weights=weights[own]
                )
        return self

    @staticmethod
    def _above(X):
        first = X[:, [0]]
        return (first.toarray() if issparse(X) else first)[:, 0].astype(float) > 0

    def _answer(self, X):
        return self.answers_[self._above(X).astype(int)]


class Shares(ClassifierMixin, _Halves):
    """Shares of the classes."""

    def fit(self, X, y, sample_weight=None):
        self.classes_ = np.unique(y)
        return self._average(X, (y[:, None] == self.classes_) * 1.0, sample_weight)

    def predict_proba(self, X):
        return self._answer(X)

    def predict(self, X):
        return self.classes_[self._answer(X).argmax(axis=1)]


class Means(RegressorMixin, _Halves):
    """Means of y."""

    def fit(self, X, y, sample_weight=None):
        return self._average(X, y, sample_weight)

    def predict(self, X):
        return self._answer(X)


GATES = ["hard", "distance", "softmax", "sigmoid", DistanceGate("auto")]
GATES += [DistanceGate(0.1), DistanceGate(20.0), SigmoidGate(threshold=0.4)]
CLASSIFIERS = [
    DecisionTreeClassifier(max_depth=2, random_state=0),
    GaussianNB(var_smoothing=0.1),
    L1SVC(),
    NearestCentroid(),
    RidgeClassifier(),
]
REGRESSORS = [
    DecisionTreeRegressor(max_depth=2, random_state=0),
    Ridge(),
    L1SVR(C=0.1),
    KNeighborsRegressor(1),
    DummyRegressor(),
]
NO_WEIGHTS = (KNeighborsRegressor, NearestCentroid)
DENSE_ONLY = (GaussianNB, AgglomerativeClustering, GaussianMixture, HDBSCAN)
# What may be refused, in these words only.
REFUSALS = (
    "only one class",
    "rows of X are equal",
    "found no cell",
    "must not exceed the number of rows",
    "must be at most the number of samples",  # HDBSCAN, where weights of 0 leave few.
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
    # NearestCentroid, where no column varies within the classes.
    "All features have zero variance",
    "Input contains NaN.\nRaised by the expert of",
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
    if rng.random() < 0.5:
        expert = Shares() if classifies else Means()
    weights = None
    if rng.random() < 0.4 and not isinstance(expert, NO_WEIGHTS):
        weights = rng.choice([0.0, 0.5, 1.0, 3.0], size=n)
    if weights is not None and not weights.any():
        weights = None
    y = draw_target(rng, rows[:n], classifies, weights)
    gate = clone(GATES[rng.integers(len(GATES))], safe=False)
    room = rng.choice([None, None, 1.0, 1.5])
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
    k, seed = int(rng.integers(1, 6)), int(rng.integers(1000))
    n_features, number = rows.shape[1], rng.integers(10)
    if number == 0:
        rows[:, 0] = rng.integers(0, k + 1, size=len(rows))
        return ColumnPartitioner(0)
    if number == 1:
        near = float(np.quantile(pdist(rows[:n]), rng.choice([0.02, 0.1, 0.3])))
        return DBSCAN(max(near, 1e-3), min_samples=k)
    return [
        HDBSCAN(min_cluster_size=k + 1, copy=True),
        by_size,
        KMeans(k, n_init=1, random_state=seed),
        RandomPartitioner(k, random_state=seed),
        TreePartitioner(max(k, 2), min_samples_leaf=1, random_state=seed),
        FeatureGroups(int(rng.integers(1, n_features + 1)), random_state=seed),
        AgglomerativeClustering(k),
        GaussianMixture(
            min(k, 3), covariance_type="diag", reg_covar=0.05, random_state=seed
        ),
    ][number - 2]


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


class Once:
    """A fitted model that is asked about some rows, each thing once.

    ``limited`` are the gate weights of the training rows, if experts had limited room.
    """

    def __init__(self, model, limited):
        vars(self).update(vars(model), limited=limited)
        for name in ("route", "predict", "predict_proba", "decision_function"):
            if hasattr(model, name):
                setattr(self, name, self._once(getattr(model, name)))

    @staticmethod
    def _once(method):
        answers = []

        def ask(X):
            if not answers:
                answers.append(method(X))
            return answers[0]

        return ask


def as_bytes(trial):
    """Return the bytes of all that is given: rows, y, weights and parameters."""
    rows = [
        [X.data, X.indices, X.indptr] if issparse(X) else X
        for X in (trial.X, trial.X_new)
    ]
    parameters = trial.model.get_params(deep=False)
    return pickle.dumps([rows, trial.y, trial.weights, parameters])


def fit(trial):
    """Return the fitted model, None if it is refused in words."""
    limit = Mock(wraps=_router.route_balanced)
    try:
        with patch.object(_router, "route_balanced", limit):
            trial.model.fit(trial.X, trial.y, trial.weights)
        said = Once(trial.model, limit.call_args.args[0] if limit.called else None)
        said.predict(trial.X_new)
    except (ValueError, CellFitError) as error:
        text = "\n".join([str(error), *getattr(error, "__notes__", [])])
        assert any(words in text for words in REFUSALS), error
        return None
    return said


def check_oracle(said, trial):
    """Compare a fitted model with plain loops."""
    oracle = Oracle(trial.model, trial.X, trial.y, trial.weights)
    if said.limited is not None:
        # Of rows with equal weights, rounding says which one finds room.
        np.testing.assert_allclose(
            said.limited, oracle.training_weights, rtol=1e-7, atol=1e-10
        )
        oracle.training_weights = said.limited.tolist()
    check_routes(said, oracle, trial.X_new, 1e-7)
    check_predictions(said, oracle, trial.X_new, 1e-7)
    check_training(said, oracle)
    if isinstance(trial.model.expert, _Halves):  # Trees would break ties by rounding.
        check_experts(said, oracle, trial.X_new)


def try_goals(seed):
    """Try the input of a seed.

    Returns
    -------
    failures : dict of goal to None or the error
        A model that is refused in words has no outputs, and so no G4.
    """
    trial, failures, said = draw(seed), {}, None
    before = as_bytes(trial)

    def attempt(goal, check, *parameters):
        try:
            return check(*parameters)
        except Exception as error:
            failures[goal] = error

    failures["G3"] = None
    said = attempt("G3", fit, trial)
    if said is not None:
        failures["G4"] = None
        attempt("G4", check_outputs, said, trial.X_new)
        attempt("G3", check_oracle, said, trial)
    failures["G13"] = None if as_bytes(trial) == before else AssertionError("changed")
    return failures


def check(seed):
    """Raise the first error of a seed; return whether its model was fitted."""
    failures = try_goals(seed)
    for error in failures.values():
        if error is not None:
            error.add_note(f"fuzz.check({seed}): {draw(seed)}")
            raise error
    return "G4" in failures
