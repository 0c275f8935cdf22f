"""The heat map of coefficients against the attributes of the models."""

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from skexperts import (
    L1SVR,
    AlphaCombinerRegressor,
    GatedExpertsRegressor,
    PartitionedExpertsClassifier,
)
from skexperts.inspection import CoefficientDisplay


def coefficients(model, n_classes):
    """Coefficients of shape (n_experts, n_classes, n_features)."""
    coef = np.zeros((model.n_experts_, n_classes, model.n_features_in_))
    for k, expert in enumerate(model.experts_):
        if not hasattr(expert, "coef_"):
            continue
        if len(expert.classes_) == 2:
            coef[k, expert.classes_] = np.vstack([-expert.coef_, expert.coef_])
        else:
            coef[k] = expert.coef_
    return coef


def test_a_class_or_the_mean_over_classes(partitioned):
    coef = coefficients(partitioned, 3)
    for label in range(3):
        display = CoefficientDisplay.from_estimator(partitioned, class_label=label)
        np.testing.assert_allclose(display.values, coef[:, label].T[display.features])
        assert display.quantity == f"coefficient for class {label}"
    display = CoefficientDisplay.from_estimator(partitioned)
    mean = np.abs(coef).mean(axis=1)
    np.testing.assert_allclose(display.values, mean.T[display.features])


def test_most_used_features_come_first_and_unused_ones_are_left_out(partitioned):
    coef = coefficients(partitioned, 3)[:, 1]
    display = CoefficientDisplay.from_estimator(partitioned, class_label=1)
    used = np.flatnonzero(coef.any(axis=0))
    assert set(display.features) == set(used)
    keys = [(np.count_nonzero(row), np.abs(row).sum()) for row in display.values]
    assert keys == sorted(keys, reverse=True)
    assert display.feature_labels == [f"x{j}" for j in display.features]

    few = CoefficientDisplay.from_estimator(partitioned, class_label=1, max_features=3)
    np.testing.assert_array_equal(few.features, display.features[:3])


def test_exact_zeros_are_blank_and_colours_centred(partitioned):
    display = CoefficientDisplay.from_estimator(partitioned, class_label=0)
    image = display.ax_.images[0]
    np.testing.assert_array_equal(
        np.ma.getmaskarray(image.get_array()), display.values == 0
    )
    low, high = image.get_clim()
    assert low == -high < 0
    assert (
        CoefficientDisplay.from_estimator(partitioned).ax_.images[0].get_clim()[0] == 0
    )


def test_two_classes(wine):
    X, y = wine[0], np.where(wine[1] == 0, "no", "yes")
    model = PartitionedExpertsClassifier(n_experts=2, random_state=0).fit(X, y)
    yes = CoefficientDisplay.from_estimator(model)
    no = CoefficientDisplay.from_estimator(model, class_label="no")
    assert yes.quantity == "coefficient for class yes"
    np.testing.assert_array_equal(no.values, -yes.values)
    for expert, column in zip(model.experts_, yes.values.T, strict=True):
        if len(expert.classes_) == 2:
            np.testing.assert_allclose(column, expert.coef_[0, yes.features])


def test_deviations(sharing):
    display = CoefficientDisplay.from_estimator(
        sharing, kind="deviations", class_label=2
    )
    deviation = np.array([part.toarray()[2] for part in sharing.deviation_])
    np.testing.assert_array_equal(display.values, deviation.T[display.features])
    assert display.quantity == "deviation for class 2"


def test_gated_experts(gated):
    display = CoefficientDisplay.from_estimator(gated, class_label=1)
    assert display.expert_labels == ["0", "1", "2", "3", "4", "shared"]
    coef = np.vstack([gated.coef_[:, 1], gated.shared_coef_[[1]]])
    np.testing.assert_allclose(display.values, coef.T[display.features])

    display = CoefficientDisplay.from_estimator(gated, kind="deviations", class_label=1)
    assert display.expert_labels == ["0", "1", "2", "3", "4"]
    np.testing.assert_allclose(display.values, coef[:-1].T[display.features])


def test_values_and_named_estimators(wine):
    X, y = wine
    combiner = AlphaCombinerRegressor([("one", L1SVR()), ("two", L1SVR(C=0.01))])
    display = CoefficientDisplay.from_estimator(combiner.fit(X, y))
    assert (display.expert_labels, display.quantity) == (["one", "two"], "coefficient")
    coef = np.vstack([expert.coef_ for expert in combiner.estimators_])
    np.testing.assert_allclose(display.values, coef.T[display.features])


def test_no_feature_is_used(wine):
    model = GatedExpertsRegressor(2, alpha=1e6, max_iter=2, random_state=0)
    display = CoefficientDisplay.from_estimator(model.fit(*wine), max_features=4)
    assert display.values.tolist() == [[0, 0]] * 4
    display.figure_.draw_without_rendering()


def test_names_come_from_the_steps_before(pipeline, wine_frame):
    display = CoefficientDisplay.from_estimator(pipeline)
    assert set(display.feature_labels) <= set(wine_frame[0].columns)


def test_errors(partitioned, wine):
    draw = CoefficientDisplay.from_estimator
    with pytest.raises(ValueError, match="The 'kind' parameter of CoefficientDisplay"):
        draw(partitioned, kind="weights")
    with pytest.raises(ValueError, match="The 'max_features' parameter"):
        draw(partitioned, max_features=0)
    with pytest.raises(ValueError, match=r"class_label='A' is none of .* \[0, 1, 2\]"):
        draw(partitioned, class_label="A")
    with pytest.raises(ValueError, match="kind='deviations' needs experts that share"):
        draw(partitioned, kind="deviations")
    neighbors = PartitionedExpertsClassifier(
        KNeighborsClassifier(), n_experts=2, random_state=0
    )
    with pytest.raises(TypeError, match="have no coefficients to draw"):
        draw(neighbors.fit(*wine))
