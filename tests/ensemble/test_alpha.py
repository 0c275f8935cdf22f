"""Weights of the experts on top of the gate."""

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_wine
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor

from skexperts.combine import AlphaCombinerClassifier, AlphaCombinerRegressor
from skexperts.ensemble import PartitionedExpertsClassifier, PartitionedExpertsRegressor
from skexperts.partition import FeatureGroups, RandomPartitioner


def wine():
    X, y = load_wine(return_X_y=True)
    return StandardScaler().fit_transform(X), y


def diabetes():
    X, y = load_diabetes(return_X_y=True)
    return StandardScaler().fit_transform(X), y


def test_a_given_alpha_multiplies_the_gate_weights():
    X, y = wine()
    alpha = [0.1, 0.2, 0.3, 0.4]
    common = {"n_experts": 4, "top_k": 3, "random_state": 0}
    plain = PartitionedExpertsClassifier(**common).fit(X, y)
    weighted = PartitionedExpertsClassifier(
        combiner=AlphaCombinerClassifier(alpha=alpha, loss="squared_hinge"), **common
    ).fit(X, y)
    np.testing.assert_allclose(weighted.alpha_, alpha)
    expected = plain.route(X).toarray() * alpha
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(weighted.route(X).toarray(), expected, rtol=1e-12)
    for one, other in zip(plain.experts_, weighted.experts_, strict=True):
        np.testing.assert_array_equal(one.coef_, other.coef_)


@pytest.mark.parametrize("partitioner", [FeatureGroups, RandomPartitioner])
def test_a_committee_is_what_the_combiner_of_its_members_is(partitioner):
    """With all experts for every row, alpha solves the convex problem of a combiner."""
    X, y = diabetes()
    splits = [
        (np.flatnonzero(np.arange(len(y)) % 3 != f), np.arange(f, len(y), 3))
        for f in range(3)
    ]
    model = PartitionedExpertsRegressor(
        Ridge(),
        partitioner=partitioner(4, random_state=0),
        combiner=AlphaCombinerRegressor(cv=splits),
    ).fit(X, y)
    groups = getattr(model.partitioner_, "feature_groups_", None)
    outputs = np.empty((len(y), 4))
    for k in range(4):
        columns = np.arange(X.shape[1]) if groups is None else groups[k]
        for train, test in splits:
            own = train if groups else train[model.partitioner_.labels_[train] == k]
            expert = Ridge().fit(X[np.ix_(own, columns)], y[own])
            outputs[test, k] = expert.predict(X[np.ix_(test, columns)])

    def loss(alpha):
        return np.mean((outputs @ alpha - y) ** 2)

    assert loss(model.alpha_) < loss(np.full(4, 0.25))
    # Wolfe gap: no other point of the simplex is better by more than that.
    gradient = 2 * outputs.T @ (outputs @ model.alpha_ - y) / len(y)
    gap = gradient @ model.alpha_ - gradient.min()
    assert gap < 1e-4 * loss(model.alpha_)


def test_alpha_lowers_the_weight_of_an_expert_that_is_wrong():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 2))
    y = X[:, 0].copy()
    noisy = X[:, 1] > 0.5
    y[noisy] = rng.normal(size=noisy.sum()) * 5
    model = PartitionedExpertsRegressor(
        DecisionTreeRegressor(random_state=0),
        partitioner=lambda X: (X[:, 1] > 0.5).astype(int),
        gate="hard",
        combiner=AlphaCombinerRegressor(cv=4),
    ).fit(X, y)
    # Each row has one expert: alpha changes nothing.
    np.testing.assert_allclose(model.route(X).data, 1)
    soft = PartitionedExpertsRegressor(
        DecisionTreeRegressor(random_state=0),
        n_experts=2,
        top_k=2,
        combiner=AlphaCombinerRegressor(cv=4),
        random_state=0,
    ).fit(X, y)
    wild = int(soft.partitioner_.cluster_centers_[:, 1].argmax())
    assert soft.alpha_[wild] < 0.3


def test_weights_reach_alpha():
    X, y = diabetes()
    weights = np.arange(len(y)) % 3
    kept = np.flatnonzero(weights)
    common = {
        "partitioner": FeatureGroups(3, random_state=0),
        "combiner": AlphaCombinerRegressor(cv=3),
        "random_state": 0,
    }
    one = PartitionedExpertsRegressor(Ridge(), **common)
    one.fit(X, y, sample_weight=weights)
    other = PartitionedExpertsRegressor(Ridge(), **common)
    other.fit(X[kept], y[kept], sample_weight=weights[kept])
    np.testing.assert_allclose(one.alpha_, other.alpha_, rtol=1e-6)


def test_combiners_that_cannot_be_used():
    X, y = wine()
    with pytest.raises(TypeError, match="combiner"):
        PartitionedExpertsClassifier(combiner=AlphaCombinerRegressor()).fit(X, y)
    with pytest.raises(ValueError, match="prefit.*Use a number of folds"):
        PartitionedExpertsClassifier(combiner=AlphaCombinerClassifier(cv="prefit")).fit(
            X, y
        )
    with pytest.raises(ValueError, match="one weight for each of the 2"):
        PartitionedExpertsClassifier(
            n_experts=2,
            combiner=AlphaCombinerClassifier(alpha=[0.2, 0.3, 0.5]),
            random_state=0,
        ).fit(X, y)
    with pytest.raises(ValueError, match="non-empty list"):
        AlphaCombinerClassifier().fit(X, y)


@pytest.mark.parametrize(
    "parameter", [{"alpha": "equal"}, {"loss": "hinge"}, {"tol": "x"}, {"cv": 1}]
)
def test_the_parameters_of_the_combiner_are_checked(parameter):
    X, y = wine()
    model = PartitionedExpertsClassifier(combiner=AlphaCombinerClassifier(**parameter))
    (name,) = parameter
    with pytest.raises(ValueError, match=f"'{name}' parameter of AlphaCombinerClass"):
        model.fit(X, y)


def test_a_refit_without_combiner_forgets_alpha():
    X, y = wine()
    model = PartitionedExpertsClassifier(
        LogisticRegression(), combiner=AlphaCombinerClassifier(cv=2), random_state=0
    ).fit(X, y)
    assert model.alpha_.sum() == pytest.approx(1)
    model.set_params(combiner=None).fit(X, y)
    assert not hasattr(model, "alpha_")
    plain = PartitionedExpertsClassifier(LogisticRegression(), random_state=0)
    np.testing.assert_array_equal(
        plain.fit(X, y).predict_proba(X), model.predict_proba(X)
    )
