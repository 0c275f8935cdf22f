"""Sparse codes into experts that give class probabilities: images, speech, texts."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer, StandardScaler
from sklearn.svm import LinearSVC

from skexperts import (
    GatedExpertsClassifier,
    PartitionedExpertsClassifier,
    SparseCoder,
)
from skexperts.datasets import load_banking77, load_spoken_digits


def linear_experts():
    return PartitionedExpertsClassifier(
        LogisticRegression(max_iter=500), n_experts=3, top_k=2, random_state=0
    )


def neural_experts():
    network = MLPClassifier(
        (32,), learning_rate_init=0.01, tol=0.01, max_iter=500, random_state=0
    )
    return PartitionedExpertsClassifier(network, n_experts=3, top_k=2, random_state=0)


def gated_experts():
    return GatedExpertsClassifier(8, random_state=0)


@pytest.fixture(scope="module")
def images():
    X, y = load_digits(return_X_y=True)
    return train_test_split(X / 16, y, test_size=0.5, stratify=y, random_state=0)


@pytest.mark.parametrize("experts", [linear_experts, neural_experts, gated_experts])
def test_codes_of_images_are_as_good_as_pixels(images, experts):
    X, X_test, y, y_test = images
    baseline = LogisticRegression(max_iter=1000).fit(X, y).score(X_test, y_test)
    coder = SparseCoder(64, alpha=0.1, random_state=0)
    model = make_pipeline(coder, experts()).fit(X, y)
    assert model.score(X_test, y_test) > baseline - 0.02

    probabilities = model.predict_proba(X_test)
    assert probabilities.shape == (len(X_test), 10)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    again = pickle.loads(pickle.dumps(model)).predict_proba(X_test)
    np.testing.assert_array_equal(probabilities, again)
    twin = clone(model).fit(X, y)
    np.testing.assert_array_equal(probabilities, twin.predict_proba(X_test))

    codes = model[0].transform(X_test)
    assert 0 < codes.nnz < 0.4 * np.prod(codes.shape)


def test_penalty_of_codes_is_searched_together_with_the_experts(images):
    X, X_test, y, y_test = images
    coder = SparseCoder(32, random_state=0)
    grid = {
        "sparsecoder__alpha": [0.1, 3.0],
        "partitionedexpertsclassifier__expert__C": [1.0],
    }
    search = GridSearchCV(make_pipeline(coder, linear_experts()), grid, cv=2)
    search.fit(X, y)
    # A code that is nearly empty says nothing.
    assert search.best_params_["sparsecoder__alpha"] == 0.1
    assert search.score(X_test, y_test) > 0.9


def test_codes_of_speech():
    digits = load_spoken_digits()
    X, y = digits.data, digits.target
    X = (X - X.mean(axis=1, keepdims=True)) / X.std(axis=1, keepdims=True)
    train, test = slice(0, 2700, 2), slice(2700, None)
    linear = LogisticRegression(C=0.1, max_iter=500)
    baseline = make_pipeline(StandardScaler(), linear).fit(X[train], y[train])
    coder = SparseCoder(128, alpha=1.0, positive=True, random_state=0)
    model = make_pipeline(
        StandardScaler(),
        coder,
        PartitionedExpertsClassifier(linear, n_experts=3, top_k=2, random_state=0),
    ).fit(X[train], y[train])
    # Experts do not win here: they lose little.
    score = model.score(X[test], y[test])
    assert score > baseline.score(X[test], y[test]) - 0.05
    assert model[:-1].transform(X[test]).min() >= 0


@pytest.fixture(scope="module")
def texts():
    """Return the messages of twelve intents."""
    split = []
    for subset in ("train", "test"):
        X, y = load_banking77(subset=subset, return_X_y=True)
        rows = np.isin(y, np.unique(y)[:12])
        split += [X[rows], y[rows]]
    return split


def test_codes_of_latent_directions_of_texts(texts):
    X, y, X_test, y_test = texts
    front = [TfidfVectorizer(min_df=2), TruncatedSVD(40, random_state=0), Normalizer()]
    coder = SparseCoder(80, alpha=0.05, random_state=0)
    model = make_pipeline(*front, coder, linear_experts()).fit(X, y)
    baseline = make_pipeline(*front, LogisticRegression()).fit(X, y)
    assert model.score(X_test, y_test) > baseline.score(X_test, y_test) - 0.05


def test_experts_of_topics_read_words(texts):
    X, y, X_test, y_test = texts
    words, expert = TfidfVectorizer(min_df=2), LinearSVC(random_state=0)
    topics = make_pipeline(
        TruncatedSVD(20, random_state=0), Normalizer(), KMeans(4, random_state=0)
    )
    model = make_pipeline(
        words, PartitionedExpertsClassifier(expert, partitioner=topics, top_k=2)
    ).fit(X, y)
    baseline = make_pipeline(words, expert).fit(X, y)
    assert model.score(X_test, y_test) > baseline.score(X_test, y_test) - 0.04
    n_words = len(model[0].vocabulary_)
    assert all(e.n_features_in_ == n_words for e in model[-1].experts_)
