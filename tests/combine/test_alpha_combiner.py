"""Behaviour of the combiners: what is learned, on which rows, and what is combined."""

import pickle
import sys

import cloudpickle
import joblib
import numpy as np
import pandas as pd
import pytest
from scipy.sparse import coo_array, csc_array, csr_array
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import Lasso, LinearRegression, LogisticRegression, Ridge
from sklearn.metrics import log_loss
from sklearn.model_selection import (
    GridSearchCV,
    KFold,
    PredefinedSplit,
    RepeatedStratifiedKFold,
    StratifiedKFold,
    TimeSeriesSplit,
    cross_val_predict,
    cross_val_score,
)
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from skexperts._numeric.alpha import fit_alpha
from skexperts._numeric.links import binary_margins, squared_hinge_probabilities
from skexperts.combine import AlphaCombinerClassifier, AlphaCombinerRegressor

# Worker processes cannot import test modules.
cloudpickle.register_pickle_by_value(sys.modules[__name__])

LOSSES = ["log_loss", "squared_error", "squared_hinge"]


def data(name):
    load = {
        "wine": load_wine,
        "breast_cancer": load_breast_cancer,
        "diabetes": load_diabetes,
    }[name]
    X, y = load(return_X_y=True)
    return StandardScaler().fit_transform(X), y


def classifiers():
    return [
        ("logistic", LogisticRegression(C=0.01)),
        ("bayes", GaussianNB()),
        ("tree", DecisionTreeClassifier(max_depth=3, random_state=0)),
    ]


def regressors():
    return [
        ("ridge", Ridge()),
        ("near", KNeighborsRegressor(10)),
        ("tree", DecisionTreeRegressor(max_depth=4, random_state=0)),
    ]


def digest(model, X):
    """Hash of everything numeric that a combiner has learned."""
    parts = [model.alpha_, model.scale_, model.duality_gap_, model.predict(X)]
    if hasattr(model, "predict_proba"):
        parts.append(model.predict_proba(X))
    return joblib.hash(parts)


# Limit cases and manual mixes ---------------------------------------------------------


@pytest.mark.parametrize("loss", ["log_loss", "squared_error"])
@pytest.mark.parametrize(
    "estimator",
    [LogisticRegression(), GaussianNB(), KNeighborsClassifier(), LinearSVC(), SVC()],
    ids=lambda e: type(e).__name__,
)
def test_one_classifier_is_the_plain_classifier(estimator, loss):
    X, y = data("wine")
    model = AlphaCombinerClassifier([("only", estimator)], loss=loss).fit(X, y)
    plain = clone(estimator).fit(X, y)
    np.testing.assert_array_equal(model.predict(X), plain.predict(X))
    np.testing.assert_array_equal(model.alpha_, [1.0])
    if hasattr(plain, "predict_proba"):
        np.testing.assert_array_equal(model.predict_proba(X), plain.predict_proba(X))


@pytest.mark.parametrize("name", ["wine", "breast_cancer"])
def test_one_margin_classifier_is_the_plain_one_at_scale_one(name):
    X, y = data(name)
    model = AlphaCombinerClassifier(
        [("only", LinearSVC())], alpha=[1.0], loss="squared_hinge"
    ).fit(X, y)
    margins = LinearSVC().fit(X, y).decision_function(X)
    np.testing.assert_array_equal(model.decision_function(X), margins)
    if margins.ndim == 1:
        margins = binary_margins(margins)
    np.testing.assert_array_equal(
        model.predict_proba(X), squared_hinge_probabilities(margins)
    )


def test_a_learned_scale_multiplies_the_margins():
    X, y = data("wine")
    model = AlphaCombinerClassifier([("only", LinearSVC())], loss="squared_hinge")
    margins = LinearSVC().fit(X, y).decision_function(X)
    model.fit(X, y)
    assert model.scale_ > 0 and model.scale_ != 1
    np.testing.assert_array_equal(model.decision_function(X), model.scale_ * margins)


def test_one_regressor_is_the_plain_regressor():
    X, y = data("diabetes")
    model = AlphaCombinerRegressor([("only", Ridge())]).fit(X, y)
    np.testing.assert_array_equal(model.predict(X), Ridge().fit(X, y).predict(X))


@pytest.mark.parametrize("alpha", [0.3, [0.3, 0.7], np.array([0.3, 0.7]), 0, 1])
def test_a_given_alpha_is_a_manual_mix(alpha):
    X, y = data("wine")
    named = classifiers()[:2]
    model = AlphaCombinerClassifier(named, alpha=alpha).fit(X, y)
    a, b = (clone(e).fit(X, y).predict_proba(X) for _, e in named)
    weights = (alpha, 1 - alpha) if np.isscalar(alpha) else alpha
    np.testing.assert_allclose(
        model.predict_proba(X), weights[0] * a + weights[1] * b, atol=1e-15
    )
    np.testing.assert_allclose(model.alpha_, weights)
    assert np.isnan(model.duality_gap_)
    assert (model.scale_, model.n_iter_) == (1.0, 1)


def test_a_given_alpha_needs_no_folds():
    X, y = data("diabetes")
    fits = []

    class Counting(Ridge):
        def fit(self, X, y):
            fits.append(len(X))
            return super().fit(X, y)

    named = [("a", Counting()), ("b", Counting(alpha=9))]
    AlphaCombinerRegressor(named, alpha=0.5).fit(X, y)
    assert fits == [len(X)] * 2
    AlphaCombinerRegressor(named, cv=3).fit(X, y)
    assert len(fits) == 2 + 2 * 4


def test_all_kinds_of_output_on_the_margin_scale():
    X, y = data("breast_cancer")
    named = [("margin", LinearSVC()), ("proba", GaussianNB()), ("vote", SVC())]
    model = AlphaCombinerClassifier(
        named, alpha=[0.5, 0.3, 0.2], loss="squared_hinge"
    ).fit(X, y)
    svc, bayes, vote = model.estimators_
    expected = (
        0.5 * svc.decision_function(X)
        + 0.3 * (2 * bayes.predict_proba(X)[:, 1] - 1)
        + 0.2 * (2 * vote.predict(X) - 1)
    )
    np.testing.assert_allclose(model.decision_function(X), expected, atol=1e-12)


def test_all_kinds_of_output_on_the_probability_scale():
    X, y = data("wine")
    named = [("margin", LinearSVC()), ("proba", GaussianNB()), ("vote", SVC())]
    model = AlphaCombinerClassifier(named, alpha=[0.5, 0.3, 0.2]).fit(X, y)
    svc, bayes, vote = model.estimators_
    expected = (
        0.5 * squared_hinge_probabilities(svc.decision_function(X))
        + 0.3 * bayes.predict_proba(X)
        + 0.2 * np.eye(3)[vote.predict(X)]
    )
    np.testing.assert_allclose(model.predict_proba(X), expected, atol=1e-12)
    assert not hasattr(model, "decision_function")


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("name", ["wine", "breast_cancer"])
def test_predictions_agree_with_each_other(name, loss):
    X, y = data(name)
    labels = np.array(["low", "mid", "high"])[y]
    named = [*classifiers(), ("svc", LinearSVC())]
    model = AlphaCombinerClassifier(named, loss=loss, cv=3).fit(X, labels)
    proba = model.predict_proba(X)
    np.testing.assert_array_equal(
        model.predict(X), model.classes_[proba.argmax(axis=1)]
    )
    assert proba.min() >= 0
    np.testing.assert_allclose(proba.sum(axis=1), 1, atol=1e-12)
    if loss == "squared_hinge":
        margins = model.decision_function(X)
        best = (
            (margins > 0).astype(int) if margins.ndim == 1 else margins.argmax(axis=1)
        )
        np.testing.assert_array_equal(model.predict(X), model.classes_[best])


# What alpha is learned on -------------------------------------------------------------


@pytest.mark.parametrize("name", ["wine", "breast_cancer"])
def test_the_learned_log_loss_is_at_most_that_of_the_best_single(name):
    X, y = data(name)
    model = AlphaCombinerClassifier(classifiers()).fit(X, y)
    outputs = np.array(
        [
            cross_val_predict(e, X, y, cv=5, method="predict_proba")
            for _, e in classifiers()
        ]
    )
    singles = [log_loss(y, p) for p in outputs]
    mixed = log_loss(y, np.tensordot(model.alpha_, outputs, axes=1))
    assert mixed <= min(singles) + model.duality_gap_
    assert np.count_nonzero(model.alpha_) > 1
    by_hand = fit_alpha(outputs, np.eye(len(model.classes_))[y])
    np.testing.assert_allclose(model.alpha_, by_hand.alpha, atol=1e-6)


@pytest.mark.parametrize("name", ["wine", "breast_cancer"])
@pytest.mark.parametrize("loss", ["squared_error", "squared_hinge"])
def test_the_other_losses_are_at_most_those_of_the_best_single(name, loss):
    X, y = data(name)
    model = AlphaCombinerClassifier(classifiers(), loss=loss).fit(X, y)
    outputs = np.array(
        [
            cross_val_predict(e, X, y, cv=5, method="predict_proba")
            for _, e in classifiers()
        ]
    )
    targets = np.eye(len(model.classes_))[y]

    def risk(outputs):
        if loss == "squared_error":
            return ((outputs - targets) ** 2).sum(axis=1).mean()
        margins, signs = 2 * outputs - 1, 2 * targets - 1
        hinge = np.maximum(0, 1 - model.scale_ * margins * signs)
        return (hinge**2).sum(axis=1).mean()

    mixed = risk(np.tensordot(model.alpha_, outputs, axes=1))
    assert mixed <= min(map(risk, outputs)) + model.duality_gap_ + 1e-12


def test_the_learned_squared_error_is_at_most_that_of_the_best_single():
    X, y = data("diabetes")
    model = AlphaCombinerRegressor(regressors()).fit(X, y)
    outputs = np.array([cross_val_predict(e, X, y, cv=5) for _, e in regressors()])
    singles = ((outputs - y) ** 2).mean(axis=1)
    mixed = ((model.alpha_ @ outputs - y) ** 2).mean()
    assert mixed < min(singles) + model.duality_gap_
    assert model.duality_gap_ <= 1e-8 * min(singles)


def test_a_memory_of_the_training_rows_earns_nothing():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 2))
    y = (X[:, 0] + rng.normal(size=200) > 0).astype(int)
    named = [("memory", KNeighborsClassifier(1)), ("logistic", LogisticRegression())]
    honest = AlphaCombinerClassifier(named).fit(X, y)
    assert honest.alpha_[0] < 0.1
    fooled = AlphaCombinerClassifier(
        [(name, clone(e).fit(X, y)) for name, e in named], cv="prefit"
    ).fit(X, y)
    assert fooled.alpha_[0] > 0.99
    X_new = rng.normal(size=(2000, 2))
    y_new = (X_new[:, 0] + rng.normal(size=2000) > 0).astype(int)
    assert honest.score(X_new, y_new) > fooled.score(X_new, y_new) + 0.03


def test_a_perfect_classifier_takes_all():
    X, _ = data("wine")
    y = (X[:, 0] > 0).astype(int)
    named = [
        ("stump", DecisionTreeClassifier(max_depth=1)),
        ("noise", DummyClassifier()),
    ]
    model = AlphaCombinerClassifier(named, cv=KFold(5, shuffle=True, random_state=1))
    assert model.fit(X, y).alpha_[0] > 0.9


def test_prefit_estimators_are_used_as_they_are():
    X, y = data("wine")
    fitted = [(name, e.fit(X[::2], y[::2])) for name, e in classifiers()]
    model = AlphaCombinerClassifier(fitted, cv="prefit").fit(X[1::2], y[1::2])
    assert model.estimators_ == [e for _, e in fitted]
    outputs = np.array([e.predict_proba(X[1::2]) for _, e in fitted])
    by_hand = fit_alpha(outputs, np.eye(3)[y[1::2]])
    np.testing.assert_array_equal(model.alpha_, by_hand.alpha)


def test_frozen_estimators_stay_fitted():
    X, y = data("wine")
    frozen = [
        (name, FrozenEstimator(e.fit(X[::2], y[::2]))) for name, e in classifiers()
    ]
    prefit = AlphaCombinerClassifier([(n, f.estimator) for n, f in frozen], cv="prefit")
    weights = np.ones(len(X) // 2)
    for model in (
        AlphaCombinerClassifier(frozen, cv="prefit").fit(X[1::2], y[1::2]),
        # The folds together are all rows, in another order.
        AlphaCombinerClassifier(frozen).fit(X[1::2], y[1::2], sample_weight=weights),
    ):
        prefit.fit(X[1::2], y[1::2])
        np.testing.assert_allclose(model.alpha_, prefit.alpha_, atol=1e-6)
        np.testing.assert_allclose(
            model.predict_proba(X), prefit.predict_proba(X), atol=1e-6
        )
    assert cross_val_score(AlphaCombinerClassifier(frozen, cv="prefit"), X, y).min() > 0


def out_of_fold(estimator, X, y, splits):
    """Rows and outputs of the test folds, by a plain loop."""
    rows = np.concatenate([test for _, test in splits])
    outputs = [
        clone(estimator).fit(X[train], y[train]).predict(X[test])
        for train, test in splits
    ]
    return rows, np.concatenate(outputs)[:, None]


@pytest.mark.parametrize(
    "cv",
    [
        3,
        KFold(4, shuffle=True, random_state=0),
        TimeSeriesSplit(4),
        [(np.arange(50), np.arange(50, 80)), (np.arange(80), np.arange(60, 100))],
    ],
    ids=["int", "splitter", "rows not tested", "rows tested twice"],
)
def test_the_folds_are_those_of_cv(cv):
    X, y = data("diabetes")
    model = AlphaCombinerRegressor(regressors(), cv=cv).fit(X, y)
    if isinstance(cv, list):
        splits = cv
    else:
        splits = list((KFold(cv) if isinstance(cv, int) else cv).split(X))
    pairs = [out_of_fold(e, X, y, splits) for _, e in regressors()]
    rows = pairs[0][0]
    by_hand = fit_alpha(
        np.stack([outputs for _, outputs in pairs]),
        y[rows, None],
        1.0 / np.bincount(rows)[rows],
        loss="squared_error",
    )
    np.testing.assert_allclose(model.alpha_, by_hand.alpha, atol=1e-12)


def test_the_default_is_five_stratified_folds():
    X, y = data("wine")  # sorted by class: plain folds would miss classes
    models = [
        AlphaCombinerClassifier(classifiers(), cv=cv).fit(X, y)
        for cv in (None, 5, StratifiedKFold(5))
    ]
    assert len({digest(model, X) for model in models}) == 1


def test_masks_and_generators_are_splits():
    X, y = data("diabetes")
    splits = list(KFold(3).split(X))
    masks = [tuple(np.isin(np.arange(len(X)), part) for part in s) for s in splits]
    models = [
        AlphaCombinerRegressor(regressors(), cv=cv).fit(X, y)
        for cv in (splits, masks, KFold(3).split(X))
    ]
    assert len({digest(model, X) for model in models}) == 1


def test_a_fold_without_test_rows_changes_nothing():
    X, y = data("wine")
    splits = list(StratifiedKFold(3).split(X, y))
    models = [
        AlphaCombinerClassifier(classifiers(), cv=cv).fit(X, y)
        for cv in (splits, [*splits, (np.arange(len(X)), [])])
    ]
    assert len({digest(model, X) for model in models}) == 1


def test_repeating_all_folds_changes_nothing():
    X, y = data("wine")
    once = list(StratifiedKFold(3).split(X, y))
    models = [
        AlphaCombinerClassifier(classifiers(), cv=cv).fit(X, y)
        for cv in (once, 2 * once)
    ]
    np.testing.assert_allclose(models[0].alpha_, models[1].alpha_, atol=1e-6)
    repeated = RepeatedStratifiedKFold(n_splits=3, n_repeats=2, random_state=0)
    AlphaCombinerClassifier(classifiers(), cv=repeated).fit(X, y)


@pytest.mark.parametrize("loss", LOSSES)
def test_folds_may_miss_classes(loss):
    X, y = data("wine")  # sorted by class
    named = [*classifiers(), ("svc", LinearSVC())]
    model = AlphaCombinerClassifier(named, loss=loss, cv=KFold(3)).fit(X, y)
    np.testing.assert_array_equal(model.classes_, [0, 1, 2])
    assert np.isfinite(model.duality_gap_)
    assert model.alpha_.sum() == pytest.approx(1)


def test_a_fold_with_one_class_has_a_constant_classifier():
    X, y = data("breast_cancer")
    order = np.argsort(y, kind="stable")
    X, y = X[order], y[order]
    splits = [(np.arange(100), np.arange(100, 569)), *KFold(3, shuffle=True).split(X)]
    model = AlphaCombinerClassifier(classifiers(), cv=splits).fit(X, y)
    assert np.isfinite(model.duality_gap_)


def test_a_scale_of_zero_warns():
    X, y = data("breast_cancer")

    class Liar(ClassifierMixin, BaseEstimator):
        loss = "squared_hinge"

        def fit(self, X, y):
            self.classes_ = np.unique(y)
            self.svc_ = LinearSVC().fit(X, y)
            return self

        def decision_function(self, X):
            return -self.svc_.decision_function(X)

        def predict(self, X):
            return self.classes_[(self.decision_function(X) > 0).astype(int)]

    model = AlphaCombinerClassifier([("liar", Liar())], loss="squared_hinge")
    with pytest.warns(UserWarning, match=r"scale_ is 0.*\['liar'\] say nothing"):
        model.fit(X, y)
    assert model.scale_ == 0
    np.testing.assert_array_equal(model.predict(X), model.classes_[0])
    np.testing.assert_allclose(model.predict_proba(X), 0.5, atol=1e-8)


def test_an_unconverged_alpha_warns():
    X, y = data("wine")
    model = AlphaCombinerClassifier(classifiers(), tol=1e-13, max_iter=1)
    with pytest.warns(ConvergenceWarning, match="the duality gap is"):
        model.fit(X, y)
    assert model.n_iter_ == 1


# Weights ------------------------------------------------------------------------------


@pytest.mark.parametrize("cv", [None, KFold(5), "explicit"])
def test_rows_of_weight_zero_are_left_out(cv):
    X, y = data("diabetes")
    named = [("ridge", Ridge()), ("tree", DecisionTreeRegressor(random_state=0))]
    weights = np.random.default_rng(0).integers(0, 3, size=len(y)).astype(float)
    used = np.flatnonzero(weights)
    if cv is None:
        given, of_used = None, None
    else:
        given = list(KFold(5).split(X))
        of_used = [
            tuple(np.searchsorted(used, np.intersect1d(part, used)) for part in split)
            for split in given
        ]
        given = KFold(5) if isinstance(cv, KFold) else given
    full = AlphaCombinerRegressor(named, cv=given).fit(X, y, weights)
    part = AlphaCombinerRegressor(named, cv=of_used).fit(
        X[used], y[used], weights[used]
    )
    np.testing.assert_array_equal(full.alpha_, part.alpha_)
    np.testing.assert_array_equal(full.predict(X), part.predict(X))


def test_a_class_of_weight_zero_is_no_class():
    X, y = data("wine")
    model = AlphaCombinerClassifier(classifiers()[:2]).fit(X, y, (y != 1).astype(float))
    np.testing.assert_array_equal(model.classes_, [0, 2])


def test_a_predefined_split_speaks_of_all_rows():
    X, y = data("diabetes")
    folds = np.arange(len(y)) % 3
    weights = (np.arange(len(y)) % 5 > 0).astype(float)
    named = [("ridge", Ridge()), ("lasso", Lasso())]
    model = AlphaCombinerRegressor(named, cv=PredefinedSplit(folds)).fit(X, y, weights)
    used = weights > 0
    part = AlphaCombinerRegressor(named, cv=PredefinedSplit(folds[used]))
    part.fit(X[used], y[used], weights[used])
    np.testing.assert_array_equal(model.alpha_, part.alpha_)


def test_weights_reach_estimators_and_alpha():
    X, y = data("diabetes")
    named = [
        ("ridge", make_pipeline(StandardScaler(), Ridge())),
        ("tree", DecisionTreeRegressor(max_depth=4, random_state=0)),
    ]
    weights = np.random.default_rng(0).uniform(0.1, 5, size=len(y))
    model = AlphaCombinerRegressor(named, cv=3).fit(X, y, weights)
    rows, outputs, fitted = [], [[], []], []
    for k, (_, estimator) in enumerate(named):
        prefix = "ridge__" if k == 0 else ""
        for train, test in KFold(3).split(X):
            fold = clone(estimator)
            fold.fit(X[train], y[train], **{f"{prefix}sample_weight": weights[train]})
            outputs[k].append(fold.predict(X[test]))
            rows.append(test)
        full = clone(estimator).fit(X, y, **{f"{prefix}sample_weight": weights})
        fitted.append(full.predict(X))
    rows = np.concatenate(rows[:3])
    outputs = np.stack([np.concatenate(o) for o in outputs])[:, :, None]
    by_hand = fit_alpha(outputs, y[rows, None], weights[rows], loss="squared_error")
    np.testing.assert_allclose(model.alpha_, by_hand.alpha, atol=1e-12)
    np.testing.assert_allclose(model.predict(X), by_hand.alpha @ fitted, atol=1e-10)


# Determinism, containers, parameters --------------------------------------------------


@pytest.mark.parametrize("loss", LOSSES)
def test_the_bits_do_not_depend_on_n_jobs(loss):
    X, y = data("wine")
    models = [
        AlphaCombinerClassifier(classifiers(), loss=loss, cv=3, n_jobs=n).fit(X, y)
        for n in (1, 2)
    ]
    assert digest(models[0], X) == digest(models[1], X)


def test_the_bits_do_not_depend_on_n_jobs_in_regression():
    X, y = data("diabetes")
    models = [
        AlphaCombinerRegressor(regressors(), cv=3, n_jobs=n).fit(X, y) for n in (1, 2)
    ]
    assert digest(models[0], X) == digest(models[1], X)


@pytest.mark.parametrize("container", [csr_array, csc_array, coo_array])
def test_sparse_data_give_the_model_of_dense_data(container):
    X, y = data("diabetes")
    X = np.where(np.abs(X) < 1, 0, X)
    named = [
        ("lasso", Lasso(tol=1e-10)),
        ("tree", DecisionTreeRegressor(max_depth=4, random_state=0)),
    ]
    dense = AlphaCombinerRegressor(named).fit(X, y)
    sparse = AlphaCombinerRegressor(named).fit(container(X), y)
    np.testing.assert_allclose(sparse.alpha_, dense.alpha_, atol=1e-6)
    np.testing.assert_allclose(
        sparse.predict(container(X)), dense.predict(X), rtol=1e-6
    )


def test_feature_names_and_read_only_frames():
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    model = AlphaCombinerRegressor(regressors()).fit(X, y)
    assert list(model.feature_names_in_) == list(X.columns)
    assert model.n_features_in_ == X.shape[1]
    plain = AlphaCombinerRegressor(regressors()).fit(X.to_numpy(), y.to_numpy())
    np.testing.assert_array_equal(model.predict(X), plain.predict(X.to_numpy()))
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(X[X.columns[::-1]])


def test_inputs_and_estimators_are_not_changed():
    X, y = data("wine")

    class Careless(GaussianNB):
        def fit(self, X, y):
            super().fit(X, y)
            X[:] = 0
            return self

    named = [("careless", Careless()), ("bayes", GaussianNB())]
    before = joblib.hash((X, y))
    model = AlphaCombinerClassifier(named).fit(X, y)
    assert joblib.hash((X, y)) == before
    assert not hasattr(named[1][1], "classes_")
    np.testing.assert_array_equal(model.alpha_, [0.5, 0.5])


def test_new_data_are_cast_to_the_fitted_dtype():
    X, y = data("wine")
    model = AlphaCombinerClassifier(classifiers()).fit(X.astype(np.float32), y)
    proba = [model.predict_proba(X.astype(t)) for t in (np.float32, np.float64)]
    np.testing.assert_array_equal(*proba)


def test_nested_parameters_are_reachable():
    X, y = data("wine")
    model = AlphaCombinerClassifier(classifiers(), cv=3)
    assert model.get_params()["logistic__C"] == 0.01
    assert "logistic__C" not in model.get_params(deep=False)
    model.set_params(logistic__C=2.0, bayes="drop").fit(X, y)
    assert model.named_estimators_["logistic"].C == 2.0
    assert model.named_estimators_["bayes"] == "drop"
    assert model.named_estimators_.tree is model.estimators_[1]
    assert model.alpha_.shape == (2,)
    search = GridSearchCV(
        AlphaCombinerClassifier(classifiers(), cv=3),
        {"logistic__C": [0.01, 1.0], "tree": ["drop", DecisionTreeClassifier()]},
        cv=3,
    )
    assert search.fit(X, y).best_score_ > 0.9


def test_predict_reads_what_was_fitted():
    X, y = data("wine")
    model = AlphaCombinerClassifier(classifiers(), loss="squared_hinge").fit(X, y)
    proba, margins = model.predict_proba(X), model.decision_function(X)
    model.set_params(
        loss="log_loss", alpha=[1, 0, 0], cv="prefit", bayes="drop", tree__max_depth=1
    )
    np.testing.assert_array_equal(model.predict_proba(X), proba)
    np.testing.assert_array_equal(model.decision_function(X), margins)


@pytest.mark.parametrize(
    "fails", [{"bayes": "nothing"}, {"alpha": [1.0]}, {"cv": 1000}]
)
def test_a_failed_refit_leaves_the_old_model(fails):
    X, y = data("wine")
    model = AlphaCombinerClassifier(classifiers()).fit(X, y)
    before = digest(model, X)
    with pytest.raises((TypeError, ValueError)):
        model.set_params(**fails).fit(X[:, :3], y + 10)
    assert digest(model, X) == before
    assert model.n_features_in_ == X.shape[1]


def test_decision_function_is_there_for_margins_only():
    named = classifiers()
    assert hasattr(
        AlphaCombinerClassifier(named, loss="squared_hinge"), "decision_function"
    )
    assert not hasattr(AlphaCombinerClassifier(named), "decision_function")
    assert not hasattr(AlphaCombinerRegressor(regressors()), "predict_proba")


def test_pickle_clone_and_repr():
    X, y = data("wine")
    model = AlphaCombinerClassifier(classifiers(), loss="squared_hinge").fit(X, y)
    again = pickle.loads(pickle.dumps(model))
    assert digest(again, X) == digest(model, X)
    assert not hasattr(clone(model), "alpha_")
    assert "logistic" in repr(model)
    assert "logistic" in model._repr_html_()


def test_combiners_nest():
    X, y = data("wine")
    inner = AlphaCombinerClassifier(classifiers(), loss="squared_hinge", cv=3)
    named = [("inner", inner), ("svc", LinearSVC())]
    model = AlphaCombinerClassifier(named, loss="squared_hinge", cv=3).fit(X, y)
    assert model.score(X, y) > 0.95
    assert "inner__logistic__C" in model.get_params()


def test_the_tag_for_sparse_data_is_that_of_all_estimators():
    X, y = data("diabetes")

    class DenseOnly(RegressorMixin, BaseEstimator):
        def fit(self, X, y):
            return self

    tags = AlphaCombinerRegressor([("ridge", Ridge())]).__sklearn_tags__()
    assert tags.input_tags.sparse
    model = AlphaCombinerRegressor([("ridge", Ridge()), ("dense", DenseOnly())])
    assert not model.__sklearn_tags__().input_tags.sparse
    with pytest.raises(TypeError, match="Sparse data was passed"):
        model.fit(csr_array(X), y)


def test_frozen_estimators_with_names_need_the_same_columns():
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    frozen = FrozenEstimator(Ridge().fit(X[X.columns[::-1]], y))
    with pytest.raises(ValueError, match="'ridge' was fitted on the features"):
        AlphaCombinerRegressor([("ridge", frozen)]).fit(X, y)
    frame = pd.DataFrame(X.to_numpy())  # no string names: nothing to compare
    AlphaCombinerRegressor([("linear", LinearRegression())]).fit(frame, y)
