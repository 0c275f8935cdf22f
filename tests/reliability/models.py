"""The models that meet the faults: every partitioner with every gate, and the others.

Kinds of experts, and of y, take turns along the pairs. Data are those of ``grid.py``.
"""

from collections.abc import Callable
from functools import partial
from itertools import product
from typing import NamedTuple

import numpy as np
from grid import GATES, PARTITIONERS, SCORE, THREE, TWO, X
from scipy.sparse import issparse
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from skexperts import (
    L1SVC,
    L1SVR,
    AlphaCombinerClassifier,
    AlphaCombinerRegressor,
    GatedExpertsClassifier,
    GatedExpertsRegressor,
    PartitionedExpertsClassifier,
    PartitionedExpertsRegressor,
    PatchSparseCoder,
    SparseCoder,
    SparseFeatureSelector,
)

TARGETS = {"two": TWO, "three": THREE, "values": SCORE[: len(X)], "none": None}
CLASSIFIERS = {
    "L1SVC": L1SVC(),
    "logistic": LogisticRegression(C=0.1),
    "tree": DecisionTreeClassifier(max_depth=2, random_state=0),
    "piped": make_pipeline(StandardScaler(with_mean=False), L1SVC(C=0.5)),
    "bayes": GaussianNB(var_smoothing=1e-3),
}
REGRESSORS = {
    "L1SVR": L1SVR(C=0.1),
    "ridge": Ridge(),
    "tree": DecisionTreeRegressor(max_depth=2, random_state=0),
}
# Each kind of y with its experts.
TURNS = [
    *(("two", name) for name in CLASSIFIERS),
    *(("values", name) for name in REGRESSORS),
    *(("three", name) for name in CLASSIFIERS),
]


class Model(NamedTuple):
    """How to make a model, and what it is made of."""

    name: str
    make: Callable
    target: str
    partitioner: str = ""
    gate: str = ""
    expert: str = ""

    def __str__(self):
        return self.name

    @property
    def y(self):
        return TARGETS[self.target]

    @property
    def classifies(self):
        return self.target in ("two", "three") and self.predicts

    @property
    def regresses(self):
        return self.target == "values" and self.predicts

    @property
    def predicts(self):
        return not self.name.startswith(("coder", "selector"))

    @property
    def routes(self):
        return bool(self.gate)

    @property
    def takes_sparse(self):
        needs_dense = self.partitioner in ("mixture", "agglomerative")
        return not (needs_dense or self.expert == "bayes")

    def fit(self, X=X, y="own", **parameters):
        """Return the fitted model."""
        return self.make().fit(X, self.y if isinstance(y, str) else y, **parameters)


def partitioned(partitioner, gate, target, expert, **options):
    """Return an unfitted model of named parts."""
    kind, experts = PartitionedExpertsClassifier, CLASSIFIERS
    if target == "values":
        kind, experts = PartitionedExpertsRegressor, REGRESSORS
    return kind(
        clone(experts[expert]),
        partitioner=clone(PARTITIONERS[partitioner], safe=False),
        gate=clone(GATES[gate], safe=False),
        random_state=0,
        **options,
    )


def _pairs():
    for turn, (partitioner, gate) in enumerate(product(PARTITIONERS, GATES)):
        target, expert = TURNS[turn % len(TURNS)]
        parts = partitioner, gate, target, expert
        make = partial(partitioned, *parts)
        yield Model("-".join(parts), make, target, partitioner, gate, expert)


def _others():
    gated = {"n_experts": 3, "max_iter": 3, "random_state": 0}
    classes, values = GatedExpertsClassifier, GatedExpertsRegressor
    two = [("svc", L1SVC()), ("logistic", LogisticRegression())]
    numbers = [("svr", L1SVR(C=0.1)), ("ridge", Ridge())]
    code = {"random_state": 0, "alpha": 0.3}
    patches = partial(PatchSparseCoder, 3, patch_shape=(1, 3), pool_grid=1, **code)
    for name, target, make in [
        ("gated", "two", partial(classes, **gated)),
        ("gated-open", "three", partial(classes, gate="sigmoid", **gated)),
        ("gated", "values", partial(values, shared=True, **gated)),
        ("alpha", "two", partial(AlphaCombinerClassifier, two, cv=2)),
        ("alpha-hinge", "three", partial(AlphaCombinerClassifier, two, cv=2)),
        ("alpha", "values", partial(AlphaCombinerRegressor, numbers, cv=2)),
        ("L1SVC", "two", L1SVC),
        ("L1SVC", "three", L1SVC),
        ("L1SVR", "values", L1SVR),
        ("coder-lasso", "none", partial(SparseCoder, 4, **code)),
        ("coder-kmeans", "none", partial(SparseCoder, 4, dictionary="kmeans", **code)),
        (
            "coder-omp",
            "none",
            partial(SparseCoder, 4, method="omp", dictionary="sample", random_state=0),
        ),
        ("coder-patches", "none", patches),
        ("coder-net", "none", partial(SparseCoder, 4, method="elastic_net", **code)),
        ("selector-t", "three", partial(SparseFeatureSelector, "t_test", k=2)),
        ("selector-t", "values", partial(SparseFeatureSelector, "t_test", k=2)),
        (
            "selector-kmeans",
            "none",
            partial(SparseFeatureSelector, "kmeans", k=2, random_state=0),
        ),
        ("selector-dbscan", "two", partial(SparseFeatureSelector, "dbscan", k=2)),
    ]:
        gate = "own" if name.startswith("gated") else ""
        yield Model(f"{name}-{target}", make, target, gate=gate)


PAIRS = list(_pairs())
MODELS = PAIRS + list(_others())


def says(model, X):
    """Return all that a fitted model says of X, as one array."""
    if hasattr(model, "transform"):
        answer = model.transform(X)
        return answer.toarray() if issparse(answer) else np.asarray(answer)
    answers = [model.predict(X).reshape(X.shape[0], -1)]
    if hasattr(model, "classes_"):
        answers = [(answers[0] == model.classes_).astype(float)]
    for name in ("predict_proba", "decision_function"):
        if hasattr(model, name):
            answers.append(getattr(model, name)(X).reshape(X.shape[0], -1))
    if hasattr(model, "route"):
        answers.append(model.route(X).toarray())
    return np.hstack(answers)
