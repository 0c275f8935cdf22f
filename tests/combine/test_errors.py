"""Every error of the combiners says what is wrong and what to do."""

import sys

import cloudpickle
import numpy as np
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.cluster import KMeans
from sklearn.datasets import make_classification
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

from skexperts.combine import AlphaCombinerClassifier, AlphaCombinerRegressor

# Worker processes cannot import test modules.
cloudpickle.register_pickle_by_value(sys.modules[__name__])

X, y = make_classification(40, random_state=0)
PAIR = [("logistic", LogisticRegression()), ("bayes", GaussianNB())]


class Broken(RegressorMixin, BaseEstimator):
    """Gives what it is told to, or fails in fit from a number of rows on."""

    def __init__(self, output=np.nan, max_rows=np.inf):
        self.output = output
        self.max_rows = max_rows

    def fit(self, X, y):
        if len(X) > self.max_rows:
            raise ZeroDivisionError("out of luck")
        self.fitted_ = True
        return self

    def predict(self, X):
        return np.full(len(X), self.output)


@pytest.mark.parametrize(
    ("estimators", "error", "match"),
    [
        ([], ValueError, r"non-empty list of \(name, estimator\) tuples. Got \[\]"),
        ([LogisticRegression()], ValueError, "non-empty list of"),
        ([(1, LogisticRegression())], ValueError, "non-empty list of"),
        ((("a", LogisticRegression()),), ValueError, "'estimators' parameter"),
        ([*PAIR, PAIR[0]], ValueError, "Names provided are not unique"),
        ([("a__b", LogisticRegression())], ValueError, "must not contain __"),
        ([("alpha", LogisticRegression())], ValueError, "conflict with constructor"),
        ([("a", "drop")], ValueError, "All estimators are 'drop'"),
        ([("a", "dorp")], TypeError, "Estimator 'a' must be an estimator object or"),
        ([("a", LogisticRegression)], TypeError, "Estimator 'a' must be an estimator"),
        ([("a", None)], TypeError, "Estimator 'a' must be an estimator object"),
        ([("a", Ridge())], TypeError, r"Estimator 'a' \(Ridge\) is not a classifier"),
        ([("a", KMeans())], TypeError, r"Estimator 'a' \(KMeans\) is not a classifier"),
    ],
)
def test_estimators_that_are_none(estimators, error, match):
    with pytest.raises(error, match=match):
        AlphaCombinerClassifier(estimators).fit(X, y)


def test_a_classifier_is_no_regressor():
    with pytest.raises(TypeError, match="'logistic'.* is not a regressor"):
        AlphaCombinerRegressor(PAIR).fit(X, y)


@pytest.mark.parametrize(
    ("alpha", "match"),
    [
        ([0.5, 0.6], r"non-negative and sum to 1. Got \[0.5, 0.6\], of sum 1.1"),
        ([1.5, -0.5], r"non-negative and sum to 1. Got \[1.5, -0.5\]"),
        ([1.0], r"one weight for each of the 2 estimators. Got shape \(1,\)"),
        ([[0.5, 0.5]], r"Got shape \(1, 2\)"),
        ([np.nan, 1.0], "Input alpha contains NaN"),
        (1.5, "'alpha' parameter"),
        ("best", "'alpha' parameter"),
        (None, "'alpha' parameter"),
    ],
)
def test_alpha_that_is_not_on_the_simplex(alpha, match):
    with pytest.raises(ValueError, match=match):
        AlphaCombinerClassifier(PAIR, alpha=alpha).fit(X, y)


def test_one_number_weighs_two_estimators():
    named = [*PAIR, ("near", KNeighborsClassifier())]
    with pytest.raises(ValueError, match=r"alpha=0.5 is one number.*there are 3"):
        AlphaCombinerClassifier(named, alpha=0.5).fit(X, y)


def test_alpha_may_miss_one_by_rounding():
    alpha = [0.3, 0.7 + 5e-7]
    model = AlphaCombinerClassifier(PAIR, alpha=alpha).fit(X, y)
    assert model.alpha_.sum() == pytest.approx(1, abs=1e-15)


@pytest.mark.parametrize(
    "parameters",
    [{"loss": "hinge"}, {"tol": -1}, {"max_iter": 0}, {"cv": "pre"}, {"n_jobs": 1.5}],
    ids=str,
)
def test_parameters_out_of_their_range(parameters):
    (name,) = parameters
    with pytest.raises(ValueError, match=f"'{name}' parameter"):
        AlphaCombinerClassifier(PAIR, **parameters).fit(X, y)


@pytest.mark.parametrize(
    ("cv", "match"),
    [
        ([([0, 1], [2, 99])], "fold 0 has row numbers beyond the 40 rows of X"),
        ([(np.arange(40), [])], "no fold has a test row"),
        ([], "no fold has a test row"),
    ],
)
def test_folds_that_cannot_be_used(cv, match):
    with pytest.raises(ValueError, match=match):
        AlphaCombinerClassifier(PAIR, cv=cv).fit(X, y)


def test_a_fold_without_weight():
    weights = np.r_[np.zeros(20), np.ones(20)]
    cv = [(np.arange(20, 40), np.arange(20)), (np.arange(20), np.arange(20, 40))]
    with pytest.raises(ValueError, match="fold 1 has no training row of positive"):
        AlphaCombinerClassifier(PAIR, cv=cv).fit(X, y, weights)


def test_one_class():
    with pytest.raises(ValueError, match="only one class .7..*at least two classes"):
        AlphaCombinerClassifier(PAIR).fit(X, np.full(40, 7))
    with pytest.raises(ValueError, match="rows of positive weight"):
        AlphaCombinerClassifier(PAIR).fit(X, y, sample_weight=y)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_fit_that_fails_is_named(n_jobs):
    named = [("linear", LinearRegression()), ("bad", Broken(max_rows=35))]
    with pytest.raises(RuntimeError) as caught:
        AlphaCombinerRegressor(named, n_jobs=n_jobs).fit(X, y)
    assert "'bad' failed in the fit on all rows (n_rows=40)" in str(caught.value)
    assert "ZeroDivisionError: out of luck" in str(caught.value)
    split = [(np.arange(k, 40), np.arange(k)) for k in (10, 20)]
    named[1] = ("bad", FailsOnFewRows())
    model = AlphaCombinerRegressor(named, cv=split, n_jobs=n_jobs)
    with pytest.raises(RuntimeError, match=r"'bad' failed in fold 1 \(n_rows=20\)"):
        model.fit(X, y)
    assert not hasattr(model, "alpha_")


class FailsOnFewRows(LinearRegression):
    def fit(self, X, y):
        if len(X) < 30:
            raise ValueError("too few")
        return super().fit(X, y)


@pytest.mark.parametrize("output", [np.nan, np.inf, 1e200])
def test_outputs_that_cannot_be_squared(output):
    named = [("linear", LinearRegression()), ("bad", Broken(output))]
    with pytest.raises(ValueError, match=r"'bad' \(Broken\) gave outputs that are NaN"):
        AlphaCombinerRegressor(named).fit(X, y)
    with pytest.raises(ValueError, match=r"'bad' \(Broken\) gave outputs that are NaN"):
        AlphaCombinerRegressor(named, alpha=0.5).fit(X, y).predict(X)
    # An estimator of weight 0 is not asked.
    AlphaCombinerRegressor(named, alpha=1.0).fit(X, y).predict(X)


def test_an_estimator_that_takes_no_weights():
    named = [*PAIR, ("near", KNeighborsClassifier())]
    with pytest.raises(ValueError, match=r"'near' \(KNeighborsClassifier\) takes no"):
        AlphaCombinerClassifier(named).fit(X, y, sample_weight=np.ones(40))
    pipeline = make_pipeline(KNeighborsClassifier())
    with pytest.raises(ValueError, match=r"'pipeline' \(Pipeline\) takes no sample"):
        AlphaCombinerClassifier([("pipeline", pipeline)]).fit(X, y, np.ones(40))


@pytest.mark.parametrize("cv", ["prefit", None])
def test_estimators_that_should_be_fitted(cv):
    bare = LogisticRegression()
    estimator = bare if cv == "prefit" else FrozenEstimator(bare)
    with pytest.raises(NotFittedError, match="'logistic'.* must be fitted before"):
        AlphaCombinerClassifier([("logistic", estimator)], cv=cv).fit(X, y)


def test_classes_that_only_an_estimator_knows():
    three = LogisticRegression().fit(X, np.arange(40) % 3)
    with pytest.raises(ValueError, match=r"knows the classes \[2\], which y does not"):
        AlphaCombinerClassifier([("three", three)], cv="prefit").fit(X, y)
    frozen = [("three", FrozenEstimator(three))]
    with pytest.raises(RuntimeError, match=r"'three'.* knows the classes \[2\]"):
        AlphaCombinerClassifier(frozen).fit(X, y)


def test_predict_before_fit():
    with pytest.raises(NotFittedError):
        AlphaCombinerClassifier(PAIR).predict(X)
