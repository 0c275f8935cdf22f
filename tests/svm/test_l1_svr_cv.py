"""L1SVRCV: the choice of C is that of a plain loop and, without epsilon, of LassoCV."""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.sparse import csr_array
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LassoCV
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    LeaveOneOut,
    PredefinedSplit,
)
from sklearn.preprocessing import scale

import skexperts
from skexperts._experts import output_kind
from skexperts.svm import L1SVR, L1SVRCV

TIGHT = {"tol": 1e-10, "max_iter": 10_000}


def diabetes():
    X, y = load_diabetes(return_X_y=True)
    return scale(X), scale(y)


def assert_same_bits(one, other):
    for name in ("C_", "Cs_", "scores_", "coef_", "intercept_", "dual_gap_", "n_iter_"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


@pytest.mark.parametrize("epsilon", [0.0, 0.3])
@pytest.mark.parametrize("scoring", [None, "neg_mean_absolute_error"])
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("fit_intercept", [False, True])
def test_the_choice_is_that_of_a_grid_search(epsilon, scoring, sparse, fit_intercept):
    X, y = diabetes()
    X = csr_array(X) if sparse else X
    options = {"epsilon": epsilon, "fit_intercept": fit_intercept, **TIGHT}
    model = L1SVRCV(Cs=6, scoring=scoring, **options).fit(X, y)
    search = GridSearchCV(L1SVR(**options), {"C": model.Cs_}, scoring=scoring)
    search.fit(X, y)
    assert search.best_params_["C"] == model.C_
    for fold in range(5):
        expected = search.cv_results_[f"split{fold}_test_score"]
        np.testing.assert_allclose(model.scores_[:, fold], expected, atol=1e-6)
    best = search.best_estimator_
    np.testing.assert_allclose(model.coef_, best.coef_, atol=1e-6)
    assert model.intercept_ == pytest.approx(best.intercept_, abs=1e-6)


def test_by_squared_errors_it_is_the_lasso_of_its_fold():
    X, y = diabetes()
    splits = [(np.arange(300), np.arange(300, 400))]
    model = L1SVRCV(cv=splits, scoring="neg_mean_squared_error", **TIGHT).fit(X, y)
    # The penalty of the Lasso is on means, so on 300 rows alpha = 1 / (600 C).
    alphas = 1 / (600 * model.Cs_)
    lasso = LassoCV(alphas=alphas, cv=splits, tol=1e-10, max_iter=100_000).fit(X, y)
    np.testing.assert_allclose(-model.scores_[:, 0], np.ravel(lasso.mse_path_))
    assert lasso.alpha_ == pytest.approx(1 / (600 * model.C_))


def test_attributes():
    X, y = diabetes()
    model = L1SVRCV().fit(X, y)
    assert model.scores_.shape == (20, 5)
    assert model.Cs_[-1] / model.Cs_[0] == pytest.approx(1000)
    force = 2 * (y - y.mean())
    assert model.Cs_[0] == pytest.approx(1 / np.abs(X.T @ force).max())
    assert model.coef_.shape == (10,)
    for name in ("C_", "intercept_", "dual_gap_"):
        assert isinstance(getattr(model, name), float)
    assert isinstance(model.n_iter_, int)
    assert output_kind(model) == "value"
    assert skexperts.L1SVRCV is L1SVRCV
    np.testing.assert_allclose(model.predict(X), X @ model.coef_ + model.intercept_)


@pytest.mark.parametrize("epsilon", [0.0, 0.2])
@pytest.mark.parametrize("sparse", [False, True])
def test_weight_is_repetition(sparse, epsilon):
    X, y = diabetes()
    X, y = X[:90], y[:90]
    weight = np.random.default_rng(1).integers(0, 4, size=len(y))
    convert = csr_array if sparse else np.asarray
    fold = np.arange(len(y)) % 3
    model = L1SVRCV(Cs=5, epsilon=epsilon, **TIGHT)
    one = clone(model).set_params(cv=PredefinedSplit(fold))
    other = clone(model).set_params(cv=PredefinedSplit(np.repeat(fold, weight)))
    one.fit(convert(X), y, sample_weight=weight)
    other.fit(convert(np.repeat(X, weight, axis=0)), np.repeat(y, weight))
    np.testing.assert_allclose(one.Cs_, other.Cs_, rtol=1e-9)
    np.testing.assert_allclose(one.scores_, other.scores_, atol=1e-6)
    assert pytest.approx(other.C_) == one.C_
    np.testing.assert_allclose(one.coef_, other.coef_, atol=1e-5)


def test_zero_weight_is_absence():
    X, y = diabetes()
    weight = np.random.default_rng(0).integers(0, 3, len(y))
    kept = weight > 0
    X[~kept] *= 1e6
    one = L1SVRCV(Cs=5).fit(X, y, sample_weight=weight)
    other = L1SVRCV(Cs=5).fit(X[kept], y[kept], sample_weight=weight[kept])
    assert_same_bits(one, other)


@pytest.mark.parametrize("sparse", [False, True])
def test_bits_do_not_depend_on_n_jobs(sparse):
    X, y = diabetes()
    X = csr_array(X) if sparse else X
    assert_same_bits(L1SVRCV(Cs=5).fit(X, y), L1SVRCV(Cs=5, n_jobs=2).fit(X, y))


@pytest.mark.parametrize("epsilon", [0.0, 100.0])
def test_targets_that_need_no_coefficients(epsilon):
    X, y = diabetes()
    y = y if epsilon else np.full(len(y), 1 / 3)
    model = L1SVRCV(Cs=3, epsilon=epsilon, scoring="neg_mean_squared_error").fit(X, y)
    assert model.C_ == model.Cs_[0] == 1.0
    assert not model.coef_.any()
    assert model.n_iter_ == 1


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_data_frames(frame):
    X, y = diabetes()
    table = frame({f"f{j}": X[:, j] for j in range(X.shape[1])})
    plain, model = L1SVRCV(Cs=4).fit(X, y), L1SVRCV(Cs=4).fit(table, y)
    assert_same_bits(plain, model)
    assert model.feature_names_in_.tolist() == [f"f{j}" for j in range(10)]
    predicted = model.predict(table)
    np.testing.assert_allclose(model.sparsify().predict(table), predicted)


@pytest.mark.parametrize("sparse", [False, True])
def test_float32(sparse):
    X, y = diabetes()
    X = X.astype(np.float32)
    double = L1SVRCV(Cs=4).fit(X.astype(np.float64), y)
    model = L1SVRCV(Cs=4).fit(csr_array(X) if sparse else X, y)
    assert model.coef_.dtype == np.float32
    np.testing.assert_allclose(model.Cs_, double.Cs_, rtol=1e-12)
    np.testing.assert_allclose(model.scores_, double.scores_, atol=1e-3)


def test_groups_reach_the_splitter():
    X, y = diabetes()
    groups = np.arange(len(y)) // 40
    with config_context(enable_metadata_routing=True):
        routed = L1SVRCV(Cs=4, cv=GroupKFold(3)).fit(X, y, groups=groups)
    splits = list(GroupKFold(3).split(X, y, groups))
    assert_same_bits(routed, L1SVRCV(Cs=4, cv=splits).fit(X, y))


def test_folds_of_one_row_have_no_R2():
    X, y = diabetes()
    X, y = X[:20], y[:20]
    model = L1SVRCV(Cs=3, cv=LeaveOneOut())
    with (
        pytest.warns(UserWarning, match="not well-defined"),
        pytest.raises(ValueError, match="fold 0 has the score nan"),
    ):
        model.fit(X, y)
    assert vars(model) == vars(L1SVRCV(Cs=3, cv=model.cv))
    model.set_params(scoring="neg_mean_squared_error").fit(X, y)
    assert model.scores_.shape == (3, 20)


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_one_warning_for_all_folds(n_jobs):
    X, y = diabetes()
    model = L1SVRCV(Cs=4, epsilon=0.2, tol=1e-14, max_iter=1, n_jobs=n_jobs)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(X, y)
    (warning,) = caught
    assert warning.category is ConvergenceWarning
    assert warning.filename == __file__


@pytest.mark.parametrize(
    "parameter",
    [{"Cs": 0}, {"eps": 0}, {"epsilon": -1.0}, {"scoring": 1}, {"cv": "x"}],
    ids=str,
)
def test_bad_parameters(parameter):
    (name,) = parameter
    with pytest.raises(ValueError, match=f"The '{name}' parameter of L1SVRCV must be"):
        L1SVRCV(**parameter).fit(*diabetes())


def test_a_failed_fit_leaves_the_old_model():
    X, y = diabetes()
    model = L1SVRCV(Cs=3, cv=KFold(3)).fit(X, y)
    before = vars(model).copy()
    with pytest.raises(ValueError, match="NaN"):
        model.fit(X[:, :5], np.full(len(y), np.nan))
    assert vars(model) == before
    assert vars(clone(model)).keys() < before.keys()
