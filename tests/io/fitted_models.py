"""Fitted models of every public estimator, with rows to ask them about."""

import numpy as np
from sklearn.cluster import DBSCAN, KMeans
from sklearn.datasets import make_blobs
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skexperts as sx

X, segments = make_blobs(240, 5, centers=4, random_state=0)
X = np.column_stack([X, segments])
signal = X[:, 0] * np.where(segments % 2, 1.0, -1.0) + X[:, 1]
LABELS = np.array(["low", "mid", "high"])[np.digitize(signal, [-4.0, 4.0])]
TWO = signal > 0
VALUES = signal + 0.1 * X[:, 2]
TEXTS = ["good food slow service", "slow food good service today"]
MANY = np.column_stack([VALUES, X[:, :4]])

SMALL = {"n_experts": 3, "random_state": 0}
GATED = {"n_experts": 3, "max_iter": 3, "random_state": 0}


def classifier(**options):
    return sx.PartitionedExpertsClassifier(**{**SMALL, **options}).fit(X, LABELS)


def regressor(y=VALUES, **options):
    return sx.PartitionedExpertsRegressor(**{**SMALL, **options}).fit(X, y)


def gate(kind):
    affinity = -((X[:, [0]] - np.array([-2.0, 0.0, 2.0])) ** 2)
    return kind.fit(X, affinity)


# What every format holds.
FLAT = {
    "l1_svc": lambda: sx.L1SVC().fit(X, LABELS),
    "l1_svr": lambda: sx.L1SVR().fit(X, VALUES),
    "l1_svc_cv": lambda: sx.L1SVCCV(Cs=3, cv=2).fit(X, TWO),
    "l1_svr_cv": lambda: sx.L1SVRCV(Cs=3, cv=2).fit(X, VALUES),
    "classifier": classifier,
    "float32": lambda: sx.PartitionedExpertsClassifier(**SMALL).fit(
        X.astype(np.float32), LABELS
    ),
    "objects": lambda: sx.PartitionedExpertsClassifier(**SMALL).fit(
        X, LABELS.astype(object)
    ),
    "class weights": lambda: classifier(class_weight="balanced"),
    "probability": lambda: classifier(expert=LogisticRegression(), gate="softmax"),
    "alpha": lambda: classifier(combiner=sx.AlphaCombinerClassifier(cv=2)),
    "auto": lambda: classifier(n_experts="auto", cv=2),
    "rounds": lambda: classifier(gate=sx.SigmoidGate(target="competence"), n_rounds=2),
    "regressor": lambda: regressor(expert=Ridge(), gate=sx.HardGate()),
    "outputs": lambda: regressor(MANY, expert=Ridge()),
    "sharing": lambda: regressor(sharing="deviation", deviation_penalty=np.inf),
    "segments": lambda: regressor(
        partitioner=sx.ColumnPartitioner(5), n_experts=None, sharing="deviation"
    ),
    "random": lambda: classifier(partitioner=sx.RandomPartitioner()),
    "groups": lambda: classifier(partitioner=sx.FeatureGroups()),
    "groups by hand": lambda: classifier(
        partitioner=sx.FeatureGroups([[0, 1], [-1, 2]]), n_experts=None
    ),
    "kmeans": lambda: classifier(partitioner=KMeans(n_init=1)),
    "mixture": lambda: regressor(partitioner=GaussianMixture()),
    "dbscan": lambda: classifier(
        partitioner=DBSCAN(eps=1.0), n_experts=None, gate="softmax"
    ),
    "pipelines": lambda: regressor(
        expert=make_pipeline(StandardScaler(), Ridge()),
        partitioner=make_pipeline(StandardScaler(), KMeans(n_init=1)),
    ),
    "one": lambda: regressor(n_experts=1),
    "outside": lambda: make_pipeline(StandardScaler(), sx.L1SVC()).fit(X, LABELS),
    "gated": lambda: sx.GatedExpertsClassifier(**GATED).fit(X, LABELS),
    "gated two": lambda: sx.GatedExpertsClassifier(
        loss="squared_hinge", gate="sigmoid", early_stopping=True, **GATED
    ).fit(X, TWO),
    "gated values": lambda: sx.GatedExpertsRegressor(
        shared=True, n_estimators=2, **GATED
    ).fit(X, VALUES),
    "gated outputs": lambda: sx.GatedExpertsRegressor(**GATED).fit(X, MANY),
    "coder": lambda: sx.SparseCoder(6, random_state=0).fit(X),
    "stream": lambda: sx.SparseCoder(6, random_state=0).partial_fit(X),
    "alpha classifier": lambda: sx.AlphaCombinerClassifier(
        [("svc", sx.L1SVC()), ("logistic", LogisticRegression())]
    ).fit(X, LABELS),
    "alpha regressor": lambda: sx.AlphaCombinerRegressor(
        [("svr", sx.L1SVR()), ("ridge", Ridge())]
    ).fit(X, VALUES),
    "coder omp": lambda: sx.SparseCoder(
        6, method="omp", dictionary="sample", random_state=0
    ).fit(X),
    "coder identity": lambda: sx.SparseCoder(
        dictionary="identity", method="threshold"
    ).fit(X),
    "patches": lambda: sx.PatchSparseCoder(
        4, image_shape=(2, 3), patch_shape=2, pool_grid=(1, 2), random_state=0
    ).fit(X),
    "patches omp": lambda: sx.PatchSparseCoder(
        1,
        image_shape=(2, 3),
        patch_shape=(1, 2),
        contrast_eps=None,
        whiten_eps=None,
        method="omp",
        pool_grid=None,
        sparse_output=True,
        random_state=0,
    ).fit(X),
    "coded": lambda: make_pipeline(
        sx.SparseCoder(6, random_state=0), sx.PartitionedExpertsClassifier(**SMALL)
    ).fit(X, LABELS),
    "task": lambda: sx.TaskDrivenSparseCoder(6, max_iter=2, random_state=0).fit(
        X, LABELS
    ),
    "task values": lambda: sx.TaskDrivenSparseCoder(
        6, max_iter=2, random_state=0, sparse_output=False
    ).fit(X, VALUES),
    "selector": lambda: sx.SparseFeatureSelector().fit(X, LABELS),
    "softmax": lambda: gate(sx.SoftmaxGate()),
    "sigmoid": lambda: gate(sx.SigmoidGate()),
    "distance": lambda: gate(sx.DistanceGate("auto")),
    "hard": lambda: gate(sx.HardGate()),
    "column": lambda: sx.ColumnPartitioner(5).fit(X),
    "random cells": lambda: sx.RandomPartitioner(3).fit(X),
    "feature groups": lambda: sx.FeatureGroups(2).fit(X),
}
# What a flat file does not hold, or not all of it.
OTHERS = {
    "texts": lambda: sx.SegmentVectorizer(n_segments=2).fit(TEXTS),
    "tree": lambda: sx.TreePartitioner(3, random_state=0).fit(X, VALUES),
    "partitioned by a tree": lambda: regressor(partitioner=sx.TreePartitioner()),
    "task stream": lambda: sx.TaskDrivenSparseCoder(6, random_state=0).partial_fit(
        X, LABELS
    ),
    "gated stream": lambda: sx.GatedExpertsClassifier(**GATED).partial_fit(
        X, LABELS, classes=["low", "mid", "high"]
    ),
}


def answers(model):
    """Yield what a model says of the rows, by every method it has."""
    rows = TEXTS if isinstance(model, sx.SegmentVectorizer) else X
    for name in ("predict", "predict_proba", "decision_function", "transform"):
        if hasattr(model, name):
            yield getattr(model, name)(rows)
    if hasattr(model, "affinity"):
        yield model.affinity(X)
    if hasattr(model, "gate_weights"):
        yield model.gate_weights(X, -np.abs(X[:, [0, 1, 2]]))
    if hasattr(model, "route"):
        yield model.route(X)
        yield model.expert_outputs(X)
    yield from getattr(model, "deviation_", [])


def assert_same(one, other):
    """Both models say the same, bit for bit."""
    assert type(one) is type(other)
    pairs = list(zip(answers(one), answers(other), strict=True))
    assert pairs
    for mine, its in pairs:
        if hasattr(mine, "toarray"):
            mine, its = mine.toarray(), its.toarray()
        assert mine.dtype == its.dtype
        np.testing.assert_array_equal(mine, its)
