"""Gate and experts in turn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, clone
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from skexperts.datasets import make_piecewise_classification, make_piecewise_regression
from skexperts.ensemble import PartitionedExpertsClassifier, PartitionedExpertsRegressor
from skexperts.ensemble._fit_experts import stratified_folds
from skexperts.gating import DistanceGate, GateMixin, SigmoidGate, SoftmaxGate
from skexperts.partition import ColumnPartitioner, FeatureGroups, RandomPartitioner


def regions(n_samples=900, n_regions=4, **options):
    X, y = make_piecewise_classification(
        n_samples=n_samples, n_regions=n_regions, random_state=0, **options
    )
    return train_test_split(X, y, random_state=0)


class Noting(GateMixin, BaseEstimator):
    """A distance gate that keeps the competences it is told."""

    needs_competence = True

    def fit(self, X, affinity, cells=None, sample_weight=None, competence=None):
        self.told_ = competence
        self.distance_ = DistanceGate().fit(X, affinity)
        return self

    def gate_weights(self, X, affinity):
        return self.distance_.gate_weights(X, affinity)


class Blind(GateMixin, BaseEstimator):
    """A hard gate that never opens one cell."""

    def __init__(self, closed=1):
        self.closed = closed

    def fit(self, X, affinity, cells=None, sample_weight=None):
        return self

    def gate_weights(self, X, affinity):
        open_ = affinity.copy()
        open_[:, self.closed] = -np.inf
        return (open_ == open_.max(axis=1, keepdims=True)).astype(float)


def test_a_gate_that_does_not_learn_has_no_rounds():
    X, _, y, _ = regions()
    model = PartitionedExpertsClassifier(n_rounds=2)
    with pytest.raises(ValueError, match="n_rounds=2.*DistanceGate.*gate=.softmax."):
        model.fit(X, y)
    assert not hasattr(model, "experts_")


def test_competence_is_that_of_rows_not_seen():
    # The nearest neighbour of a row is the row itself, if it has been seen.
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(300, 2)), rng.integers(3, size=300)
    model = PartitionedExpertsClassifier(
        KNeighborsClassifier(1), n_experts=3, gate=Noting(), random_state=0
    ).fit(X, y)
    told = model.gate_.told_
    assert told.shape == (300, 3)
    assert told.min() > 0 and told.max() <= 1
    assert 0.2 < (told > 0.5).mean() < 0.5


def test_competence_of_values_falls_with_the_error():
    X, y = make_piecewise_regression(n_samples=600, n_regions=2, random_state=0)
    model = PartitionedExpertsRegressor(
        Ridge(), n_experts=2, gate=Noting(), random_state=0
    ).fit(X, y)
    told, own = model.gate_.told_, model.partitioner_.labels_
    best = told[np.arange(600), own]
    assert told.min() > 0 and told.max() <= 1
    assert best.mean() > told[np.arange(600), 1 - own].mean() + 0.2


@pytest.mark.parametrize(
    ("gate", "n_rounds"),
    [
        (SoftmaxGate(target="competence"), 1),
        (SoftmaxGate(target="competence"), 3),
        ("softmax", 3),
        (SigmoidGate(random_state=0), 3),
    ],
)
def test_rounds_find_what_distances_do_not_tell(gate, n_rounds):
    # The regions differ in one feature of twelve, and k-means sees all of them.
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1600, 12))
    sign = np.where(X[:, 0] > 0, 1, -1)
    y = (sign * X[:, 1] + X[:, 2] > 0).astype(int)
    common = {"n_experts": 4, "random_state": 0}
    plain = PartitionedExpertsClassifier(LogisticRegression(), **common)
    learned = PartitionedExpertsClassifier(
        LogisticRegression(), gate=gate, n_rounds=n_rounds, **common
    )
    before = plain.fit(X[:1200], y[:1200]).score(X[1200:], y[1200:])
    after = learned.fit(X[:1200], y[:1200]).score(X[1200:], y[1200:])
    assert after > before + 0.03


def test_rows_of_random_cells_are_assigned_anew():
    X, X_test, y, y_test = regions(2000)
    random = RandomPartitioner(4, random_state=0)
    common = {"partitioner": random, "random_state": 0}
    committee = PartitionedExpertsClassifier(**common).fit(X, y)
    gate = SoftmaxGate(C=10.0, target="competence")
    rounds = PartitionedExpertsClassifier(gate=gate, n_rounds=6, **common).fit(X, y)
    assert rounds.score(X_test, y_test) > committee.score(X_test, y_test) + 0.05


def test_experts_that_no_row_is_routed_to_are_given_up():
    X, X_test, y, _ = regions()
    model = PartitionedExpertsClassifier(
        n_experts=4, gate=Blind(1), top_k=1, random_state=0
    ).fit(X, y)
    assert model.cells_.tolist() == [0, 2, 3]
    assert model.n_experts_ == len(model.experts_) == 3
    assert model.fit_report_["state"].tolist() == ["fitted", "unused", *["fitted"] * 2]
    routing = model.route(X_test)
    assert routing.shape == (len(X_test), 3)
    np.testing.assert_allclose(routing.sum(axis=1), 1)
    # What the gate says of the others is unchanged.
    whole = PartitionedExpertsClassifier(
        partitioner=KMeans(4, random_state=0), gate=Blind(1), top_k=1
    ).fit(X, y)
    affinity = whole._router.partition.affinity(X_test)[:, [0, 2, 3]]
    np.testing.assert_array_equal(whole.route(X_test).indices, affinity.argmax(axis=1))


@pytest.mark.parametrize("n_jobs", [2])
def test_bits_do_not_depend_on_the_number_of_jobs(n_jobs):
    X, X_test, y, _ = regions()
    gate = SoftmaxGate(target="competence")
    common = {"gate": gate, "n_rounds": 2, "n_experts": 4, "random_state": 0}
    one = PartitionedExpertsClassifier(**common).fit(X, y)
    two = PartitionedExpertsClassifier(n_jobs=n_jobs, **common).fit(X, y)
    np.testing.assert_array_equal(
        one.decision_function(X_test), two.decision_function(X_test)
    )


@pytest.mark.parametrize("top_k", [1, 2, 4])
def test_no_expert_is_fitted_on_more_rows_than_its_capacity(top_k):
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.normal(size=(400, 2)), rng.normal(size=(40, 2)) + 4])
    y = (X[:, 0] > X[:, 1]).astype(int)
    common = {"n_experts": 4, "top_k": top_k, "random_state": 0, "min_cell_size": 1}
    free = PartitionedExpertsClassifier(**common).fit(X, y)
    bound = PartitionedExpertsClassifier(capacity_factor=1.0, **common).fit(X, y)
    limit = int(np.ceil(free.fit_report_["n_routed"].mean()))
    assert free.fit_report_["n_routed"].max() > limit
    assert bound.fit_report_["n_routed"].max() <= limit
    # New rows are not bound: what one gets does not depend on the others.
    np.testing.assert_array_equal(
        bound.route(X[:5]).toarray(), bound.route(X).toarray()[:5]
    )


@given(
    n_rows=st.integers(1, 60),
    n_keys=st.integers(1, 4),
    n_folds=st.integers(2, 5),
    seed=st.integers(0, 2**31),
)
def test_folds_are_disjoint_and_stratified(n_rows, n_keys, n_folds, seed):
    rng = np.random.RandomState(seed)
    key = rng.randint(n_keys, size=n_rows)
    splits = stratified_folds((key,), n_folds, rng)
    tests = np.concatenate([test for _, test in splits])
    np.testing.assert_array_equal(np.sort(tests), np.arange(n_rows))
    for train, test in splits:
        assert np.intersect1d(train, test).size == 0
        assert len(train) + len(test) == n_rows
    for value in np.unique(key):
        counts = [np.count_nonzero(key[test] == value) for _, test in splits]
        assert max(counts) - min(counts) <= 1


@pytest.mark.parametrize("gate", ["softmax", "sigmoid"])
def test_a_gate_that_has_learned_nothing_leaves_rows_to_all_experts(gate):
    X, y = make_piecewise_regression(n_samples=200, random_state=0)
    groups = FeatureGroups(6, random_state=0)
    model = PartitionedExpertsRegressor(Ridge(), partitioner=groups)
    expected = model.fit(X, y).predict(X)
    model.set_params(gate=gate).fit(X, y)
    assert model.n_experts_ == 6
    np.testing.assert_array_equal(model.predict(X), expected)


def test_rounds_assign_rows_to_the_best_group_of_features():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 4))
    y = np.where(X[:, 0] > 0, 3 * X[:, 1], 3 * X[:, 2])
    model = PartitionedExpertsRegressor(
        Ridge(), partitioner=FeatureGroups([[0, 1], [0, 2]]), gate="softmax"
    )
    one = model.fit(X[:300], y[:300]).score(X[300:], y[300:])
    two = model.set_params(n_rounds=2).fit(X[:300], y[:300]).score(X[300:], y[300:])
    assert two > one + 0.2


@pytest.mark.parametrize("sharing", [None, "deviation"])
def test_a_class_of_one_row_is_absent_from_a_fold(sharing):
    X = np.random.default_rng(0).normal(size=(90, 3))
    y = np.where(np.arange(90) == 7, "rare", "usual")
    model = PartitionedExpertsClassifier(
        n_experts=2, gate="softmax", n_rounds=2, sharing=sharing, random_state=0
    ).fit(X, y)
    assert model.predict_proba(X).shape == (90, 2)


@pytest.mark.parametrize("kind", ["classes", "values"])
def test_experts_are_not_asked_about_rows_of_other_segments(kind):
    # An encoder that was fitted on one segment fails for another.
    rng = np.random.default_rng(0)
    X = rng.integers(3, size=(200, 1)).astype(float)
    y = (
        (X[:, 0] + rng.normal(size=200))
        if kind == "values"
        else rng.integers(2, size=200)
    )
    expert = Ridge() if kind == "values" else LogisticRegression()
    kinds = {
        "values": PartitionedExpertsRegressor,
        "classes": PartitionedExpertsClassifier,
    }
    model = kinds[kind](
        make_pipeline(OneHotEncoder(), expert),
        partitioner=ColumnPartitioner(0),
        gate=SoftmaxGate(target="competence"),
        n_rounds=2,
    ).fit(X, y)
    hard = clone(model).set_params(gate="hard", n_rounds=1).fit(X, y)
    np.testing.assert_array_equal(model.predict(X), hard.predict(X))
