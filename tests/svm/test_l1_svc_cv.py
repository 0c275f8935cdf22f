"""L1SVCCV: the choice of C is that of a plain loop, the model that of L1SVC."""

import pickle
import warnings

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.sparse import csc_array, csr_array
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.exceptions import (
    ConvergenceWarning,
    NotFittedError,
    UnsetMetadataPassedError,
)
from sklearn.metrics import accuracy_score, get_scorer, make_scorer
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    LeaveOneOut,
    PredefinedSplit,
    ShuffleSplit,
    cross_validate,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import skexperts
from skexperts import PartitionedExpertsClassifier
from skexperts._experts import output_kind
from skexperts.svm import L1SVC, L1SVCCV, l1_svc_path
from skexperts.svm._cross_validation import _first_best

TIGHT = {"tol": 1e-10, "max_iter": 10_000}


def scaled(load):
    X, y = load(return_X_y=True)
    return StandardScaler().fit_transform(X), y


def blobs(seed=0, n=90, d=4, n_classes=3):
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(n) % n_classes)
    return rng.normal(size=(n_classes, d))[y] + rng.normal(size=(n, d)), y


def assert_same_bits(one, other):
    for name in ("C_", "Cs_", "scores_", "coef_", "intercept_", "dual_gap_", "n_iter_"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


# The choice ---------------------------------------------------------------------------


@pytest.mark.parametrize("load", [load_wine, load_breast_cancer])
@pytest.mark.parametrize("scoring", [None, "neg_log_loss", "balanced_accuracy"])
@pytest.mark.parametrize("class_weight", [None, "balanced"])
@pytest.mark.parametrize("sparse", [False, True])
def test_the_choice_is_that_of_a_grid_search(load, scoring, class_weight, sparse):
    X, y = scaled(load)
    X = csr_array(X) if sparse else X
    options = {"class_weight": class_weight, **TIGHT}
    model = L1SVCCV(Cs=6, scoring=scoring, **options).fit(X, y)
    search = GridSearchCV(L1SVC(**options), {"C": model.Cs_}, scoring=scoring)
    search.fit(X, y)
    assert search.best_params_["C"] == model.C_
    for fold in range(5):
        expected = search.cv_results_[f"split{fold}_test_score"]
        np.testing.assert_allclose(model.scores_[:, fold], expected, atol=1e-5)
    best = search.best_estimator_
    np.testing.assert_allclose(model.coef_, best.coef_, atol=1e-5)
    np.testing.assert_allclose(model.intercept_, best.intercept_, atol=1e-5)
    np.testing.assert_array_equal(model.predict(X), best.predict(X))


def test_weights_count_in_fits_and_scores():
    X, y = blobs()
    weight = np.random.default_rng(0).uniform(0.1, 3, len(y))
    splits = list(KFold(3).split(X))
    model = L1SVCCV(Cs=[1.0, 0.01, 0.1], cv=splits, **TIGHT)
    model.fit(X, y, sample_weight=weight)
    np.testing.assert_array_equal(model.Cs_, [0.01, 0.1, 1.0])
    for fold, (train, test) in enumerate(splits):
        for C, score in zip(model.Cs_, model.scores_[:, fold], strict=True):
            plain = L1SVC(C=C, **TIGHT).fit(X[train], y[train], weight[train])
            assert score == plain.score(X[test], y[test], weight[test])


def test_ties_go_to_the_smallest_C():
    X, y = blobs()
    model = L1SVCCV(Cs=4, scoring=lambda estimator, X, y: 1.0).fit(X, y)
    assert model.Cs_[0] == model.C_
    assert not model.coef_.any()
    assert (model.n_iter_ >= 1).all()
    np.testing.assert_array_equal(model.scores_, np.ones((4, 5)))


def test_rounding_does_not_break_ties():
    means = np.array([[0.0, 0.0, 0.0], [0.1, 0.2, 0.3], [0.3, 0.2, 0.1]]).mean(axis=1)
    for values in (means, means[[0, 2, 1]]):
        assert _first_best(values) == 1
    assert means[1] != means[2]


def test_the_values_of_C_are_those_of_the_path():
    X, y = scaled(load_wine)
    model = L1SVCCV(class_weight="balanced").fit(X, y)
    Cs, coefs, intercepts, gaps = l1_svc_path(X, y, class_weight="balanced")
    best = int(np.flatnonzero(Cs == model.C_)[0])
    assert 0 < best < 20
    np.testing.assert_array_equal(model.Cs_, Cs)
    np.testing.assert_array_equal(model.coef_, coefs[best])
    np.testing.assert_array_equal(model.intercept_, intercepts[best])
    np.testing.assert_array_equal(model.dual_gap_, gaps[best])


@pytest.mark.parametrize("n_classes", [2, 3])
def test_attributes(n_classes):
    X, y = blobs(n_classes=n_classes)
    model = L1SVCCV(cv=4).fit(X, y)
    n_problems = 1 if n_classes == 2 else 3
    assert model.scores_.shape == (20, 4)
    assert model.Cs_.shape == (20,)
    assert isinstance(model.C_, float)
    assert model.coef_.shape == (n_problems, 4)
    for name in ("intercept_", "n_iter_", "dual_gap_"):
        assert getattr(model, name).shape == (n_problems,)
    assert model.classes_.tolist() == list(range(n_classes))
    assert model.n_features_in_ == 4
    assert output_kind(model) == "margin"


# Weights ------------------------------------------------------------------------------


@pytest.mark.parametrize("class_weight", [None, "balanced"])
@pytest.mark.parametrize("sparse", [False, True])
def test_weight_is_repetition(sparse, class_weight):
    X, y = blobs()
    weight = np.random.default_rng(1).integers(0, 4, size=len(y))
    convert = csr_array if sparse else np.asarray
    fold = np.arange(len(y)) % 3
    # At coefficients of zero rounding chooses among balanced classes.
    scoring = "neg_log_loss"
    model = L1SVCCV(Cs=5, class_weight=class_weight, scoring=scoring, **TIGHT)
    one = clone(model).set_params(cv=PredefinedSplit(fold))
    other = clone(model).set_params(cv=PredefinedSplit(np.repeat(fold, weight)))
    one.fit(convert(X), y, sample_weight=weight)
    other.fit(convert(np.repeat(X, weight, axis=0)), np.repeat(y, weight))
    np.testing.assert_allclose(one.Cs_, other.Cs_, rtol=1e-10)
    np.testing.assert_allclose(one.scores_, other.scores_, atol=1e-12)
    assert pytest.approx(other.C_) == one.C_
    np.testing.assert_allclose(one.coef_, other.coef_, atol=1e-5)


@pytest.mark.parametrize("cv", [None, 3, KFold(3)])
def test_zero_weight_is_absence(cv):
    X, y = blobs(n_classes=4, n=120)
    weight = np.where(y == 3, 0.0, np.random.default_rng(0).uniform(1, 2, len(y)))
    X[y == 3] *= 1e6
    model = L1SVCCV(Cs=4).fit(X, y, sample_weight=weight)
    kept = y < 3
    other = L1SVCCV(Cs=4).fit(X[kept], y[kept], sample_weight=weight[kept])
    assert_same_bits(model, other)
    np.testing.assert_array_equal(model.classes_, [0, 1, 2])


# Routing ------------------------------------------------------------------------------


def test_groups_reach_the_splitter():
    X, y = blobs()
    groups = np.arange(len(y)) // 9
    with pytest.raises(ValueError, match="enable_metadata_routing"):
        L1SVCCV(cv=GroupKFold(3)).fit(X, y, groups=groups)
    with config_context(enable_metadata_routing=True):
        routed = L1SVCCV(Cs=4, cv=GroupKFold(3)).fit(X, y, groups=groups)
    splits = list(GroupKFold(3).split(X, y, groups))
    assert_same_bits(routed, L1SVCCV(Cs=4, cv=splits).fit(X, y))


def test_weights_reach_the_scorer_if_it_requests_them():
    X, y = blobs()
    weight = np.random.default_rng(0).uniform(0.1, 3, len(y))
    scorer = get_scorer("accuracy")
    plain = L1SVCCV(Cs=4).fit(X, y, sample_weight=weight)
    with config_context(enable_metadata_routing=True):
        requests = L1SVCCV(Cs=4, scoring=scorer.set_score_request(sample_weight=True))
        assert_same_bits(plain, requests.fit(X, y, sample_weight=weight))
        scorer = get_scorer("accuracy").set_score_request(sample_weight=False)
        refuses = L1SVCCV(Cs=4, scoring=scorer).fit(X, y, sample_weight=weight)
        pipeline = make_pipeline(requests.set_fit_request(sample_weight=True))
        assert_same_bits(plain, pipeline.fit(X, y, sample_weight=weight)[-1])
    assert (refuses.scores_ != plain.scores_).any()
    # Shares of the 18 rows of a fold, each of which counts 1.
    shares = 18 * refuses.scores_
    np.testing.assert_allclose(shares, np.round(shares), atol=1e-12)


def test_a_scorer_must_say_whether_it_takes_weights():
    X, y = blobs()
    with (
        config_context(enable_metadata_routing=True),
        pytest.raises(UnsetMetadataPassedError, match="sample_weight"),
    ):
        L1SVCCV(Cs=4).fit(X, y, sample_weight=np.ones(len(y)))


def test_routing_without_metadata():
    X, y = blobs()
    with config_context(enable_metadata_routing=True):
        assert_same_bits(L1SVCCV(Cs=3).fit(X, y), L1SVCCV(Cs=3, cv=5).fit(X, y))


# Inputs -------------------------------------------------------------------------------


@pytest.mark.parametrize("sparse", [False, True])
def test_bits_do_not_depend_on_n_jobs(sparse):
    X, y = scaled(load_digits)
    X, y = (csr_array(X) if sparse else X)[:400], y[:400]
    one = L1SVCCV(Cs=4, cv=3).fit(X, y)
    assert_same_bits(one, L1SVCCV(Cs=4, cv=3, n_jobs=2).fit(X, y))
    with joblib.parallel_backend("threading", n_jobs=2):
        assert_same_bits(one, L1SVCCV(Cs=4, cv=3).fit(X, y))


@pytest.mark.parametrize("container", [np.asfortranarray, csc_array, csr_array])
def test_float32(container):
    X, y = scaled(load_wine)
    X = container(X.astype(np.float32))
    model = L1SVCCV(Cs=5).fit(X, y)
    assert model.coef_.dtype == np.float32
    assert model.score(X, y) > 0.95
    np.testing.assert_allclose(
        model.Cs_, L1SVCCV(Cs=5).fit(*scaled(load_wine)).Cs_, 1e-4
    )


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_data_frames(frame):
    X, y = scaled(load_wine)
    names = [f"f{j}" for j in range(X.shape[1])]
    table = frame(dict(zip(names, X.T, strict=True)))
    plain, model = L1SVCCV(Cs=3).fit(X, y), L1SVCCV(Cs=3).fit(table, y)
    assert_same_bits(plain, model)
    assert model.feature_names_in_.tolist() == names
    np.testing.assert_array_equal(model.predict_proba(table), plain.predict_proba(X))


@pytest.mark.parametrize("sparse", [False, True])
def test_read_only_inputs_stay_as_they_are(sparse):
    X, y = blobs()
    S = csr_array(X) if sparse else X
    arrays = [y, np.ones(len(y))]
    arrays += [S.data, S.indices, S.indptr] if sparse else [S]
    before = [array.copy() for array in arrays]
    for array in arrays:
        array.flags.writeable = False
    L1SVCCV(Cs=3).fit(S, y, sample_weight=arrays[1]).predict_proba(S)
    for one, other in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(one, other)


def test_labels_are_text():
    X, y = blobs()
    labels = np.array(["c", "a", "b"], dtype=object)[y]
    model = L1SVCCV(Cs=4, scoring="f1_macro").fit(X, labels)
    assert model.classes_.tolist() == ["a", "b", "c"]
    assert model.score(X, labels) > 0.5
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    margins = model.decision_function(X)
    np.testing.assert_allclose(model.sparsify().decision_function(X), margins)


def test_constant_X():
    y = np.arange(30) % 3
    model = L1SVCCV(Cs=3).fit(np.ones((30, 2)), y)
    assert model.C_ == model.Cs_[0] == 1.0
    assert not model.coef_.any()


# Warnings and errors ------------------------------------------------------------------


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_one_warning_for_all_folds(n_jobs):
    X, y = scaled(load_wine)
    model = L1SVCCV(Cs=4, tol=1e-13, max_iter=1, n_jobs=n_jobs)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(X, y)
    (warning,) = caught
    assert warning.category is ConvergenceWarning
    assert warning.filename == __file__


def fit_and_fail(model, X, y, message, **arguments):
    before = vars(model).copy()
    with pytest.raises(ValueError, match=message):
        model.fit(X, y, **arguments)
    assert vars(model).keys() == before.keys()
    assert all(vars(model)[name] is before[name] for name in before)


@pytest.mark.parametrize("fitted", [False, True])
def test_a_failed_fit_leaves_the_estimator_as_it_was(fitted):
    X, y = blobs()
    model = L1SVCCV(Cs=3)
    if fitted:
        model.fit(X, y)
    ordered, (first, rest) = np.sort(y), np.split(np.arange(90), [60])
    cases = [
        ({"cv": KFold(3)}, X, ordered, "fold 0 have none of the classes .0."),
        ({"cv": [(first, rest), (first, [])]}, X, y, "fold 1 has no test row"),
        ({"cv": [([], rest)]}, X, y, "fold 0 has no training row"),
        ({"scoring": lambda *_: np.nan}, X, y, "fold 0 has the score nan"),
        ({"scoring": make_scorer(lambda *_: np.inf)}, X, y, "fold 0 has the score inf"),
        ({"scoring": accuracy_score}, X, y, "scoring"),
        ({"Cs": [-1.0]}, X, y, "Cs must be"),
        ({"cv": 31}, X, y, "n_splits=31"),
        ({}, X, np.zeros(90), "only one class"),
        ({"class_weight": {0: 0, 1: 0, 2: 0}}, X, y, "no row of positive weight"),
        ({}, np.where(X > 1, np.nan, X), y, "NaN"),
    ]
    for parameters, new_X, new_y, message in cases:
        fit_and_fail(model.set_params(**parameters), new_X, new_y, message)
        model.set_params(cv=None, scoring=None, Cs=3, class_weight=None)
    fit_and_fail(model, X, y, "sample_weight", sample_weight=np.ones(3))
    with pytest.raises(NotFittedError):
        clone(model).predict(X)


@pytest.mark.parametrize(
    "parameter",
    [
        {"Cs": 0},
        {"eps": 1.0},
        {"cv": "five"},
        {"scoring": "precise"},
        {"class_weight": "balance"},
        {"fit_intercept": "yes"},
        {"tol": -1e-4},
        {"max_iter": 0},
        {"n_jobs": 1.5},
    ],
    ids=str,
)
def test_bad_parameters(parameter):
    (name,) = parameter
    with pytest.raises(ValueError, match=f"The '{name}' parameter of L1SVCCV must be"):
        L1SVCCV(**parameter).fit(*blobs())


# Compositions -------------------------------------------------------------------------


def test_signature():
    assert skexperts.L1SVCCV is L1SVCCV
    assert L1SVCCV(5).Cs == 5
    with pytest.raises(TypeError):
        L1SVCCV(5, 1e-3)
    assert L1SVCCV().get_params() == {
        "Cs": 20,
        "eps": 1e-3,
        "cv": None,
        "scoring": None,
        "class_weight": None,
        "fit_intercept": True,
        "tol": 1e-4,
        "max_iter": 1000,
        "n_jobs": None,
    }


@pytest.mark.parametrize(
    "cv", [LeaveOneOut(), ShuffleSplit(3, random_state=0), iter([([0, 1, 2], [3, 4])])]
)
def test_any_splitter(cv):
    X, y = blobs(n=12, n_classes=2)
    y[:5] = [0, 1, 0, 1, 0]
    assert L1SVCCV(Cs=3, cv=cv).fit(X, y).scores_.shape[0] == 3


def test_as_expert_in_a_pipeline_and_in_cross_validation():
    X, y = scaled(load_wine)
    model = make_pipeline(StandardScaler(), L1SVCCV(Cs=5, cv=3))
    assert cross_validate(model, X, y, n_jobs=2)["test_score"].mean() > 0.9
    experts = PartitionedExpertsClassifier(
        L1SVCCV(Cs=3, cv=2), n_experts=2, random_state=0, n_jobs=2
    )
    assert experts.fit(X, y).score(X, y) > 0.9


def test_the_scorer_sees_the_parameters_of_the_fit():
    X, y = load_wine(return_X_y=True)
    seen = []

    def scorer(model, X, y):
        seen.append((model.C, model.tol, model.fit_intercept, model.max_iter))
        return model.score(X, y)

    options = {"tol": 1e-2, "fit_intercept": False, "max_iter": 77}
    model = L1SVCCV(Cs=3, cv=2, scoring=scorer, **options).fit(X, y)
    assert seen == [(C, 1e-2, False, 77) for C in model.Cs_] * 2


def test_a_score_is_a_number():
    X, y = load_wine(return_X_y=True)
    with pytest.raises(ValueError, match="scoring must give a number"):
        L1SVCCV(Cs=2, scoring=lambda model, X, y: {"accuracy": 1.0}).fit(X, y)


@pytest.mark.parametrize("Cs", [np.array(5.0), {1.0, 2.0}, [], [[1.0]], [0.0], ["a"]])
def test_values_of_C_are_checked(Cs):
    X, y = load_wine(return_X_y=True)
    with pytest.raises(ValueError, match="Cs must be an integer or|'Cs' parameter"):
        L1SVCCV(Cs=Cs).fit(X, y)
