"""The selector keeps the contracts of scikit-learn and of this library."""

import pickle
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csc_array, csr_array, issparse
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.feature_selection import SelectKBest, f_classif, f_regression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skexperts import L1SVR, GatedExpertsClassifier, SparseFeatureSelector

STRATEGIES = ["t_test", "logistic", "pagerank", "betweenness", "kmeans", "dbscan"]


def make_problem(seed=0, n_features=14):
    """Correlated features of which three decide the class."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(120, n_features))
    X += 0.6 * rng.normal(size=(120, 3))[:, np.arange(n_features) % 3]
    X *= rng.random(X.shape) < 0.6
    return X, X[:, :3].sum(axis=1) + 0.3 * rng.normal(size=120)


@pytest.fixture(params=STRATEGIES)
def selector(request):
    return SparseFeatureSelector(request.param, k=5, random_state=0)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("make", [csr_array, csc_array])
def test_sparse_is_the_same_as_dense(selector, seed, make):
    X, y = make_problem(seed)
    y = np.digitize(y, [-1, 1])
    dense = clone(selector).fit(X, y)
    sparse = clone(selector).fit(make(X), y)
    # The intercept of sparse columns, which are not centred, costs a little.
    atol = 3e-3 if selector.strategy == "logistic" else 1e-9
    np.testing.assert_allclose(sparse.scores_, dense.scores_, atol=atol)
    np.testing.assert_array_equal(sparse.support_, dense.support_)
    kept = sparse.transform(make(X))
    assert issparse(kept) and kept.dtype == X.dtype
    np.testing.assert_array_equal(kept.toarray(), X[:, dense.support_])


def test_weights_are_repetitions(selector):
    X, y = make_problem()
    y = y > 0
    repeats = np.random.default_rng(1).integers(0, 4, size=len(y))
    weighted = clone(selector).fit(X, y, sample_weight=repeats)
    repeated = clone(selector).fit(np.repeat(X, repeats, axis=0), np.repeat(y, repeats))
    np.testing.assert_allclose(weighted.scores_, repeated.scores_, rtol=1e-3)
    np.testing.assert_array_equal(weighted.support_, repeated.support_)


@settings(max_examples=10)
@given(st.integers(0, 10**6))
def test_features_may_come_in_any_order_and_scale(seed):
    X, y = make_problem(seed)
    rng = np.random.default_rng(seed)
    order, scale = rng.permutation(X.shape[1]), 2.0 ** rng.integers(-9, 9, X.shape[1])
    for strategy in set(STRATEGIES) - {"kmeans"}:  # It begins at random features.
        selector = SparseFeatureSelector(strategy, k=5, random_state=0)
        scores = selector.fit(X, y > 0).scores_
        moved = selector.fit((X * scale)[:, order], y > 0).scores_
        np.testing.assert_allclose(moved, scores[order], rtol=2e-3, atol=1e-3)


@pytest.mark.parametrize("strategy", ["t_test", "logistic"])
@pytest.mark.parametrize("seed", range(5))
def test_planted_features_are_found(strategy, seed):
    X, y = make_problem(seed)
    selector = SparseFeatureSelector(strategy, k=3).fit(X, y > 0)
    assert selector.get_support(indices=True).tolist() == [0, 1, 2]


def test_t_test_of_a_quantity_is_the_f_test_of_regression():
    X, y = make_problem()
    scores = SparseFeatureSelector().fit(X, y).scores_
    np.testing.assert_allclose(scores**2, f_regression(X, y)[0], rtol=1e-9)


def test_task_decides_what_whole_numbers_are():
    X, y = make_problem()
    counts = np.round(y).astype(int)
    as_classes = SparseFeatureSelector().fit(X, counts).scores_
    as_quantity = SparseFeatureSelector(task="regression").fit(X, counts).scores_
    expected = SparseFeatureSelector().fit(X, counts + 1e-9).scores_
    np.testing.assert_allclose(as_quantity, expected, rtol=1e-6)
    assert not np.allclose(as_classes, as_quantity)
    with pytest.raises(ValueError, match="Unknown label type"):
        SparseFeatureSelector(task="classification").fit(X, y)


def test_ties_and_infinite_scores_go_by_the_index():
    X, y = make_problem()
    y = y > 0
    X = np.column_stack([np.zeros(120), X[:, 5], y, X[:, 5], 1 - 2.0 * y])
    selector = SparseFeatureSelector(k=3).fit(X, y)
    assert np.isinf(selector.scores_).tolist() == [False, False, True, False, True]
    assert selector.scores_[0] == 0
    assert selector.get_support(indices=True).tolist() == [1, 2, 4]
    assert selector.set_params(k=1).fit(X, y).get_support(indices=True) == [2]


def test_k_features_are_kept_and_more_than_there_are_warns(selector):
    X, y = make_problem()
    expected = 14
    for k in (1, 4, 14, "all"):
        support = selector.set_params(k=k).fit(X, y > 0).get_support()
        if selector.strategy == "dbscan":
            expected = (selector.scores_ > 0).sum()
        assert support.sum() == (expected if k == "all" else min(k, expected))
    with pytest.warns(UserWarning, match="k=15 is greater than the number of features"):
        selector.set_params(k=15).fit(X, y > 0)
    assert selector.get_support().sum() == expected


def test_only_strategies_that_read_y_need_it_or_check_it(selector):
    X, _ = make_problem()
    if selector.strategy in ("t_test", "logistic"):
        with pytest.raises(ValueError, match="requires y to be passed"):
            selector.fit(X)
    else:
        assert selector.fit(X).get_support().any()
    if selector.strategy in ("kmeans", "betweenness"):
        scores = selector.fit(X).scores_
        np.testing.assert_array_equal(selector.fit(X, np.ones(120)).scores_, scores)
    else:
        with pytest.raises(ValueError, match="y has only one class"):
            selector.fit(X, np.ones(120, dtype=int))


@pytest.mark.parametrize("strategy", ["t_test", "pagerank", "dbscan"])
def test_a_quantity_is_of_numbers(strategy):
    X = np.random.default_rng(0).normal(size=(20, 4))
    selector = SparseFeatureSelector(strategy, k=2, task="regression")
    with pytest.raises(ValueError, match="needs y of numbers. Got the type <U3"):
        selector.fit(X, ["low", "top"] * 10)
    assert not hasattr(selector, "n_features_in_")


def test_a_failed_fit_leaves_the_selector_as_it_was(selector):
    X, y = make_problem()
    with pytest.raises(ValueError):
        selector.fit(np.where(X > 0, X, np.nan), y > 0)
    assert not hasattr(selector, "n_features_in_")
    with pytest.raises(NotFittedError):
        selector.get_support()
    before = selector.fit(X, y > 0).get_support()
    with pytest.raises(ValueError, match="overflows. Scale X"):
        selector.fit(X[:, :7] * 1e200, y > 0)
    np.testing.assert_array_equal(selector.get_support(), before)
    assert selector.transform(X).shape == (120, before.sum())


def test_a_refit_forgets_labels():
    X, y = make_problem()
    selector = SparseFeatureSelector("kmeans", k=3).fit(X)
    assert hasattr(selector, "labels_")
    assert not hasattr(selector.set_params(strategy="t_test").fit(X, y), "labels_")


@pytest.mark.parametrize("y", [np.arange(120), np.arange(120.0) + 0.5])
def test_weights_that_leave_no_statistic_are_an_error(y):
    X, _ = make_problem()
    with pytest.raises(ValueError, match="scale .*up"):
        SparseFeatureSelector().fit(X, y, sample_weight=np.full(120, 1e-3))


def test_rows_of_weight_0_are_left_out(selector):
    X, y = make_problem()
    weights = np.r_[np.zeros(20), np.ones(100)]
    labels = np.where(np.arange(120) < 20, "unused", np.where(y > 0, "yes", "no"))
    left_out = clone(selector).fit(X, labels, sample_weight=weights)
    expected = clone(selector).fit(X[20:], labels[20:])
    np.testing.assert_array_equal(left_out.scores_, expected.scores_)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_read_only_data_of_any_float_type_is_not_changed(selector, dtype):
    X, y = make_problem()
    X, weights = X.astype(dtype), np.ones(120)
    before = X.copy()
    for array in (X, y, weights):
        array.flags.writeable = False
    kept = selector.fit(X, y > 0, sample_weight=weights).transform(X)
    assert kept.dtype == dtype
    np.testing.assert_array_equal(X, before)
    back = selector.inverse_transform(kept)
    np.testing.assert_array_equal(back, np.where(selector.support_, X, 0))


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_frames_keep_names_and_kind(selector, frame):
    X, y = make_problem()
    names = [f"word {i}" for i in range(14)]
    data = frame(dict(zip(names, X.T, strict=True)))
    kind = "pandas" if frame is pd.DataFrame else "polars"
    kept = selector.set_output(transform=kind).fit(data, y > 0).transform(data)
    expected = [name for name, on in zip(names, selector.support_, strict=True) if on]
    assert isinstance(kept, frame)
    assert list(kept.columns) == expected
    assert selector.get_feature_names_out().tolist() == expected
    assert selector.feature_names_in_.tolist() == names


def test_get_support_is_a_copy_and_pickles(selector):
    X, y = make_problem()
    selector.fit(X, y > 0).get_support()[:] = False
    copy = pickle.loads(pickle.dumps(selector))
    np.testing.assert_array_equal(copy.transform(X), selector.transform(X))
    assert copy.get_support().any()


def test_transform_goes_by_what_was_fitted(selector):
    X, y = make_problem()
    kept = selector.fit(X, y > 0).transform(X)
    selector.set_params(strategy="t_test", k=1)
    np.testing.assert_array_equal(selector.transform(X), kept)


def test_a_search_tunes_strategy_and_k_in_front_of_experts():
    X, y = load_digits(return_X_y=True)
    X, y = X[:400], y[:400]
    pipeline = make_pipeline(
        SparseFeatureSelector(random_state=0),
        StandardScaler(),
        GatedExpertsClassifier(n_experts=2, max_iter=10, random_state=0),
    )
    grid = {
        "sparsefeatureselector__strategy": STRATEGIES,
        "sparsefeatureselector__k": [3, 20],
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        search = GridSearchCV(pipeline, grid, cv=3, error_score="raise").fit(X, y)
    assert search.best_params_["sparsefeatureselector__k"] == 20
    assert search.best_score_ > 0.75
    assert search.best_estimator_[-1].n_features_in_ == 20


def test_a_regressor_follows():
    X, y = make_problem()
    model = make_pipeline(SparseFeatureSelector(k=3), L1SVR()).fit(X, y)
    assert model.score(X, y) > 0.8


def test_two_classes_of_one_spread_are_ranked_like_the_f_test():
    X, y = make_problem(n_features=9)
    y = np.argsort(np.argsort(y)) >= 60
    ours = SparseFeatureSelector(k=3).fit(X, y).get_support()
    theirs = SelectKBest(f_classif, k=3).fit(X, y).get_support()
    np.testing.assert_array_equal(ours, theirs)
