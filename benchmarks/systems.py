"""The systems that ``compare_systems`` measures: data, models and baselines."""

from functools import partial

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer, StandardScaler
from sklearn.svm import LinearSVC

from benchmarks.data import load_split
from benchmarks.ratings import bias, load_pairs
from skexperts import (
    L1SVC,
    L1SVR,
    AlphaCombinerClassifier,
    FeatureGroups,
    GatedExpertsClassifier,
    GatedExpertsRegressor,
    PartitionedExpertsClassifier,
    PartitionedExpertsRegressor,
    RandomPartitioner,
    SegmentVectorizer,
    SparseCoder,
    SparseFeatureSelector,
)
from skexperts.datasets import load_banking77, load_sms_spam
from skexperts.ensemble import prune_experts

MNIST_ROWS = 10_000


class Pruned(BaseEstimator):
    """A model whose weights are pruned by a fifth of the rows it is not fitted on."""

    def __init__(self, model):
        self.model = model

    def fit(self, X, y):
        X, X_held, y, y_held = train_test_split(X, y, test_size=0.2, random_state=0)
        fitted = clone(self.model).fit(X, y)
        self.model_ = prune_experts(fitted, X_held, y_held)
        return self

    def predict(self, X):
        return self.model_.predict(X)


def mnist():
    """Return 10 000 training rows and all test rows, pixels from 0 to 1."""
    X, y, X_test, y_test = load_split("mnist")
    rows = np.random.default_rng(0).permutation(len(X))[:MNIST_ROWS]
    y, y_test = np.asarray(y, dtype=int), np.asarray(y_test, dtype=int)
    return X[rows] / 255, y[rows], X_test / 255, y_test


def digits():
    """Return scikit-learn's digits, 80/20."""
    X, y = load_digits(return_X_y=True)
    X, X_test, y, y_test = train_test_split(X / 16, y, test_size=0.2, random_state=0)
    return X, y, X_test, y_test


def speech():
    """Return spectrograms of 24 x 32 values, each of mean 0 and variance 1."""
    X, y, X_test, y_test = load_split("fsdd_logmel")
    X, X_test = (
        (part - part.mean(axis=1, keepdims=True)) / part.std(axis=1, keepdims=True)
        for part in (X, X_test)
    )
    return X, y, X_test, y_test


def banking():
    """Return texts and their intents, the official split."""
    train = load_banking77(subset="train", return_X_y=True)
    return *train, *load_banking77(subset="test", return_X_y=True)


def spam():
    """Return short messages, 80/20."""
    X, y = load_sms_spam(return_X_y=True)
    X, X_test, y, y_test = train_test_split(
        X, y, test_size=0.2, stratify=y, random_state=0
    )
    return X, y, X_test, y_test


def coded(front, coder, linear, network):
    """Return a baseline on what the coder gets, and experts on codes."""
    cells = {"n_experts": 5, "top_k": 2, "random_state": 0}
    models = {
        "one linear model": linear,
        "codes, one linear model": make_pipeline(coder, linear),
        "codes, 5 linear experts": make_pipeline(
            coder, PartitionedExpertsClassifier(linear, **cells)
        ),
        "codes, 5 neural experts": make_pipeline(
            coder, PartitionedExpertsClassifier(network, **cells)
        ),
    }
    return {name: make_pipeline(*front, model) for name, model in models.items()}


def network(n_hidden):
    """Return a neural network that stops when it gains little."""
    return MLPClassifier(
        (n_hidden,), learning_rate_init=0.01, tol=0.01, n_iter_no_change=3,
        random_state=0,
    )  # fmt: skip


def gated_codes(coder):
    return make_pipeline(coder, GatedExpertsClassifier(16, random_state=0))


def in_parts():
    """Return a network of all rows, five of random parts and of clusters, pruned."""
    linear = LogisticRegression(C=0.1, max_iter=100)
    kinds = {
        "random": RandomPartitioner(5, random_state=0),
        "k-means": KMeans(5, random_state=0),
    }
    models = {"one linear model": linear, "one neural network": network(64)}
    for kind, partitioner in kinds.items():
        five = partial(
            PartitionedExpertsClassifier,
            partitioner=partitioner,
            top_k=2,
            random_state=0,
        )
        models[f"5 parts, {kind}, linear"] = five(linear)
        models[f"5 parts, {kind}, neural"] = five(network(64))
        models[f"5 parts, {kind}, neural, pruned"] = Pruned(five(network(64)))
        models[f"5 parts, {kind}, neural, vector alpha"] = five(
            network(64), combiner=AlphaCombinerClassifier()
        )
    pair = [("linear", linear), ("neural", network(64))]
    models["alpha y1 + (1 - alpha) y2, alpha = 0.5"] = AlphaCombinerClassifier(
        pair, alpha=[0.5, 0.5]
    )
    models["alpha y1 + (1 - alpha) y2, learned"] = AlphaCombinerClassifier(pair)
    return models


def clustered(front, n_cells):
    """Return an L1-SVM, and one for each cluster of sparse codes."""
    coder = SparseCoder(128, alpha=0.3, random_state=0)
    cells = {"n_experts": n_cells, "top_k": 2, "random_state": 0}
    models = {
        "L1SVC": L1SVC(C=0.1),
        "codes, L1SVC": make_pipeline(coder, L1SVC(C=0.1)),
        f"codes, k-means of {n_cells}, L1SVC each": make_pipeline(
            coder, PartitionedExpertsClassifier(L1SVC(C=0.1), **cells)
        ),
    }
    return {name: make_pipeline(*front, model) for name, model in models.items()}


def selected(k):
    """Return sigmoid gates on features chosen by statistics, graph or clusters."""
    gates = GatedExpertsClassifier(16, gate="sigmoid", shared=True, random_state=0)
    models = {
        "one linear model": LogisticRegression(C=0.1, max_iter=200),
        "sigmoid gates, all features": gates,
    }
    for strategy in ("t_test", "logistic", "pagerank", "kmeans"):
        selector = SparseFeatureSelector(strategy, k=k, random_state=0)
        models[f"{k} features, {strategy}, linear"] = make_pipeline(
            selector, LogisticRegression(C=0.1, max_iter=200)
        )
        models[f"{k} features, {strategy}, sigmoid gates"] = make_pipeline(
            selector, gates
        )
    return {
        name: make_pipeline(StandardScaler(), model) for name, model in models.items()
    }


def in_segments(n_segments, sub_model):
    """Return a model of whole texts, and one for each part of them."""
    whole = TfidfVectorizer(min_df=2, sublinear_tf=True)
    parts = SegmentVectorizer(whole, n_segments=n_segments)
    experts = PartitionedExpertsClassifier(
        sub_model,
        partitioner=FeatureGroups(n_segments, contiguous=True),
        random_state=0,
    )
    learned = clone(experts).set_params(combiner=AlphaCombinerClassifier())
    return {
        "one model of the whole text": make_pipeline(whole, sub_model),
        f"{n_segments} parts, equal weights": make_pipeline(parts, experts),
        f"{n_segments} parts, learned weights": make_pipeline(parts, learned),
    }


def softmax_gate():
    gated = GatedExpertsClassifier(3, top_k=3, random_state=0)
    return make_pipeline(TfidfVectorizer(min_df=2, sublinear_tf=True), gated)


def topics():
    """Return experts of the topics of texts, on words."""
    partitioner = make_pipeline(
        TruncatedSVD(50, random_state=0), Normalizer(), KMeans(10, random_state=0)
    )
    experts = PartitionedExpertsClassifier(
        LinearSVC(random_state=0), partitioner=partitioner, top_k=3
    )
    return make_pipeline(TfidfVectorizer(min_df=2, sublinear_tf=True), experts)


def recommenders():
    """Return the bias model, and models of the same description of pairs."""
    gated = GatedExpertsRegressor(16, top_k=8, max_iter=20, random_state=0)
    averaged = clone(gated).set_params(n_estimators=4)
    cells = PartitionedExpertsRegressor(
        L1SVR(C=0.01, epsilon=0), n_experts=8, top_k=3, random_state=0
    )
    trees = HistGradientBoostingRegressor(max_iter=200, random_state=0)
    models = {"Ridge": Ridge(10), "8 cells, L1SVR each": cells}
    models |= {"gated experts": gated, "gated experts, 4 averaged": averaged}
    models = {
        name: make_pipeline(StandardScaler(), model) for name, model in models.items()
    }
    return {"bias model": bias(), "HistGradientBoosting": trees} | models


def systems():
    """Return, for each system, names of data, how to load them, and models."""
    logistic = LogisticRegression(C=0.1, max_iter=500)
    mnist_coder = SparseCoder(256, alpha=0.5, random_state=0)
    digit_coder = SparseCoder(128, alpha=0.1, random_state=0)
    speech_coder = SparseCoder(256, alpha=3.0, positive=True, random_state=0)
    scaled, svd = [StandardScaler()], TruncatedSVD(100, random_state=0)
    words = [TfidfVectorizer(min_df=2, sublinear_tf=True), svd, Normalizer()]
    text_coder = SparseCoder(300, alpha=0.05, random_state=0)
    linear_svc = LinearSVC(random_state=0, tol=0.01)
    gated = "codes, 16 gated experts"
    return {
        1: [
            (
                "digits",
                digits,
                coded([], digit_coder, logistic, network(32))
                | {gated: gated_codes(digit_coder)},
            ),
            (
                "mnist",
                mnist,
                coded([], mnist_coder, logistic, network(64))
                | {gated: gated_codes(mnist_coder)},
            ),
            (
                "fsdd_logmel",
                speech,
                coded(scaled, speech_coder, logistic, network(64)),
            ),
            (
                "banking77",
                banking,
                {"LinearSVC on words": make_pipeline(words[0], linear_svc)}
                | coded(words, text_coder, linear_svc, network(100))
                | {"experts of 10 topics on words": topics()},
            ),
        ],
        2: [("mnist", mnist, in_parts())],
        3: [
            ("digits", digits, clustered([], 5)),
            ("mnist", mnist, clustered([PCA(64, random_state=0)], 10)),
        ],
        4: [("digits", digits, selected(32)), ("fsdd_logmel", speech, selected(128))],
        5: [
            (
                "sms_spam",
                spam,
                in_segments(3, LogisticRegression(C=30, class_weight="balanced"))
                | {"softmax gate": softmax_gate()},
            ),
            ("banking77", banking, in_segments(2, LogisticRegression(C=30))),
        ],
        6: [("movielens_small", load_pairs, recommenders())],
    }


SYSTEMS = systems()
