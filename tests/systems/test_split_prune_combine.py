"""Split in five parts, an expert a part, pruned, combined by alpha: digits."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.neural_network import MLPClassifier

from skexperts import (
    AlphaCombinerClassifier,
    PartitionedExpertsClassifier,
    RandomPartitioner,
)
from skexperts.ensemble import prune_experts

EXPERTS = {
    "linear": LogisticRegression(max_iter=500),
    "neural": MLPClassifier((16,), max_iter=100, learning_rate_init=0.02, tol=1e-3),
}
SPLITS = {"random": RandomPartitioner(5), "kmeans": KMeans(5)}


@pytest.fixture(scope="module")
def rows():
    X, y = load_digits(return_X_y=True)
    X, X_test, y, y_test = train_test_split(
        X / 16, y, test_size=400, stratify=y, random_state=0
    )
    X, X_valid, y, y_valid = train_test_split(
        X, y, test_size=300, stratify=y, random_state=0
    )
    return X, X_valid, X_test, y, y_valid, y_test


@pytest.fixture(scope="module")
def models(rows):
    X, _, _, y, _, _ = rows
    return {
        (kind, split): PartitionedExpertsClassifier(
            expert, partitioner=partitioner, random_state=0
        ).fit(X, y)
        for kind, expert in EXPERTS.items()
        for split, partitioner in SPLITS.items()
    }


@pytest.mark.parametrize("kind", EXPERTS)
def test_clusters_are_worth_more_than_random_parts(rows, models, kind):
    _, _, X_test, _, _, y_test = rows
    by_chance = models[kind, "random"]
    found = models[kind, "kmeans"]
    assert by_chance.n_experts_ == found.n_experts_ == 5
    assert by_chance.score(X_test, y_test) > 0.88
    assert found.score(X_test, y_test) > by_chance.score(X_test, y_test)


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("kind", EXPERTS)
def test_pruned_experts_are_nearly_as_good_as_dense_ones(rows, models, kind, split):
    _, X_valid, X_test, _, y_valid, y_test = rows
    model = models[kind, split]
    dense = model.score(X_test, y_test)
    chosen = prune_experts(model, X_valid, y_valid)
    density = chosen.pruning_report_["density"]
    assert 0 < density < 0.9
    assert chosen.score(X_test, y_test) > dense - 0.05
    by_hand = prune_experts(model, density=0.5)
    np.testing.assert_allclose(by_hand.pruning_report_["density"], 0.5, atol=1e-3)
    assert by_hand.score(X_test, y_test) > dense - 0.05
    assert prune_experts(model, density=0.0).score(X_test, y_test) < 0.5
    assert model.score(X_test, y_test) == dense


def test_a_threshold_leaves_no_smaller_weights(rows, models):
    pruned = prune_experts(models["linear", "random"], threshold=0.2)
    weights = np.concatenate([expert.coef_.ravel() for expert in pruned.experts_])
    assert np.abs(weights[weights != 0]).min() >= 0.2
    assert (weights == 0).any()


def test_a_scalar_alpha_by_hand_by_cross_validation_and_learned(rows, models):
    _, X_valid, X_test, _, y_valid, y_test = rows
    pair = [(kind, FrozenEstimator(models[kind, "kmeans"])) for kind in EXPERTS]
    alone = [model.score(X_test, y_test) for _, model in pair]
    by_hand = AlphaCombinerClassifier(pair, alpha=0.5).fit(X_valid, y_valid)
    np.testing.assert_allclose(
        by_hand.predict_proba(X_test),
        np.mean([model.predict_proba(X_test) for _, model in pair], axis=0),
    )
    search = GridSearchCV(
        AlphaCombinerClassifier(pair), {"alpha": np.linspace(0, 1, 5)}, cv=3
    ).fit(X_valid, y_valid)
    assert search.best_params_["alpha"] in np.linspace(0, 1, 5)
    learned = AlphaCombinerClassifier(pair, cv="prefit").fit(X_valid, y_valid)
    np.testing.assert_allclose(learned.alpha_.sum(), 1.0)
    for combined in (by_hand, search, learned):
        # The two models err on much the same images: there is little to gain.
        assert combined.score(X_test, y_test) > min(alone) - 0.02


def test_a_vector_alpha_of_five_pruned_experts(rows, models):
    # Equal weights are hard to beat where parts are random: learned ones have no higher
    # loss on the rows they are learned from, and are better than the mean expert.
    _, X_valid, X_test, _, y_valid, y_test = rows
    pruned = prune_experts(models["linear", "random"], density=0.5)
    parts = [(f"part {k}", expert) for k, expert in enumerate(pruned.experts_)]
    vector = AlphaCombinerClassifier(parts, cv="prefit").fit(X_valid, y_valid)
    assert vector.alpha_.shape == (5,)
    np.testing.assert_allclose(vector.alpha_.sum(), 1.0)
    assert (vector.alpha_ >= 0).all()
    assert log_loss(y_valid, vector.predict_proba(X_valid)) <= log_loss(
        y_valid, pruned.predict_proba(X_valid)
    )
    alone = [expert.score(X_test, y_test) for expert in pruned.experts_]
    assert vector.score(X_test, y_test) > np.mean(alone) + 0.01


def test_alpha_learned_inside_and_a_search_over_the_experts(rows):
    X, _, X_test, y, _, y_test = rows
    model = PartitionedExpertsClassifier(
        LogisticRegression(max_iter=500),
        partitioner=RandomPartitioner(5),
        combiner=AlphaCombinerClassifier(cv=2),
        random_state=0,
    )
    search = GridSearchCV(model, {"expert__C": [0.01, 1.0]}, cv=2).fit(X, y)
    assert search.best_params_ == {"expert__C": 1.0}
    best = search.best_estimator_
    np.testing.assert_allclose(best.alpha_.sum(), 1.0)
    assert best.score(X_test, y_test) > 0.88
    again = pickle.loads(pickle.dumps(best))
    np.testing.assert_array_equal(again.predict(X_test), best.predict(X_test))
    refit = clone(best).fit(X, y)
    np.testing.assert_array_equal(refit.alpha_, best.alpha_)
