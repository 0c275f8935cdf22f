"""Weights of classes, missing values and several targets."""

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_diabetes, load_wine
from sklearn.ensemble import (
    BaggingClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    VotingClassifier,
)
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import TunedThresholdClassifierCV
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeRegressor
from sklearn.utils import get_tags
from sklearn.utils.class_weight import compute_sample_weight

from skexperts import (
    AlphaCombinerRegressor,
    PartitionedExpertsClassifier,
    PartitionedExpertsRegressor,
    RandomPartitioner,
    SoftmaxGate,
    TreePartitioner,
)


def wine():
    X, y = load_wine(return_X_y=True)
    return StandardScaler().fit_transform(X), y


def targets(n_targets=3):
    X, y = load_diabetes(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    return X, np.column_stack([y, X[:, 0] * 2 + 1, X[:, 1] - X[:, 2]])[:, :n_targets]


# Weights of classes -------------------------------------------------------------------


@pytest.mark.parametrize("class_weight", ["balanced", {0: 2.0, 1: 1.0, 2: 0.5}])
@pytest.mark.parametrize("weighted", [False, True])
def test_class_weights_are_sample_weights(class_weight, weighted):
    X, y = wine()
    given = np.arange(len(y)) % 3 if weighted else None
    kept = slice(None) if given is None else given > 0
    factors = np.zeros(len(y))
    if class_weight == "balanced" and weighted:
        totals = np.bincount(y, given)
        factors = given.sum() / (3 * totals[y])
    else:
        factors[kept] = compute_sample_weight(class_weight, y[kept])
    own = PartitionedExpertsClassifier(class_weight=class_weight, random_state=0)
    plain = PartitionedExpertsClassifier(random_state=0)
    own.fit(X, y, sample_weight=given)
    plain.fit(X, y, sample_weight=factors if given is None else factors * given)
    np.testing.assert_allclose(
        own.decision_function(X), plain.decision_function(X), rtol=1e-9, atol=1e-9
    )


def test_class_weights_that_cannot_be():
    X, y = wine()
    with pytest.raises(ValueError, match="class_weight must be finite"):
        PartitionedExpertsClassifier(class_weight={0: -1}).fit(X, y)
    with pytest.raises(ValueError, match="no sample weights"):
        expert = BaggingClassifier(SVC())
        model = PartitionedExpertsClassifier(expert, class_weight="balanced")
        model.set_params(expert=_WithoutWeights()).fit(X, y)


class _WithoutWeights(LogisticRegression):
    def fit(self, X, y):
        return super().fit(X, y)


# Missing values -----------------------------------------------------------------------


def test_missing_values_reach_experts_that_take_them():
    X, y = wine()
    X[::5, 2] = np.nan
    model = PartitionedExpertsClassifier(
        HistGradientBoostingClassifier(max_iter=5, random_state=0),
        partitioner=RandomPartitioner(2, random_state=0),
    )
    assert get_tags(model).input_tags.allow_nan
    assert model.fit(X, y).score(X, y) > 0.9
    own = model.partitioner_.labels_ == 0
    alone = HistGradientBoostingClassifier(max_iter=5, random_state=0)
    alone.fit(X[own], y[own])
    first = model.experts_[0].predict_proba(X)
    np.testing.assert_allclose(
        first, alone.set_params(random_state=0).predict_proba(X), rtol=1e-12
    )


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"partitioner": RandomPartitioner(2), "expert": Ridge()},
        {
            "partitioner": RandomPartitioner(2),
            "expert": HistGradientBoostingRegressor(max_iter=2),
            "gate": "softmax",
        },
    ],
    ids=["k-means", "expert", "gate"],
)
def test_missing_values_are_refused_where_one_part_cannot_take_them(options):
    X, y = load_diabetes(return_X_y=True)
    X[0, 0] = np.nan
    model = PartitionedExpertsRegressor(**options)
    assert not get_tags(model).input_tags.allow_nan
    with pytest.raises(ValueError, match="Input X contains NaN"):
        model.fit(X, y)


def test_infinity_is_refused_everywhere():
    X, y = load_diabetes(return_X_y=True)
    X[0, 0] = np.inf
    model = PartitionedExpertsRegressor(
        HistGradientBoostingRegressor(max_iter=2),
        partitioner=RandomPartitioner(2, random_state=0),
    )
    with pytest.raises(ValueError, match="infinity"):
        model.fit(X, y)


# Several targets ----------------------------------------------------------------------


@pytest.mark.parametrize("n_targets", [1, 3])
@pytest.mark.parametrize("expert", [Ridge(), DecisionTreeRegressor(max_depth=2)])
def test_several_targets_are_as_many_models(expert, n_targets):
    X, Y = targets(n_targets)
    model = PartitionedExpertsRegressor(LinearRegression(), random_state=0).fit(X, Y)
    assert model.predict(X).shape == Y.shape
    for k in range(n_targets):
        one = PartitionedExpertsRegressor(LinearRegression(), random_state=0)
        np.testing.assert_allclose(
            model.predict(X)[:, k], one.fit(X, Y[:, k]).predict(X), atol=1e-8
        )
    other = PartitionedExpertsRegressor(expert, random_state=0).fit(X, Y)
    assert other.predict(X).shape == Y.shape


@pytest.mark.parametrize(
    "options",
    [
        {"gate": SoftmaxGate(target="competence"), "n_experts": 3},
        {"combiner": AlphaCombinerRegressor(cv=3), "n_experts": 3},
        {"n_experts": "auto"},
        {"partitioner": TreePartitioner(3)},
    ],
    ids=["competence", "alpha", "auto", "tree"],
)
def test_several_targets_with_all_that_is_learned(options):
    X, Y = targets()
    model = PartitionedExpertsRegressor(Ridge(), random_state=0, **options).fit(X, Y)
    assert model.score(X, Y) > 0.5


def test_one_target_only():
    X, Y = targets()
    assert not get_tags(PartitionedExpertsRegressor()).target_tags.multi_output
    with pytest.raises(ValueError, match="y should be a 1d array"):
        PartitionedExpertsRegressor().fit(X, Y)


# On top -------------------------------------------------------------------------------


def test_others_work_on_top():
    X, y = wine()
    model = PartitionedExpertsClassifier(n_experts=3, random_state=0)
    calibrated = CalibratedClassifierCV(model, cv=3).fit(X, y)
    assert calibrated.score(X, y) > 0.9
    tuned = TunedThresholdClassifierCV(model, cv=3).fit(X, y == 1)
    assert tuned.score(X, y == 1) > 0.9
    vote = VotingClassifier([("a", model), ("b", LogisticRegression())], voting="soft")
    assert vote.fit(X, y).score(X, y) > 0.9
    bag = BaggingClassifier(model, n_estimators=3, random_state=0).fit(X, y)
    assert bag.score(X, y) > 0.9
    importance = permutation_importance(model.fit(X, y), X, y, n_repeats=2)
    assert importance.importances_mean.max() > 0
