"""Metadata of a fit reach estimators and splitter by what these request."""

import sys

import cloudpickle
import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.datasets import load_wine
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skexperts import L1SVCCV, AlphaCombinerClassifier, AlphaCombinerRegressor

# Worker processes cannot import test modules.
cloudpickle.register_pickle_by_value(sys.modules[__name__])

X, y = load_wine(return_X_y=True)
X = StandardScaler().fit_transform(X)
N = len(y)
row = np.arange(N)
groups = row % 7
weight = np.random.default_rng(0).integers(0, 4, N).astype(float)
kept = np.flatnonzero(weight)


@pytest.fixture(autouse=True)
def routing():
    with config_context(enable_metadata_routing=True):
        yield


class Told(BaseEstimator):
    """Checks that ``row`` is the number of each row in ``X``."""

    def fit(self, data, y, sample_weight=None, row=None, mode=None):
        self.row_, self.mode_, self.weight_ = row, mode, sample_weight
        if row is not None and not np.array_equal(X[np.asarray(row)], data):
            raise ValueError("these are not the rows of X")
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])


class ToldClassifier(ClassifierMixin, Told):
    pass


class ToldRegressor(RegressorMixin, Told):
    pass


class ToldFolds(GroupKFold):
    """Keeps what it was told."""

    def split(self, X, y=None, groups=None, sample_weight=None):
        self.told_ = len(X), groups, sample_weight
        return super().split(X, y, groups)


def combiner(model, others, **parameters):
    """Return a combiner of the kind of a model, and of other models."""
    kind = AlphaCombinerClassifier
    if isinstance(model, RegressorMixin):
        kind = AlphaCombinerRegressor
    named = [(str(i), other) for i, other in enumerate([model, *others])]
    return kind(named, **parameters)


def asking(model, **requests):
    return model.set_fit_request(**{"sample_weight": True} | requests)


@pytest.mark.parametrize(
    "kind", [list, np.array, pd.Series], ids=["list", "array", "series"]
)
@pytest.mark.parametrize("told", [ToldClassifier, ToldRegressor])
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_metadata_follow_the_rows_of_each_fold(kind, told, n_jobs):
    # The first estimator itself checks the rows: a wrong one is an error.
    first = asking(told(), row=True, mode=True)
    second = asking(told(), sample_weight=False, row=False, mode=False)
    model = combiner(first, [second], cv=3, n_jobs=n_jobs)
    with joblib.parallel_config(backend="loky"):
        model.fit(X, y, weight, row=kind(row), mode="fast")
    first, second = model.estimators_
    assert type(first.row_) is type(kind(row))
    assert np.array_equal(first.row_, kept)
    assert np.array_equal(first.weight_, weight[kept])
    assert first.mode_ == "fast"
    assert second.weight_ is second.row_ is second.mode_ is None
    # What has another length belongs to no rows: all of it goes to every fit.
    for other in (row[::-1], row[1:]):
        with pytest.raises(RuntimeError, match="not the rows of X"):
            model.fit(X, y, weight, row=kind(other))


def test_other_metadata_may_be_the_weights_of_an_estimator():
    model = combiner(ToldRegressor().set_fit_request(sample_weight="cost"), [])
    model.fit(X, y, cost=row)
    assert np.array_equal(model.estimators_[0].weight_, row)


def test_weights_mean_what_they_do_without_routing():
    pipeline = make_pipeline(
        StandardScaler().set_fit_request(sample_weight=False),
        asking(LogisticRegression()),
    )
    model = combiner(pipeline, [asking(GaussianNB())], cv=3).fit(X, y, weight)
    with config_context(enable_metadata_routing=False):
        pipeline = make_pipeline(StandardScaler(), LogisticRegression())
        plain = combiner(pipeline, [GaussianNB()], cv=3).fit(X, y, weight)
    assert np.array_equal(model.alpha_, plain.alpha_)
    assert np.array_equal(model.predict_proba(X), plain.predict_proba(X))


@pytest.mark.parametrize(
    ("estimator", "who"),
    [
        (LogisticRegression(), "LogisticRegression.fit"),
        (make_pipeline(StandardScaler(), GaussianNB()), "StandardScaler.fit"),
    ],
)
def test_a_request_that_is_not_set_is_an_error(estimator, who):
    model = combiner(asking(GaussianNB()), [estimator])
    with pytest.raises(UnsetMetadataPassedError) as caught:
        model.fit(X, y, sample_weight=weight)
    assert "[sample_weight] are passed but are not explicitly set" in str(caught.value)
    assert who in str(caught.value)
    model.fit(X, y)


def test_an_estimator_that_cannot_take_weights_is_an_error():
    model = combiner(asking(GaussianNB()), [KNeighborsClassifier()])
    with pytest.raises(ValueError, match="estimator '1' .* takes no sample weights"):
        model.fit(X, y, weight)


def test_what_is_fitted_before_need_not_say_what_it_takes():
    fitted = [LogisticRegression().fit(X, y == 1), GaussianNB().fit(X, y == 1)]
    frozen = [FrozenEstimator(estimator) for estimator in fitted]
    prefit = combiner(fitted[0], fitted[1:], cv="prefit")
    for model in (prefit, combiner(frozen[0], frozen[1:], cv=3)):
        routed = model.fit(X, y == 1, weight).alpha_
        with config_context(enable_metadata_routing=False):
            assert np.array_equal(model.fit(X, y == 1, weight).alpha_, routed)
        with pytest.raises(TypeError, match="unexpected argument.*row"):
            model.fit(X, y == 1, row=row)


# Groups -------------------------------------------------------------------------------


PAIRS = [
    (GaussianNB(), LogisticRegression()),
    (Ridge(), Ridge(100.0)),
]


@pytest.mark.parametrize("pair", PAIRS, ids=["classifier", "regressor"])
@pytest.mark.parametrize("sample_weight", [None, weight], ids=["rows", "weights"])
def test_groups_reach_the_splitter(pair, sample_weight):
    model = combiner(asking(pair[0]), [asking(pair[1])], cv=ToldFolds(3))
    if sample_weight is not None:
        model.cv.set_split_request(sample_weight=True)
    model.fit(X, y, sample_weight, groups=groups)
    n_rows, told, weights = model.cv.told_
    # The splitter divides all rows.
    assert (n_rows, told is groups) == (N, True)
    np.testing.assert_equal(weights, sample_weight)
    splits = list(GroupKFold(3).split(X, y, groups))
    by_hand = combiner(asking(pair[0]), [asking(pair[1])], cv=splits)
    by_hand.fit(X, y, sample_weight)
    assert np.array_equal(model.alpha_, by_hand.alpha_)
    other = model.fit(X, y, sample_weight, groups=row % 5)
    assert not np.array_equal(other.alpha_, by_hand.alpha_)


def test_groups_reach_splitters_inside_of_estimators():
    inner = L1SVCCV(Cs=[0.01, 1], cv=GroupKFold(3))
    model = combiner(inner, [GaussianNB()], cv=GroupKFold(3))
    model.fit(X, y, groups=groups)
    splits = list(GroupKFold(3).split(X, y, groups))
    alone = L1SVCCV(Cs=[0.01, 1], cv=splits).fit(X, y)
    assert np.array_equal(model.estimators_[0].scores_, alone.scores_)


def test_a_search_hands_groups_on():
    model = combiner(GaussianNB(), [LogisticRegression()], cv=GroupKFold(3))
    search = GridSearchCV(model, {"tol": [1e-8]}, cv=GroupKFold(2))
    search.fit(X, y, groups=groups)
    found = search.best_estimator_.alpha_
    assert np.array_equal(found, model.fit(X, y, groups=groups).alpha_)


def test_groups_of_other_rows_are_an_error():
    model = combiner(Ridge(), [], cv=GroupKFold(3))
    with pytest.raises(ValueError, match=r"each of the 178 rows of X.*shape \(177,\)"):
        model.fit(X, y, groups=groups[1:])
    with pytest.raises(ValueError, match=r"groups must have one value.*shape \(\)"):
        model.fit(X, y, groups=3)


def test_what_nobody_requests_is_an_error():
    for name in ("groups", "colour"):
        with pytest.raises(TypeError, match=f"got unexpected argument.*{name}"):
            combiner(Ridge(), [], cv=3).fit(X, y, **{name: groups})


@pytest.mark.parametrize("pair", PAIRS, ids=["classifier", "regressor"])
def test_without_routing_metadata_are_an_error_that_says_how(pair):
    with config_context(enable_metadata_routing=False):
        model = combiner(pair[0], pair[1:], cv=GroupKFold(3))
        with pytest.raises(ValueError, match="enable_metadata_routing=True"):
            model.fit(X, y, groups=groups)
        assert not hasattr(model, "alpha_")
