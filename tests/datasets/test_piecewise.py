"""Tests of the piecewise linear generators."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import pdist
from sklearn.cluster import KMeans
from sklearn.linear_model import LinearRegression
from sklearn.metrics import adjusted_rand_score
from sklearn.svm import LinearSVC

from skexperts.datasets import (
    make_piecewise_classification,
    make_piecewise_regression,
)

MAKERS = [make_piecewise_classification, make_piecewise_regression]
both = pytest.mark.parametrize("make", MAKERS)


@st.composite
def problems(draw):
    n_features = draw(st.integers(2, 12))
    n_regions = draw(st.integers(1, 6))
    return {
        "n_samples": n_regions + draw(st.integers(0, 60)),
        "n_features": n_features,
        "n_regions": n_regions,
        "n_informative": draw(st.integers(1, n_features)),
        "heterogeneity": draw(st.floats(0, 1)),
        "separation": draw(st.floats(0, 20)),
        "random_state": draw(st.integers(0, 2**32 - 1)),
    }


def linear_scores(X, model):
    rows = zip(X, model.regions, strict=True)
    return np.array([model.coef[r] @ x + model.intercept[r] for x, r in rows])


def fit_and_score(X, y, train):
    svc = LinearSVC(penalty="l1", C=0.1, random_state=0).fit(X[train], y[train])
    return svc.score(X[~train], y[~train])


def per_region_score(X, y, regions, train):
    correct = 0.0
    for region in np.unique(regions):
        own = regions == region
        score = fit_and_score(X[own], y[own], train[own])
        correct += score * np.sum(own & ~train)
    return correct / np.sum(~train)


def add_interactions(X, regions):
    """Write a shared model and its deviations as one linear model."""
    indicator = np.eye(regions.max() + 1)[regions]
    own = indicator[:, :, None] * X[:, None, :]
    return np.column_stack([X, indicator, own.reshape(len(X), -1)])


def test_default_shapes_and_types():
    X, y = make_piecewise_classification(random_state=0)
    assert X.shape == (1000, 20)
    assert X.dtype == np.float64
    assert y.shape == (1000,)
    assert y.dtype == np.int64
    assert np.unique(y).tolist() == [0, 1]

    X, y = make_piecewise_regression(random_state=0)
    assert X.shape == (1000, 20)
    assert y.shape == (1000,)
    assert X.dtype == y.dtype == np.float64


@settings(deadline=None)
@given(problem=problems())
def test_model_reproduces_the_targets(problem):
    X, y, model = make_piecewise_regression(**problem, return_model=True)
    scores = linear_scores(X, model)
    rounding = 1e-9 * (1 + np.abs(model.centers).max())
    np.testing.assert_allclose(y, scores, atol=rounding)

    X, y, model = make_piecewise_classification(**problem, return_model=True)
    scores = linear_scores(X, model)
    clear = np.abs(scores) > rounding
    np.testing.assert_array_equal(y[clear], scores[clear] > 0)


@settings(deadline=None)
@given(problem=problems(), make=st.sampled_from(MAKERS))
def test_model_has_the_promised_shapes_and_counts(problem, make):
    X, _, model = make(**problem, return_model=True)
    shape = problem["n_regions"], problem["n_features"]
    assert model.centers.shape == model.coef.shape == shape
    assert model.intercept.shape == shape[:1]
    assert model.regions.shape == (len(X),)
    sizes = np.bincount(model.regions, minlength=shape[0])
    assert len(sizes) == shape[0]
    assert sizes.max() - sizes.min() <= 1

    n_nonzero = np.count_nonzero(model.coef, axis=1)
    if problem["heterogeneity"] in (0, 1):
        assert np.all(n_nonzero == problem["n_informative"])
    else:
        assert np.all(n_nonzero <= 2 * problem["n_informative"])
        assert np.all(n_nonzero >= 1)


@settings(deadline=None)
@given(problem=problems(), make=st.sampled_from(MAKERS))
def test_scores_have_mean_zero_at_the_centres(problem, make):
    _, _, model = make(**problem, return_model=True)
    at_centers = np.sum(model.coef * model.centers, axis=1) + model.intercept
    np.testing.assert_allclose(at_centers, 0, atol=1e-9)


@settings(deadline=None)
@given(problem=problems(), make=st.sampled_from(MAKERS))
def test_coefficients_are_the_documented_mixture(problem, make):
    h = problem.pop("heterogeneity")
    mixed, shared, own = (
        make(**problem, heterogeneity=value, return_model=True)[-1].coef
        for value in (h, 0, 1)
    )
    expected = np.sqrt(1 - h) * shared + np.sqrt(h) * own
    np.testing.assert_allclose(mixed, expected, atol=1e-12)


@both
def test_limits_of_heterogeneity(make):
    same = make(heterogeneity=0, return_model=True, random_state=0)[-1]
    assert np.all(same.coef == same.coef[0])
    np.testing.assert_allclose(same.intercept, 0, atol=1e-9)

    many = make(n_samples=2000, n_regions=2000, return_model=True, random_state=0)[-1]
    coef = many.coef
    unit = coef / np.linalg.norm(coef, axis=1, keepdims=True)
    cosines = unit[:1000] * unit[1000:]
    assert abs(cosines.sum(axis=1).mean()) < 0.03
    assert np.mean(np.sum(coef**2, axis=1)) == pytest.approx(13 / 12, abs=0.02)


@both
def test_heterogeneity_is_the_own_share_of_the_score(make):
    coef = make(
        n_samples=2000,
        n_features=200,
        n_regions=2000,
        heterogeneity=0.3,
        return_model=True,
        random_state=0,
    )[-1].coef
    shared = np.sum(coef[:1000] * coef[1000:], axis=1).mean()
    total = np.sum(coef**2, axis=1).mean()
    assert shared / total == pytest.approx(0.7, abs=0.1)


@settings(deadline=None)
@given(problem=problems(), make=st.sampled_from(MAKERS))
def test_nearest_centres_are_separation_apart(problem, make):
    _, _, model = make(**problem, return_model=True)
    if problem["n_regions"] == 1:
        np.testing.assert_array_equal(model.centers, 0)
    else:
        assert pdist(model.centers).min() == pytest.approx(problem["separation"])


@both
def test_rows_are_standard_normal_around_their_centre(make):
    X, _, model = make(n_samples=20000, return_model=True, random_state=0)
    within = X - model.centers[model.regions]
    np.testing.assert_allclose(within.mean(axis=0), 0, atol=0.04)
    np.testing.assert_allclose(np.cov(within.T), np.eye(20), atol=0.05)


@both
def test_regions_are_in_random_order(make):
    regions = make(n_samples=4000, return_model=True, random_state=0)[-1].regions
    assert np.mean(regions[1:] == regions[:-1]) == pytest.approx(1 / 8, abs=0.03)


@both
def test_clusters_are_the_regions_only_if_they_are_separated(make):
    agreement = {}
    for separation in (0, 6):
        X, _, model = make(separation=separation, return_model=True, random_state=0)
        cells = KMeans(8, n_init=10, random_state=0).fit_predict(X)
        agreement[separation] = adjusted_rand_score(model.regions, cells)
    assert agreement[6] > 0.99
    assert abs(agreement[0]) < 0.02


def test_classes_are_balanced_in_each_region():
    _, y, model = make_piecewise_classification(
        n_samples=16000, heterogeneity=0.5, return_model=True, random_state=0
    )
    shares = [y[model.regions == region].mean() for region in range(8)]
    np.testing.assert_allclose(shares, 0.5, atol=0.04)


@both
def test_same_seed_same_data(make):
    X, y, model = make(return_model=True, random_state=3)
    X_again, y_again, model_again = make(return_model=True, random_state=3)
    np.testing.assert_array_equal(X_again, X)
    np.testing.assert_array_equal(y_again, y)
    for name in ("regions", "centers", "coef", "intercept"):
        np.testing.assert_array_equal(model_again[name], model[name])

    X_plain, y_plain = make(random_state=np.random.RandomState(3))
    np.testing.assert_array_equal(X_plain, X)
    np.testing.assert_array_equal(y_plain, y)
    assert not np.array_equal(make(random_state=4)[0], X)


@both
def test_one_seed_gives_one_geometry(make):
    base = make(return_model=True, random_state=3)[-1]
    more = make(n_samples=5000, noise=0.5, return_model=True, random_state=3)[-1]
    alike = make(heterogeneity=0.2, return_model=True, random_state=3)[-1]
    np.testing.assert_array_equal(more.centers, base.centers)
    np.testing.assert_array_equal(more.coef, base.coef)
    np.testing.assert_array_equal(more.intercept, base.intercept)
    np.testing.assert_array_equal(alike.centers, base.centers)


@pytest.mark.parametrize("noise", [0.0, 0.3, 1.0])
def test_noise_sets_the_best_accuracy_of_each_region(noise):
    X, y, model = make_piecewise_classification(
        n_samples=40000,
        n_features=2,
        n_informative=1,
        noise=noise,
        heterogeneity=0.5,
        return_model=True,
        random_state=0,
    )
    norms = np.linalg.norm(model.coef, axis=1)
    assert norms.max() > 2 * norms.min()

    correct = (linear_scores(X, model) > 0) == y
    accuracies = [correct[model.regions == region].mean() for region in range(8)]
    np.testing.assert_allclose(accuracies, 1 - np.arctan(noise) / np.pi, atol=0.02)


def test_half_of_the_flipped_labels_change():
    problem = {"n_samples": 20000, "random_state": 0}
    X, y = make_piecewise_classification(**problem)
    X_flipped, y_flipped = make_piecewise_classification(**problem, flip_y=0.3)
    np.testing.assert_array_equal(X_flipped, X)
    assert np.mean(y_flipped != y) == pytest.approx(0.15, abs=0.01)


def test_noise_of_the_regression_is_in_units_of_y():
    X, y, model = make_piecewise_regression(
        n_samples=20000, noise=0.3, return_model=True, random_state=0
    )
    residuals = y - linear_scores(X, model)
    assert residuals.mean() == pytest.approx(0, abs=0.01)
    assert residuals.std() == pytest.approx(0.3, abs=0.01)


def test_without_heterogeneity_one_linear_model_is_enough():
    X, y = make_piecewise_regression(heterogeneity=0, random_state=0)
    assert LinearRegression().fit(X, y).score(X, y) == pytest.approx(1)


def test_different_regions_need_their_own_models():
    X, y, model = make_piecewise_classification(
        n_samples=8000, n_features=30, return_model=True, random_state=0
    )
    train = np.arange(len(X)) < 4000
    assert fit_and_score(X, y, train) < 0.7
    assert per_region_score(X, y, model.regions, train) > 0.9


def test_similar_regions_need_a_shared_model_with_deviations():
    scores = []
    for seed in range(10):
        X, y, model = make_piecewise_classification(
            n_samples=4800,
            n_features=30,
            heterogeneity=0.1,
            noise=0.4,
            return_model=True,
            random_state=seed,
        )
        train = np.arange(len(X)) < 800
        interactions = add_interactions(X, model.regions)
        scores.append(
            [
                per_region_score(X, y, model.regions, train),
                fit_and_score(X, y, train),
                fit_and_score(interactions, y, train),
            ]
        )
    own, shared, shared_and_deviations = np.mean(scores, axis=0)
    assert own < shared < shared_and_deviations


@both
@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("n_samples", 0, r"an int in the range \[1, inf\)"),
        ("n_samples", 10.0, r"an int in the range \[1, inf\)"),
        ("n_features", 1, r"an int in the range \[2, inf\)"),
        ("n_regions", 0, r"an int in the range \[1, inf\)"),
        ("n_informative", 0, r"an int in the range \[1, inf\)"),
        ("n_informative", "5", r"an int in the range \[1, inf\)"),
        ("heterogeneity", -0.1, r"a float in the range \[0\.0, 1\.0\]"),
        ("heterogeneity", 1.1, r"a float in the range \[0\.0, 1\.0\]"),
        ("heterogeneity", None, r"a float in the range \[0\.0, 1\.0\]"),
        ("separation", -1, r"a float in the range \[0\.0, inf\)"),
        ("separation", np.inf, r"a float in the range \[0\.0, inf\)"),
        ("noise", -1, r"a float in the range \[0\.0, inf\)"),
        ("noise", np.nan, r"a float in the range \[0\.0, inf\)"),
    ],
)
def test_parameter_out_of_range_is_refused(make, name, value, rule):
    message = (
        rf"The '{name}' parameter of {make.__name__} must be {rule}\. Got {value!r}"
    )
    with pytest.raises(ValueError, match=message):
        make(**{name: value})


@pytest.mark.parametrize("flip_y", [-0.1, 1.1, np.nan])
def test_flip_y_out_of_range_is_refused(flip_y):
    message = r"The 'flip_y' parameter of make_piecewise_classification must be a float"
    with pytest.raises(ValueError, match=message):
        make_piecewise_classification(flip_y=flip_y)


@both
def test_parameters_that_exceed_their_bound_are_refused(make):
    message = (
        rf"The 'n_informative' parameter of {make.__name__} must be at most n_features"
        r" \(3\)\. Got 4 instead\. Lower n_informative or raise n_features\."
    )
    with pytest.raises(ValueError, match=message):
        make(n_features=3, n_informative=4)

    message = (
        rf"The 'n_regions' parameter of {make.__name__} must be at most n_samples"
        r" \(7\)\. Got 8 instead\. Lower n_regions or raise n_samples\."
    )
    with pytest.raises(ValueError, match=message):
        make(n_samples=7)
