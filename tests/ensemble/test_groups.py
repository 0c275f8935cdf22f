"""Groups, and what else splitters request, reach the parameters called cv."""

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import is_classifier
from sklearn.datasets import load_wine
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skexperts import (
    L1SVCCV,
    AlphaCombinerClassifier,
    AlphaCombinerRegressor,
    PartitionedExpertsClassifier,
    PartitionedExpertsRegressor,
)

X, y = load_wine(return_X_y=True)
X = StandardScaler().fit_transform(X)
N = len(y)
row = np.arange(N)
groups = row % 7
weight = np.random.default_rng(0).integers(0, 4, N).astype(float)


@pytest.fixture(autouse=True)
def routing():
    with config_context(enable_metadata_routing=True):
        yield


class ToldFolds(GroupKFold):
    """Keeps what it was told."""

    def split(self, X, y=None, groups=None, sample_weight=None):
        self.told_ = len(X), groups, sample_weight
        return super().split(X, y, groups)


def ensemble(kind, **parameters):
    expert = LogisticRegression() if is_classifier(kind()) else Ridge()
    expert.set_fit_request(sample_weight=True)
    return kind(expert, random_state=0, **parameters)


def auto(kind, cv):
    return ensemble(kind, n_experts="auto", cv=cv)


def weighed(kind, cv):
    combiner = AlphaCombinerRegressor
    if is_classifier(kind()):
        combiner = AlphaCombinerClassifier
    return ensemble(kind, n_experts=3, combiner=combiner(cv=cv))


def learned(model):
    """Return what was learned by the folds."""
    return getattr(model, "alpha_", None), getattr(model, "n_experts_scores_", None)


@pytest.mark.parametrize("make", [auto, weighed])
@pytest.mark.parametrize(
    "kind", [PartitionedExpertsClassifier, PartitionedExpertsRegressor]
)
@pytest.mark.parametrize("sample_weight", [None, weight], ids=["rows", "weights"])
def test_groups_reach_the_splitter(make, kind, sample_weight):
    folds = ToldFolds(3)
    if sample_weight is not None:
        folds.set_split_request(sample_weight=True)
    model = make(kind, folds).fit(X, y, sample_weight, groups=groups)
    n_rows, told, weights = folds.told_
    # The splitter divides all rows.
    assert (n_rows, told is groups) == (N, True)
    np.testing.assert_equal(weights, sample_weight)
    splits = list(GroupKFold(3).split(X, y, groups))
    by_hand = make(kind, splits).fit(X, y, sample_weight)
    np.testing.assert_equal(learned(model), learned(by_hand))
    other = make(kind, GroupKFold(3)).fit(X, y, sample_weight, groups=row % 5)
    with pytest.raises(AssertionError):
        np.testing.assert_equal(learned(other), learned(by_hand))


def test_each_splitter_gets_what_it_requests():
    plain, weighted = ToldFolds(3), ToldFolds(2)
    plain.set_split_request(groups="site", sample_weight=False)
    weighted.set_split_request(sample_weight=True)
    combiner = AlphaCombinerClassifier(cv=weighted)
    model = ensemble(
        PartitionedExpertsClassifier, n_experts="auto", cv=plain, combiner=combiner
    )
    model.fit(X, y, weight, groups=groups, site=row % 5)
    np.testing.assert_equal(plain.told_, (N, row % 5, None))
    np.testing.assert_equal(weighted.told_, (N, groups, weight))


def test_a_splitter_may_call_its_metadata_what_it_likes():
    class Named(GroupKFold):
        def split(self, X, y=None, groups=None, kept=None, classifier=None):
            self.told_ = kept, classifier
            return super().split(X, y, groups)

    combiner = AlphaCombinerClassifier(cv=Named(3))
    model = ensemble(
        PartitionedExpertsClassifier, n_experts="auto", cv=Named(3), combiner=combiner
    )
    experts = [("a", LogisticRegression()), ("b", LogisticRegression(C=0.1))]
    for cv in (model.cv, combiner.cv):
        cv.set_split_request(kept=True, classifier=True)
    for given in (model, AlphaCombinerClassifier(experts, cv=model.cv)):
        model.cv.told_ = None
        given.fit(X, y, groups=groups, kept=row, classifier="any")
        assert model.cv.told_ == combiner.cv.told_ == (row, "any")


def test_groups_may_be_for_folds_that_nobody_needs():
    model = PartitionedExpertsRegressor(n_experts=2, cv=GroupKFold(3))
    search = GridSearchCV(model, {"n_experts": [2, "auto"]}, cv=GroupKFold(2))
    search.fit(X, y, groups=groups)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_groups_reach_splitters_inside_of_experts():
    expert = L1SVCCV(Cs=[0.1, 1], cv=GroupKFold(3))
    model = PartitionedExpertsClassifier(expert, n_experts=1).fit(X, y, groups=groups)
    splits = list(GroupKFold(3).split(X, y, groups))
    alone = L1SVCCV(Cs=[0.1, 1], cv=splits).fit(X, y)
    assert np.array_equal(model.experts_[0].scores_, alone.scores_)


@pytest.mark.parametrize("make", [auto, weighed])
def test_groups_of_other_rows_are_an_error(make):
    model = make(PartitionedExpertsClassifier, GroupKFold(3))
    with pytest.raises(ValueError, match=r"each of the 178 rows of X.*shape \(177,\)"):
        model.fit(X, y, groups=groups[1:])
    assert not hasattr(model, "experts_")


@pytest.mark.parametrize("make", [auto, weighed])
def test_groups_for_numbers_of_folds_are_an_error(make):
    model = make(PartitionedExpertsClassifier, 3)
    with pytest.raises(TypeError, match="got unexpected argument.*groups"):
        model.fit(X, y, groups=groups)


@pytest.mark.parametrize("make", [auto, weighed])
def test_without_routing_groups_are_an_error_that_says_how(make):
    model = make(PartitionedExpertsRegressor, GroupKFold(3))
    with config_context(enable_metadata_routing=False):
        with pytest.raises(ValueError, match="enable_metadata_routing=True"):
            model.fit(X, y, groups=groups)
        assert not hasattr(model, "experts_")


def test_what_is_frozen_need_not_say_whether_it_takes_weights():
    frozen = FrozenEstimator(LogisticRegression().fit(X, y))
    PartitionedExpertsClassifier(frozen, n_experts=2).fit(X, y, weight)
    scaler = FrozenEstimator(StandardScaler().fit(X))
    last = LogisticRegression().set_fit_request(sample_weight=True)
    model = PartitionedExpertsClassifier(make_pipeline(scaler, last), n_experts=2)
    model.fit(X, y, weight)
    # Nothing of it can take any.
    model.set_params(expert=make_pipeline(scaler, KNeighborsClassifier()))
    with pytest.raises(ValueError, match="takes no sample weights"):
        model.fit(X, y, weight)
