"""Experts on printed letters, looked at in every way there is."""

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skexperts import L1SVC, GatedExpertsClassifier, PartitionedExpertsClassifier
from skexperts.datasets import load_letter
from skexperts.inspection import (
    CoefficientDisplay,
    ExpertMapDisplay,
    RoutingDisplay,
    expert_report,
    explain,
)

MODELS = {
    "partitioned": PartitionedExpertsClassifier(
        L1SVC(tol=1e-3), n_experts=12, random_state=0
    ),
    "gated": GatedExpertsClassifier(n_experts=12, max_iter=10, random_state=0),
}


@pytest.fixture(scope="module")
def rows():
    X, y = load_letter(subset="test", return_X_y=True)
    return X[:3000], X[3000:], y[:3000], y[3000:]


@pytest.fixture(scope="module", params=MODELS)
def model(request, rows):
    X, _, y, _ = rows
    return make_pipeline(StandardScaler(), MODELS[request.param]).fit(X, y)


def test_experts_are_better_than_one_linear_model(rows, model):
    X, X_test, y, y_test = rows
    one = make_pipeline(StandardScaler(), L1SVC(tol=1e-3)).fit(X, y)
    assert model.score(X_test, y_test) > one.score(X_test, y_test) + 0.05


def test_an_explanation_adds_up(rows, model):
    _, X_test, _, _ = rows
    for i in (0, 7, 99):
        row = X_test[i : i + 1]
        why = explain(model, row)
        np.testing.assert_allclose(why.weights.sum(), 1.0, rtol=1e-5)
        total = why.contributions.sum(axis=(0, 2)) + why.intercepts.sum(axis=0)
        # Gated experts count in single precision.
        np.testing.assert_allclose(
            total + why.rest.sum(axis=0), why.value, rtol=1e-5, atol=1e-5
        )
        np.testing.assert_allclose(
            why.value, model.decision_function(row)[0], rtol=1e-4, atol=1e-4
        )


def test_the_report_counts_all_rows(rows, model):
    pytest.importorskip("pandas")
    _, X_test, _, y_test = rows
    report = expert_report(model, X_test, y_test)
    assert len(report) == 12
    assert report.n_rows.sum() == len(X_test)
    np.testing.assert_allclose(report.traffic.sum(), 1.0, rtol=1e-5)
    score_in, score_out = report.score_in, report.score_out
    assert (score_in - score_out).mean() > 0.1


def test_the_pictures_show_the_routing_and_the_coefficients(rows, model):
    plt = pytest.importorskip("matplotlib.pyplot")
    _, X_test, _, y_test = rows
    routing = model[-1].route(model[:-1].transform(X_test))
    shown = ExpertMapDisplay.from_estimator(model, X_test, y_test, annotate="class")
    assert shown.coordinates.shape == (len(X_test), 2)
    load = RoutingDisplay.from_estimator(model, X_test)
    traffic = np.asarray(routing.mean(axis=0)).ravel()
    np.testing.assert_allclose(load.values, traffic, rtol=1e-5)
    confusion = RoutingDisplay.from_estimator(model, X_test, y_test, kind="confusion")
    assert confusion.values.sum() == len(X_test)
    letter = CoefficientDisplay.from_estimator(model, class_label="A")
    assert letter.values.shape[1] == 12
    plt.close("all")
