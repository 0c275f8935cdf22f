"""Predictions of stacked linear experts are those of the experts."""

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.datasets import load_diabetes, load_wine, make_blobs
from sklearn.linear_model import (
    ElasticNet,
    Lasso,
    LinearRegression,
    LogisticRegression,
    Ridge,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC, LinearSVR

from skexperts import L1SVC, L1SVR, FeatureGroups
from skexperts.ensemble import PartitionedExpertsClassifier, PartitionedExpertsRegressor


def classes(n_classes):
    X, y = load_wine(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    return X, (y if n_classes == 3 else y > 0)


def by_experts(model, X):
    """Outputs of the routed pairs, each asked of its expert."""
    stack, model._linear = model._linear, None
    try:
        return model.expert_outputs(X)
    finally:
        model._linear = stack


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("expert", [L1SVC(C=0.3), LinearSVC(random_state=0)])
def test_classifiers(expert, n_classes, sparse):
    X, y = classes(n_classes)
    X = csr_array(X) if sparse else X
    model = PartitionedExpertsClassifier(expert, n_experts=5, random_state=0)
    model.fit(X, y)
    assert model._linear is not None
    assert (
        len(
            {
                expert.coef_.shape
                for expert in model.experts_
                if hasattr(expert, "coef_")
            }
        )
        >= 1
    )
    np.testing.assert_allclose(
        model.expert_outputs(X), by_experts(model, X), rtol=1e-12, atol=1e-12
    )


def test_cells_without_a_class_and_with_one():
    X, y = make_blobs(n_samples=300, centers=6, cluster_std=1.0, random_state=3)
    model = PartitionedExpertsClassifier(
        L1SVC(), n_experts=6, gate="hard", random_state=0
    ).fit(X, y)
    assert {"constant", "fitted"} >= set(model.fit_report_["state"])
    assert min(model.fit_report_["n_classes"]) < 6
    np.testing.assert_allclose(
        model.expert_outputs(X), by_experts(model, X), rtol=1e-12, atol=1e-12
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "expert",
    [L1SVR(C=0.1), Ridge(), LinearRegression(), Lasso(0.1), ElasticNet(), LinearSVR()],
    ids=lambda e: type(e).__name__,
)
def test_regressors(expert, dtype):
    X, y = load_diabetes(return_X_y=True)
    X = StandardScaler().fit_transform(X).astype(dtype)
    for partitioner in (None, FeatureGroups(3, random_state=0)):
        model = PartitionedExpertsRegressor(
            expert, partitioner=partitioner, random_state=0
        ).fit(X, y)
        assert model._linear is not None
        np.testing.assert_allclose(
            model.expert_outputs(X),
            by_experts(model, X),
            rtol=1e-10 if dtype == np.float64 else 1e-4,
            atol=1e-4,
        )


@pytest.mark.parametrize(
    "expert",
    [LogisticRegression(), make_pipeline(StandardScaler(), L1SVC())],
    ids=["probabilities", "pipeline"],
)
def test_others_are_asked_one_by_one(expert):
    X, y = classes(3)
    model = PartitionedExpertsClassifier(expert, n_experts=3, random_state=0)
    assert model.fit(X, y)._linear is None


def test_a_subclass_may_do_something_else():
    class Shifted(Ridge):
        def predict(self, X):
            return super().predict(X) + 1

    X, y = load_diabetes(return_X_y=True)
    plain = PartitionedExpertsRegressor(Ridge(), random_state=0).fit(X, y)
    shifted = PartitionedExpertsRegressor(Shifted(), random_state=0).fit(X, y)
    np.testing.assert_allclose(shifted.predict(X), plain.predict(X) + 1)


def test_an_expert_that_overflows_is_named():
    X, y = load_diabetes(return_X_y=True)
    model = PartitionedExpertsRegressor(Ridge(), n_experts=3, random_state=0).fit(X, y)
    with pytest.raises(ValueError, match="overflow|expert of cell"):
        model.predict(np.full((2, 10), 1e300))
