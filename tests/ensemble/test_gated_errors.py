"""Data and parameters that gated experts cannot use, and the least they can use."""

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.exceptions import NotFittedError
from test_gated_experts import classes, classifier, problems, regressor, say, values


@pytest.fixture(params=range(len(problems())))
def problem(request):
    return problems()[request.param]


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("n_experts", 0),
        ("top_k", 0),
        ("top_k", 1.5),
        ("gate", "hard"),
        ("alpha", -1.0),
        ("l2", -1.0),
        ("balance", -0.1),
        ("shared", "yes"),
        ("init", "zeros"),
        ("loss", "hinge"),
        ("learning_rate_init", 0.0),
        ("batch_size", 0),
        ("batch_size", "all"),
        ("max_iter", 0),
        ("tol", -1e-3),
        ("n_iter_no_change", 0),
        ("early_stopping", None),
        ("validation_fraction", 1.0),
        ("warm_start", 2),
        ("n_estimators", 0),
        ("n_jobs", 0.5),
    ],
)
@pytest.mark.parametrize("kind", [classifier, regressor])
def test_parameters_out_of_range_are_named(kind, name, bad):
    X, y = classes() if kind is classifier else values()
    message = f"The '{name}' parameter of {type(kind()).__name__} must be"
    for method in ("fit", "partial_fit"):
        with pytest.raises(ValueError, match=message):
            getattr(kind(**{name: bad}), method)(X, y)


@pytest.mark.parametrize("bad", [-0.1, 1.0, None])
def test_label_smoothing_out_of_range_is_named(bad):
    with pytest.raises(ValueError, match="The 'label_smoothing' parameter"):
        classifier(label_smoothing=bad).fit(*classes())


def test_class_weights_out_of_range_are_named():
    X, y = classes()
    with pytest.raises(ValueError, match="class_weight must be finite and not"):
        classifier(class_weight={0: -1.0}).fit(X, y)
    with pytest.raises(ValueError, match="leaves no row of positive weight"):
        classifier(class_weight=dict.fromkeys(range(4), 0.0)).fit(X, y)


@pytest.mark.parametrize("form", [np.asarray, csr_array])
@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_rows_that_are_not_finite_are_refused(problem, form, number):
    model, (X, y) = problem
    model.fit(X, y)
    said = say(model, X)
    strange = X.copy()
    strange[3, 1] = number
    message = "NaN" if np.isnan(number) else "infinity"
    for call in (model.predict, model.route, model.expert_outputs):
        with pytest.raises(ValueError, match=message):
            call(form(strange))
    for call in (model.fit, model.partial_fit):
        with pytest.raises(ValueError, match=message):
            call(form(strange), y)
    np.testing.assert_array_equal(say(model, X), said)


@pytest.mark.parametrize("form", [np.asarray, csr_array])
def test_rows_that_overflow_single_precision_are_refused(problem, form):
    model, (X, y) = problem
    model.fit(X, y)
    large = X.copy()
    large[5, 2] = 1e39
    with pytest.raises(ValueError, match="overflow float32.*Scale X.*StandardScaler"):
        model.predict(form(large))
    with pytest.raises(ValueError, match="overflow float32"):
        model.fit(form(large), y)
    with pytest.raises(ValueError, match="overflow float32"):
        model.partial_fit(form(large), y)


def test_rows_of_another_width_are_refused(problem):
    model, (X, y) = problem
    with pytest.raises(NotFittedError):
        model.predict(X)
    model.fit(X, y)
    for call in (model.predict, model.route, model.expert_outputs):
        with pytest.raises(ValueError, match="X has 5 features, but .* 6"):
            call(X[:, :5])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        model.fit(X, y[:-1])


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_targets_that_cannot_be_used_are_refused():
    X, y = values()
    strange = y.copy()
    strange[2] = np.nan
    with pytest.raises(ValueError, match="y contains NaN"):
        regressor().fit(X, strange)
    with pytest.raises(ValueError, match="variance overflows float64. Scale y"):
        regressor().fit(X, 1e200 * y)
    with pytest.raises(ValueError, match="only one class"):
        classifier().fit(X, np.ones(len(X)))
    with pytest.raises(ValueError, match="only one class"):
        classifier().fit(X, y > y[0], sample_weight=(y > y[0]).astype(float))
    names = np.array(["a", None] * (len(X) // 2), dtype=object)
    with pytest.raises(ValueError, match="missing labels"):
        classifier().fit(X, names)


def test_weights_that_cannot_be_used_are_refused(problem):
    model, (X, y) = problem
    for weights in (-np.ones(len(y)), np.zeros(len(y)), np.full(len(y), np.nan)):
        with pytest.raises(ValueError):
            model.fit(X, y, sample_weight=weights)
        assert not hasattr(model, "coef_")
        assert not hasattr(model, "n_features_in_")


def test_large_targets_are_learned():
    X, y = values()
    small = regressor().fit(X, y).predict(X)
    large = regressor().fit(X, 1e100 * y).predict(X)
    np.testing.assert_allclose(large / 1e100, small, rtol=1e-3)


@pytest.mark.parametrize("n_rows", [2, 9, 31, 75])
def test_few_rows_have_few_experts(problem, n_rows):
    model, (X, y) = problem
    y = y[:n_rows].copy()
    if hasattr(model, "predict_proba"):
        y[:2] = [0, 1]
    model.fit(X[:n_rows], y)
    assert model.n_experts_ == max(1, n_rows // 30) * model.n_estimators
    assert np.isfinite(say(model, X)).all()
    assert model.route(X).shape == (len(X), model.n_experts_)


@pytest.mark.parametrize("init", ["kmeans", "normal"])
def test_one_expert_is_a_linear_model(init):
    X, y = values()
    model = regressor(n_experts=1, init=init, l2=0.0, max_iter=60).fit(X, y)
    linear = np.column_stack([X, np.ones(len(X))])
    best = linear @ np.linalg.lstsq(linear, y, rcond=None)[0]
    np.testing.assert_allclose(model.predict(X), best, atol=0.03 * y.std())
    assert (model.route(X).toarray() == 1).all()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("init", ["kmeans", "uniform"])
def test_equal_rows_and_constant_columns_can_be_trained_on(problem, init):
    model, (X, y) = problem
    model.set_params(init=init)
    equal = np.ones_like(X)
    said = say(model.fit(equal, y), equal)
    assert np.isfinite(said).all()
    assert (said == said[0]).all()
    X = X * [1, 0, 1, 1, 0, 1]
    assert np.isfinite(say(model.fit(X, y), X)).all()


@pytest.mark.parametrize("kind", [classifier, regressor])
def test_outputs_that_overflow_are_refused(kind):
    X, y = classes() if kind is classifier else values()
    model = kind().fit(X, y)
    for method in (model.predict, model.route, model.expert_outputs):
        with pytest.raises(ValueError, match="outputs overflow float32. Scale X"):
            method(np.where(X > 0, 3e38, -3e38))
