"""Gated experts as estimators: checks, forms of the same data, what they say of X."""

import pickle

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.sparse import coo_array, csc_array, csr_array, csr_matrix
from scipy.special import softmax
from sklearn.preprocessing import StandardScaler
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.estimator_checks import parametrize_with_checks

from skexperts import GatedExpertsClassifier, GatedExpertsRegressor
from skexperts.datasets import make_piecewise_classification, make_piecewise_regression

CLASSIFIERS = [
    GatedExpertsClassifier(max_iter=20),
    GatedExpertsClassifier(loss="squared_hinge", gate="sigmoid", max_iter=20),
    GatedExpertsClassifier(shared=True, init="uniform", alpha=1e-3, max_iter=20),
    GatedExpertsClassifier(n_estimators=2, n_jobs=2, top_k=1, max_iter=20),
    GatedExpertsClassifier(
        early_stopping=True,
        validation_fraction=0.3,
        class_weight="balanced",
        init="normal",
        learning_rate_init=0.1,
        batch_size=4,
        max_iter=20,
    ),
]
REGRESSORS = [
    GatedExpertsRegressor(max_iter=20),
    GatedExpertsRegressor(loss="huber", gate="sigmoid", shared=True, max_iter=20),
    GatedExpertsRegressor(early_stopping=True, n_estimators=2, max_iter=20),
    GatedExpertsRegressor(init="normal", alpha=1e-3, balance=0, max_iter=20),
]
WEIGHT_CHECKS = (
    "check_sample_weight_equivalence_on_dense_data",
    "check_sample_weight_equivalence_on_sparse_data",
)


@pytest.mark.filterwarnings("ignore")
@parametrize_with_checks(
    CLASSIFIERS + REGRESSORS,
    expected_failed_checks=lambda estimator: dict.fromkeys(
        WEIGHT_CHECKS, "batches are drawn by row, whatever the weights"
    ),
    xfail_strict=True,
)
def test_scikit_learn_check(estimator, check):
    check(estimator)


def classes(n_samples=400, n_classes=4, n_features=6):
    X, y, model = make_piecewise_classification(
        n_samples, n_features, n_regions=4, return_model=True, random_state=0
    )
    y = y if n_classes == 2 else y * 2 + (model.regions > 1)
    return StandardScaler().fit_transform(X), y[:n_samples]


def values(n_samples=400, n_outputs=1):
    X, y = make_piecewise_regression(n_samples, 6, n_regions=4, random_state=0)
    X = StandardScaler().fit_transform(X)
    if n_outputs == 1:
        return X, 100 + 20 * y
    scales = np.array([1.0, 100, 0.01, 7, 1e5])[:n_outputs]
    return X, np.outer(y, scales) + scales * 30 * np.abs(X[:, :1])


def classifier(**options):
    return GatedExpertsClassifier(
        **({"n_experts": 6, "top_k": 3, "max_iter": 6, "random_state": 0} | options)
    )


def regressor(**options):
    return GatedExpertsRegressor(
        **({"n_experts": 6, "top_k": 3, "max_iter": 6, "random_state": 0} | options)
    )


def say(model, X):
    return getattr(model, "decision_function", model.predict)(X)


def problems():
    """Models of all kinds with their data."""
    return [
        (classifier(), classes()),
        (classifier(shared=True, gate="sigmoid"), classes(n_classes=2)),
        (classifier(n_estimators=2, loss="squared_hinge", top_k=20), classes()),
        (regressor(), values()),
        (regressor(shared=True, n_estimators=3, loss="huber"), values()),
        (regressor(shared=True, gate="sigmoid"), values(n_outputs=5)),
        (regressor(n_estimators=2, init="normal", alpha=0.01), values(n_outputs=2)),
    ]


@pytest.fixture(params=range(len(problems())))
def problem(request):
    return problems()[request.param]


# The same fit -------------------------------------------------------------------------


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_bits_do_not_depend_on_jobs(backend):
    X, y = classes()
    one = classifier(n_estimators=3).fit(X, y)
    with joblib.parallel_backend(backend):
        two = classifier(n_estimators=3, n_jobs=2).fit(X, y)
    np.testing.assert_array_equal(say(one, X), say(two, X))
    np.testing.assert_array_equal(one.coef_, two.coef_)
    assert one.loss_curve_ == two.loss_curve_


def test_bits_depend_on_the_seed_only(problem):
    model, (X, y) = problem
    first = say(model.fit(X, y), X)
    again = say(model.fit(X.copy(), y.copy()), X)
    np.testing.assert_array_equal(first, again)
    other = say(model.set_params(random_state=1).fit(X, y), X)
    assert (first != other).any()


def frozen(X):
    X = X.copy()
    X.flags.writeable = False
    return X


@pytest.mark.parametrize(
    "form",
    [np.asfortranarray, frozen, np.ndarray.tolist, lambda X: X.astype(np.float32)],
    ids=["fortran", "read-only", "list", "float32"],
)
def test_bits_do_not_depend_on_the_form_of_dense_rows(problem, form):
    model, (X, y) = problem
    expected = say(model.fit(X, y), X)
    coef = model.coef_
    found = say(model.fit(form(X), y), form(X))
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(model.coef_, coef)


def thinned(X):
    """Columns with many zeros whose means are 0, so that dense ones are centred."""
    X = np.where(np.abs(X) < 0.5, 0, X)
    return np.concatenate([X, -X])


@pytest.mark.parametrize("form", [csr_matrix, csr_array, csc_array, coo_array])
def test_sparse_rows_are_the_same_rows(problem, form):
    model, (X, y) = problem
    X, y = thinned(X), np.concatenate([y, y])
    model.set_params(max_iter=2, learning_rate_init=0.01)
    expected = say(model.fit(X, y), X)
    np.testing.assert_allclose(say(model, form(X)), expected, rtol=1e-3, atol=1e-3)
    found = say(model.fit(form(X), y), X)
    scale = np.abs(expected).max(axis=0)
    np.testing.assert_allclose(found / scale, expected / scale, atol=2e-2)


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_frames_give_names(frame):
    X, y = classes()
    names = [f"x{j}" for j in range(X.shape[1])]
    table = frame(dict(zip(names, X.T, strict=True)))
    model = classifier().fit(table, y)
    assert model.feature_names_in_.tolist() == names
    np.testing.assert_array_equal(say(model, table), say(classifier().fit(X, y), X))
    with pytest.raises(ValueError, match="feature names"):
        model.predict(table[names[::-1]])


def test_rows_of_weight_0_are_left_out(problem):
    model, (X, y) = problem
    weights = np.tile([1.0, 0.5, 0.0, 2.0], len(y) // 4)
    kept = weights > 0
    some = say(model.fit(X[kept], y[kept], sample_weight=weights[kept]), X)
    whole = say(model.fit(X, y, sample_weight=weights), X)
    np.testing.assert_array_equal(whole, some)
    assert model.fit_report_["n_routed"].sum() == (
        kept.sum() * model.n_estimators * min(model.top_k, model.n_experts)
    )


@pytest.mark.parametrize("init", ["kmeans", "normal"])
def test_only_ratios_of_weights_count(problem, init):
    model, (X, y) = problem
    model.set_params(init=init)
    weights = np.tile([1.0, 0.5, 0.25, 2.0], len(y) // 4)
    first = say(model.fit(X, y, sample_weight=weights), X)
    again = say(model.fit(X, y, sample_weight=1024 * weights), X)
    np.testing.assert_allclose(again, first, rtol=1e-5, atol=1e-6)
    equal = say(model.fit(X, y, sample_weight=np.full(len(y), 4.0)), X)
    without = say(model.fit(X, y), X)
    np.testing.assert_allclose(equal, without, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("class_weight", ["balanced", {0: 3.0, 1: 0.5}])
def test_class_weights_are_sample_weights(class_weight):
    X, y = classes()
    given = np.linspace(0.5, 2, len(y))
    weights = given * compute_sample_weight(class_weight, y)
    if class_weight == "balanced":
        weights = given * (given.sum() / (4 * np.bincount(y, given)))[y]
    own = classifier(class_weight=class_weight).fit(X, y, sample_weight=given)
    plain = classifier().fit(X, y, sample_weight=weights)
    np.testing.assert_allclose(say(own, X), say(plain, X), atol=1e-5)


def test_weights_matter():
    X, y = classes(n_classes=2)
    heavy = np.where(y, 20.0, 1.0)
    model = classifier().fit(X, y)
    weighted = classifier().fit(X, y, sample_weight=heavy)
    assert weighted.predict(X).mean() > model.predict(X).mean()


# What a model says --------------------------------------------------------------------


def by_hand(model, X):
    """Compute the outputs by the published coefficients."""
    size = model.n_experts_ // model.n_estimators
    k = min(model.top_k, size)
    total = 0
    for first in range(0, model.n_experts_, size):
        own = slice(first, first + size)
        logits = X @ model.gate_coef_[own].T + model.gate_intercept_[own]
        if model.gate == "sigmoid":
            weights = 1 / (1 + np.exp(-logits))
        else:
            weights = np.exp(logits - logits.max(axis=1, keepdims=True))
        kth = np.sort(logits, axis=1)[:, [-k]]
        weights = np.where(logits >= kth, weights, 0)
        weights /= weights.sum(axis=1, keepdims=True)
        said = np.einsum("ij,kcj->ikc", X, model.coef_[own]) + model.intercept_[own]
        total = total + np.einsum("ik,ikc->ic", weights, said)
    total = total / model.n_estimators
    if model.shared:
        total += X @ model.shared_coef_.T + model.shared_intercept_
    return total


def test_attributes_reproduce_outputs(problem):
    model, (X, y) = problem
    said = say(model.fit(X, y), X).reshape(len(X), -1)
    scale = np.abs(said).max(axis=0)
    np.testing.assert_allclose(by_hand(model, X) / scale, said / scale, atol=1e-4)
    n = said.shape[1]
    assert model.coef_.shape == (model.n_experts_, n, X.shape[1])
    assert model.intercept_.shape == (model.n_experts_, n)
    assert model.gate_coef_.shape == (model.n_experts_, X.shape[1])
    assert model.gate_intercept_.shape == (model.n_experts_,)
    assert hasattr(model, "shared_coef_") == model.shared
    assert model.n_iter_ == len(model.loss_curve_) == model.max_iter


@pytest.mark.parametrize("form", [np.asarray, csr_array])
def test_routing_and_outputs_of_experts_reproduce_outputs(problem, form):
    model, (X, y) = problem
    rows = form(X[:50])
    said = say(model.fit(X, y), rows).reshape(50, -1)
    routing, outputs = model.route(rows), model.expert_outputs(rows)
    k = min(model.top_k, model.n_experts) * model.n_estimators
    assert routing.shape == (50, model.n_experts_)
    assert (np.diff(routing.indptr) == k).all()
    assert routing.has_canonical_format
    assert routing.data.min() >= 0
    np.testing.assert_allclose(routing.sum(axis=1), 1, rtol=1e-6)
    total = (routing.data[:, None] * outputs).reshape(50, k, -1).sum(axis=1)
    if model.shared:
        total += X[:50] @ model.shared_coef_.T + model.shared_intercept_
    scale = np.abs(said).max(axis=0)
    np.testing.assert_allclose(total / scale, said / scale, atol=1e-4)
    coef = np.asarray(model.coef_[routing.indices])
    expected = np.einsum("pcj,pj->pc", coef, np.repeat(X[:50], k, axis=0))
    expected += model.intercept_[routing.indices]
    np.testing.assert_allclose(outputs / scale, expected / scale, atol=1e-4)


def test_a_row_is_answered_alone_as_among_others(problem):
    model, (X, y) = problem
    whole = say(model.fit(X, y), X)
    for i in (0, 17, len(X) - 1):
        np.testing.assert_array_equal(say(model, X[[i]])[0], whole[i])


def test_probabilities_follow_from_outputs():
    X, y = classes()
    model = classifier().fit(X, y)
    said, found = model.decision_function(X), model.predict_proba(X)
    np.testing.assert_allclose(found, softmax(said, axis=1))
    np.testing.assert_array_equal(model.predict(X), model.classes_[said.argmax(axis=1)])
    X, y = classes(n_classes=2)
    names = np.array(["no", "yes"])[y]
    model = classifier().fit(X, names)
    said, found = model.decision_function(X), model.predict_proba(X)
    np.testing.assert_allclose(found[:, 1], 1 / (1 + np.exp(-said)))
    np.testing.assert_allclose(found.sum(axis=1), 1)
    np.testing.assert_array_equal(model.predict(X) == "yes", said > 0)
    model = classifier(loss="squared_hinge").fit(X, names)
    said = model.decision_function(X)
    np.testing.assert_allclose(
        model.predict_proba(X)[:, 1], np.clip((said + 1) / 2, 0, 1), atol=1e-9
    )


def test_regression_does_not_depend_on_the_unit_of_y():
    X, y = values(n_outputs=2)
    first = regressor().fit(X, y)
    other = regressor().fit(X, y * [1024, 1 / 8] + [1e4, -5])
    np.testing.assert_allclose(
        (other.predict(X) - [1e4, -5]) / [1024, 1 / 8], first.predict(X), rtol=1e-3
    )
    column = regressor().fit(X, y[:, :1])
    flat = regressor().fit(X, y[:, 0])
    assert column.predict(X).shape == (len(X), 1)
    np.testing.assert_array_equal(column.predict(X)[:, 0], flat.predict(X))


def test_constant_target_is_predicted():
    X, _ = values()
    model = regressor().fit(X, np.full(len(X), 7.25))
    np.testing.assert_allclose(model.predict(X), 7.25, atol=1e-3)


# Models as files ----------------------------------------------------------------------


def test_pickled_models_say_the_same(problem):
    model, (X, y) = problem
    model.fit(X, y)
    other = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(say(other, X), say(model, X))
    np.testing.assert_array_equal(other.route(X).toarray(), model.route(X).toarray())
    streamed = pickle.loads(pickle.dumps(model.partial_fit(X, y))).partial_fit(X, y)
    np.testing.assert_array_equal(say(streamed, X), say(model.partial_fit(X, y), X))


def test_models_mapped_from_files_predict_and_learn(problem, tmp_path):
    model, (X, y) = problem
    joblib.dump(model.fit(X, y), tmp_path / "model")
    mapped = joblib.load(tmp_path / "model", mmap_mode="r")
    assert not mapped._models[0].table.flags.writeable
    np.testing.assert_array_equal(say(mapped, X), say(model, X))
    assert mapped.route(X).shape == model.route(X).shape
    np.testing.assert_array_equal(
        say(mapped.partial_fit(X, y), X), say(model.partial_fit(X, y), X)
    )
