"""Partitioners, gates and experts of third parties that answer something else."""

import numpy as np
from catalogue import check_outputs, refused
from grid import SCORE, TWO, X_NEW, X
from sklearn.base import BaseEstimator, ClassifierMixin, ClusterMixin, RegressorMixin

from skexperts import PartitionedExpertsClassifier, PartitionedExpertsRegressor
from skexperts.partition import PartitionerMixin

VALUES = SCORE[: len(X)]


class Weighs(BaseEstimator):
    """A gate that answers what it is told."""

    def __init__(self, answer=None, learns=False):
        self.answer = answer
        self.learns = learns

    def fit(self, X, affinity, cells=None, sample_weight=None):
        return self

    def gate_weights(self, X, affinity):
        return self.answer(affinity)


class Places(PartitionerMixin, BaseEstimator):
    """A partitioner of two cells that answers what it is told."""

    def __init__(self, answer=None, n_cells=2, groups=None):
        self.answer = answer
        self.n_cells = n_cells
        self.groups = groups

    def fit(self, X, y=None):
        self.n_cells_ = self.n_cells
        self.feature_groups_ = self.groups
        return self

    def affinity(self, X):
        return self.answer(X)


class Labels(ClusterMixin, BaseEstimator):
    """A clusterer of labels that it is told."""

    def __init__(self, answer=None, predicts=True):
        self.answer = answer
        self.predicts = predicts

    def fit(self, X, y=None):
        self.labels_ = self.answer(X)
        return self


class Predicts(Labels):
    def predict(self, X):
        return self.answer(X)


class Speaks(ClassifierMixin, BaseEstimator):
    """A classifier of probabilities that it is told."""

    def __init__(self, answer=None, classes=None):
        self.answer = answer
        self.classes = classes

    def fit(self, X, y, sample_weight=None):
        self.classes_ = np.unique(y) if self.classes is None else self.classes
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])

    def predict_proba(self, X):
        return self.answer(X)


class Guesses(RegressorMixin, BaseEstimator):
    """A regressor of values that it is told."""

    def __init__(self, answer=None):
        self.answer = answer

    def fit(self, X, y, sample_weight=None):
        return self

    def predict(self, X):
        return self.answer(X)


def with_entry(value):
    def answer(affinity):
        weights = np.ones(np.shape(affinity))
        weights.flat[0] = value
        return weights

    return answer


SHAPES = {
    "one row less": lambda a: np.ones((len(a) - 1, a.shape[1])),
    "one column more": lambda a: np.ones((len(a), a.shape[1] + 1)),
    "one column": lambda a: np.ones((len(a), 1)),
    "one dimension": lambda a: np.ones(len(a)),
    "three dimensions": lambda a: np.ones((*a.shape, 1)),
    "a number": lambda a: 1.0,
    "nothing": lambda a: np.ones((0, a.shape[1])),
}
ENTRIES = {
    str(value): with_entry(value) for value in (np.nan, np.inf, -np.inf, -1e-300, -1.0)
}
GATES = SHAPES | ENTRIES
PLACES = {name: lambda X, a=a: a(np.ones((len(X), 2))) for name, a in SHAPES.items()}
PLACES |= {
    "nan": lambda X: with_entry(np.nan)(np.ones((len(X), 2))),
    "inf": lambda X: with_entry(np.inf)(np.ones((len(X), 2))),
}
GROUPS = {
    "outside": [np.array([0, 1]), np.array([99])],
    "negative": [np.array([0, 1]), np.array([-7])],
    "too few": [np.array([0, 1])],
    "too many": [np.array([0, 1])] * 3,
    "empty": [np.array([0, 1]), np.array([], dtype=int)],
    "fractions": [np.array([0, 1]), np.array([0.5])],
    "twice": [np.array([0, 1]), np.array([2, 2])],
}
LABELS = {
    "too few": lambda X: np.zeros(len(X) - 1, dtype=int),
    "too many": lambda X: np.arange(len(X) + 1) % 2,
    "two columns": lambda X: np.zeros((len(X), 2), dtype=int),
    "nan": lambda X: np.where(np.arange(len(X)) == 1, np.nan, 0.0),
    "none": lambda X: None,
}
# Labels need not be 0, 1, 2, ...: any value names a cell.
STRANGE_LABELS = {
    "far": lambda X: np.where(X[:, 1] > 1, 10**9, 7),
    "negative": lambda X: np.where(X[:, 1] > 1, -5, 3),
}
PROBABILITIES = {
    "nan": lambda X: np.full((len(X), 2), np.nan),
    "inf": lambda X: np.full((len(X), 2), np.inf),
    "one column": lambda X: np.ones((len(X), 1)),
    "one row": lambda X: np.full((1, 2), 0.5),
    "one dimension": lambda X: np.full(len(X), 0.5),
}
ANSWERS = {
    "nan": lambda X: np.full(len(X), np.nan),
    "inf": lambda X: np.full(len(X), np.inf),
    "one row": lambda X: np.ones(1),
    "two columns": lambda X: np.ones((len(X), 2)),
}


def check_gate(answer, n_jobs=None, y=TWO):
    kind = PartitionedExpertsClassifier
    model = kind(gate=Weighs(answer), random_state=0, n_jobs=n_jobs)
    with refused("The weights of the gate Weighs must"):
        model.fit(X, y)
    assert not hasattr(model, "experts_")


def check_gate_after_fit(answer):
    """The gate breaks its contract later: the answer is refused, too."""
    model = PartitionedExpertsRegressor(gate=Weighs(np.exp), random_state=0)
    model.fit(X, VALUES)
    model.gate_.answer = answer
    with refused("The weights of the gate Weighs must"):
        model.predict(X_NEW)


def check_place(answer):
    for kind, y in (
        (PartitionedExpertsClassifier, TWO),
        (PartitionedExpertsRegressor, VALUES),
    ):
        model = kind(partitioner=Places(answer))
        with refused("The affinity of the partitioner Places must"):
            model.fit(X, y)
        assert not hasattr(model, "experts_")


def check_groups(groups):
    answer = with_entry(1.0)
    place = Places(lambda X: answer(np.ones((len(X), 2))), groups=groups)
    with refused("Places.*group|group.*Places"):
        PartitionedExpertsClassifier(partitioner=place).fit(X, TWO)


def check_labels(answer, kind):
    with refused("Labels|Predicts|function|partitioner|label"):
        PartitionedExpertsClassifier(partitioner=kind(answer)).fit(X, TWO)


def check_strange_labels(answer):
    model = PartitionedExpertsClassifier(partitioner=Predicts(answer), random_state=0)
    check_outputs(model.fit(X, TWO), X_NEW)


def check_probabilities(answer):
    model = PartitionedExpertsClassifier(Speaks(answer), random_state=0)
    with refused("expert of cell|Speaks|CellFitError"):
        model.fit(X, TWO).predict_proba(X_NEW)


def check_values(answer):
    model = PartitionedExpertsRegressor(Guesses(answer), random_state=0)
    with refused("expert of cell|Guesses"):
        model.fit(X, VALUES).predict(X_NEW)


CHECKS = {
    "gate": (check_gate, GATES),
    "gate later": (check_gate_after_fit, GATES),
    "partitioner": (check_place, PLACES),
    "groups": (check_groups, GROUPS),
    "labels": (lambda answer: check_labels(answer, Labels), LABELS),
    "predicted labels": (lambda answer: check_labels(answer, Predicts), LABELS),
    "strange labels": (check_strange_labels, STRANGE_LABELS),
    "probabilities": (check_probabilities, PROBABILITIES),
    "values": (check_values, ANSWERS),
}
INPUTS = [(kind, name) for kind, (_, answers) in CHECKS.items() for name in answers]


def check(kind, name):
    """Check one strange answer of one kind of part."""
    function, answers = CHECKS[kind]
    function(answers[name])
