"""Coefficients and names of any model of experts."""

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.datasets import load_wine
from sklearn.decomposition import PCA
from sklearn.feature_selection import SelectKBest
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge, SGDRegressor
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeRegressor

from skexperts import (
    L1SVC,
    FeatureGroups,
    GatedExpertsClassifier,
    PartitionedExpertsClassifier,
    PartitionedExpertsRegressor,
)
from skexperts.inspection._model import (
    expert_coefficients,
    feature_names,
    split_pipeline,
)

X, y = load_wine(return_X_y=True)
X = StandardScaler().fit_transform(X)
X_NAMES = [f"x{j}" for j in range(13)]


def partitioned(expert=None, **options):
    return PartitionedExpertsClassifier(expert, random_state=0, **options)


def test_pipelines_in_pipelines_searches_and_frozen_ones():
    last = partitioned(n_experts=2)
    inner = GridSearchCV(make_pipeline(PCA(4), last), {"pca__n_components": [3]}, cv=2)
    model = make_pipeline(StandardScaler(), FrozenEstimator(inner.fit(X, y))).fit(X, y)
    front, found = split_pipeline(model)
    assert found is inner.best_estimator_[-1]
    np.testing.assert_array_equal(found.predict(front.transform(X)), model.predict(X))
    assert feature_names(model).tolist() == ["pca0", "pca1", "pca2"]


def test_nothing_before_the_last_step():
    model = make_pipeline(partitioned()).fit(X, y)
    assert split_pipeline(model) == (None, model[-1])
    assert split_pipeline(model[-1]) == (None, model[-1])


@pytest.mark.parametrize("expert", [L1SVC(), LogisticRegression()])
def test_for_two_classes_the_coefficients_are_those_of_the_second(expert):
    model = partitioned(expert, n_experts=3).fit(X, y == 1)
    wanted = [expert.coef_ for expert in model.experts_]
    np.testing.assert_array_equal(expert_coefficients(model), wanted)


def test_sparse_coefficients():
    model = LogisticRegression().fit(X, y)
    wanted = model.coef_
    np.testing.assert_array_equal(expert_coefficients(model.sparsify())[0], wanted)
    assert split_pipeline(model)[1].coef_.format == "csr"


def test_sparse_coefficients_of_one_target():
    model = SGDRegressor(random_state=0).fit(X, y)
    wanted = model.coef_
    assert expert_coefficients(model.sparsify())[0, 0].tolist() == wanted.tolist()


def test_classes_that_an_expert_lacks_have_zeros():
    segment = (y == 0).astype(float)
    rows = np.column_stack([X, segment])
    model = partitioned(partitioner=lambda X: X[:, -1], gate="hard").fit(rows, y)
    coef = expert_coefficients(model)
    two, one = model.experts_[:2]
    assert two.classes_.tolist() == [1, 2]
    np.testing.assert_array_equal(
        coef[0], np.vstack([0 * two.coef_, -two.coef_, two.coef_])
    )
    assert one.classes_.tolist() == [0]
    assert not coef[1].any()


def test_groups_of_columns_have_zeros_elsewhere():
    model = partitioned(partitioner=FeatureGroups([[3, 1], [0, 2, 5]])).fit(X, y)
    coef = expert_coefficients(model)
    assert feature_names(model).tolist() == X_NAMES
    np.testing.assert_array_equal(coef[0][:, [3, 1]], model.experts_[0].coef_)
    np.testing.assert_array_equal(coef[1][:, [0, 2, 5]], model.experts_[1].coef_)
    assert not np.delete(coef[0], [1, 3], axis=1).any()


def test_experts_that_are_pipelines_have_their_own_features():
    model = partitioned(make_pipeline(SelectKBest(k=3), L1SVC()), n_experts=3).fit(X, y)
    names, coef = feature_names(model), expert_coefficients(model)
    assert names.tolist() == X_NAMES
    for k, expert in enumerate(model.experts_):
        kept = expert[0].get_support()
        np.testing.assert_array_equal(coef[k][:, kept], expert[-1].coef_)
        assert not coef[k][:, ~kept].any()


def test_what_has_no_coefficients_is_nan():
    model = PartitionedExpertsRegressor(
        DecisionTreeRegressor(), n_experts=2, random_state=0
    ).fit(X, y)
    assert expert_coefficients(model).shape == (2, 1, 13)
    assert np.isnan(expert_coefficients(model)).all()
    # One against one: no row of coefficients belongs to a class.
    one_against_one = partitioned(SVC(kernel="linear"), n_experts=1).fit(X, y)
    assert np.isnan(expert_coefficients(one_against_one)).all()


def test_the_shared_expert_comes_last():
    model = GatedExpertsClassifier(3, shared=True, random_state=0).fit(X, y)
    coef = expert_coefficients(model)
    np.testing.assert_array_equal(coef, [*model.coef_, model.shared_coef_])


def test_several_targets_and_sparse_rows():
    model = PartitionedExpertsRegressor(Ridge(), n_experts=2, random_state=0)
    model.fit(csr_array(X), np.column_stack([y, y]))
    assert expert_coefficients(model).shape == (2, 2, 13)
