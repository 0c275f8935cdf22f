"""Folds that the user gives, for the number of experts and for their weights."""

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold

from skexperts.combine import AlphaCombinerRegressor
from skexperts.datasets import make_piecewise_regression
from skexperts.ensemble import PartitionedExpertsRegressor
from skexperts.partition import ColumnPartitioner


def auto(cv):
    return PartitionedExpertsRegressor(Ridge(), n_experts="auto", cv=cv, random_state=0)


def weighed(cv):
    return PartitionedExpertsRegressor(
        Ridge(), n_experts=3, combiner=AlphaCombinerRegressor(cv=cv), random_state=0
    )


@pytest.mark.parametrize("make", [auto, weighed])
def test_splits_are_of_all_rows_though_some_have_no_weight(make):
    X, y = make_piecewise_regression(n_samples=300, random_state=0)
    weights = np.ones(300)
    weights[::3] = 0
    kept = np.flatnonzero(weights)
    splits = list(KFold(3, shuffle=True, random_state=0).split(kept))
    of_all = [(kept[train], np.append(kept[test], 0)) for train, test in splits]
    model = make(of_all).fit(X, y, sample_weight=weights)
    alone = make(splits).fit(X[kept], y[kept], sample_weight=weights[kept])
    np.testing.assert_array_equal(model.predict(X), alone.predict(X))
    for name in ("alpha_", "n_experts_scores_"):
        ours, theirs = getattr(model, name, None), getattr(alone, name, None)
        np.testing.assert_equal(ours, theirs)


def test_a_splitter_reads_x():
    class ByFirstColumn:
        def get_n_splits(self, X=None, y=None, groups=None):
            return 2

        def split(self, X, y=None, groups=None):
            positive = X[:, 0] > 0
            for test in (positive, ~positive):
                yield np.flatnonzero(~test), np.flatnonzero(test)

    X, y = make_piecewise_regression(n_samples=200, random_state=0)
    assert len(auto(ByFirstColumn()).fit(X, y).n_experts_scores_["n_experts"])


def test_the_number_of_experts_takes_a_generator_of_splits():
    X, y = make_piecewise_regression(n_samples=200, random_state=0)
    expected = auto(KFold(3)).fit(X, y).n_experts_scores_
    found = auto(fold for fold in KFold(3).split(X)).fit(X, y).n_experts_scores_
    np.testing.assert_equal(found, expected)


def test_one_fold_is_enough_for_the_number_of_experts():
    X, y = make_piecewise_regression(n_samples=200, random_state=0)
    split = [(np.arange(150), np.arange(150, 200))]
    assert np.isfinite(auto(split).fit(X, y).n_experts_scores_["std_error"]).all()


def test_cells_that_cannot_be_counted_have_no_automatic_number():
    X, y = make_piecewise_regression(n_samples=200, random_state=0)
    model = auto(None).set_params(partitioner=ColumnPartitioner(0))
    with pytest.raises(ValueError, match="n_experts='auto' cannot be passed on"):
        model.fit(X, y)


def test_the_order_of_the_rows_hardly_matters_for_alpha():
    X, y = make_piecewise_regression(n_samples=600, n_regions=3, random_state=0)
    order = np.argsort(KMeans(3, random_state=0).fit(X).labels_, kind="stable")
    means = np.stack([X[part].mean(axis=0) for part in np.array_split(order, 3)])
    model = weighed(5).set_params(partitioner=KMeans(3, init=means, n_init=1))
    alpha = model.fit(X, y).alpha_
    np.testing.assert_allclose(model.fit(X[order], y[order]).alpha_, alpha, atol=0.1)
