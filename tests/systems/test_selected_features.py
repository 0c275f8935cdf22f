"""Few features of each strategy, in front of sigmoid gates and shared experts."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skexperts import GatedExpertsClassifier, SparseFeatureSelector

STRATEGIES = ["t_test", "logistic", "pagerank", "betweenness", "kmeans", "dbscan"]


@pytest.fixture(scope="module")
def rows():
    X, y = load_digits(return_X_y=True)
    return train_test_split(X, y, test_size=500, stratify=y, random_state=0)


def pipeline(strategy, init="uniform"):
    experts = GatedExpertsClassifier(
        n_experts=8,
        top_k=4,
        gate="sigmoid",
        init=init,
        shared=True,
        max_iter=25,
        random_state=0,
    )
    selector = SparseFeatureSelector(strategy, k=20, random_state=0)
    return make_pipeline(selector, StandardScaler(), experts)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_gated_experts_are_not_below_one_model_of_the_same_features(rows, strategy):
    if strategy in ("pagerank", "betweenness"):
        pytest.importorskip("networkx")
    X, X_test, y, y_test = rows
    model = pipeline(strategy).fit(X, y)
    assert 10 < model[0].support_.sum() <= 20
    one = make_pipeline(*model[:-1], LogisticRegression(max_iter=500)).fit(X, y)
    assert model.score(X_test, y_test) > one.score(X_test, y_test) - 0.02
    guess = DummyClassifier().fit(X, y).score(X_test, y_test)
    assert model.score(X_test, y_test) > guess + 0.7


@pytest.mark.parametrize("init", ["uniform", "normal"])
def test_gates_are_open_for_some_experts_and_all_share_one(rows, init):
    X, X_test, y, y_test = rows
    model = pipeline("t_test", init).fit(X, y)
    gates = model[-1].route(model[:-1].transform(X_test))
    np.testing.assert_allclose(gates.sum(axis=1), 1.0, rtol=1e-5)
    assert (np.diff(gates.indptr) == 4).all()
    assert model[-1].shared_coef_.shape == (10, 20)
    assert model.score(X_test, y_test) > 0.9


def test_weights_are_sigmoids_over_their_sum(rows):
    X, _, y, _ = rows
    model = pipeline("t_test").fit(X, y)
    selected = model[:-1].transform(X[:50])
    experts = model[-1]
    logits = selected @ experts.gate_coef_.T + experts.gate_intercept_
    gates = 1 / (1 + np.exp(-logits))
    gates[gates < np.sort(gates, axis=1)[:, [-4]]] = 0
    gates /= gates.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(experts.route(selected).toarray(), gates, atol=1e-4)


def test_clone_pickle_and_a_search_over_the_strategy(rows):
    X, X_test, y, _ = rows
    model = pipeline("t_test")
    grid = {"sparsefeatureselector__strategy": ["t_test", "kmeans"]}
    search = GridSearchCV(model, grid, cv=2).fit(X, y)
    assert search.best_params_ == {"sparsefeatureselector__strategy": "t_test"}
    best = search.best_estimator_
    again = pickle.loads(pickle.dumps(best))
    np.testing.assert_array_equal(again.predict(X_test), best.predict(X_test))
    refit = clone(best).fit(X, y)
    np.testing.assert_array_equal(refit.predict(X_test), best.predict(X_test))
