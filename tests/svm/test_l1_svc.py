"""L1SVC: optimality, equivalences and invariants; no numbers by heart."""

import pickle
import re
import tracemalloc
import warnings
from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.sparse import (
    coo_array,
    csc_array,
    csc_matrix,
    csr_array,
    csr_matrix,
    issparse,
    random_array,
)
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, StandardScaler
from sklearn.svm import LinearSVC

import skexperts
from skexperts import PartitionedExpertsClassifier
from skexperts._experts import output_kind, read_outputs, weight_parameter
from skexperts.svm import L1SVC

TIGHT = {"tol": 1e-10, "max_iter": 10_000}
LOADERS = [load_iris, load_wine, load_breast_cancer, load_digits]

seeds = st.integers(0, 2**32 - 1)


def scaled(load):
    X, y = load(return_X_y=True)
    return StandardScaler().fit_transform(X), y


def wine():
    return scaled(load_wine)


def cancer():
    return scaled(load_breast_cancer)


def blobs(seed=0, n=60, d=4, n_classes=3, spread=1.0):
    rng = np.random.default_rng(seed)
    y = np.arange(n) % n_classes
    return spread * rng.normal(size=(n_classes, d))[y] + rng.normal(size=(n, d)), y


def targets(y):
    """One row of signs per one-vs-rest problem."""
    classes = np.unique(y)
    classes = classes[1:] if len(classes) == 2 else classes
    return np.where(y == classes[:, None], 1.0, -1.0)


def objectives(
    coef, intercept, X, y, C=1.0, sample_weight=None, center=None, offset=None
):
    """Objective of every one-vs-rest problem, written down once more."""
    weight = np.ones(len(y)) if sample_weight is None else sample_weight
    center = np.zeros_like(coef) if center is None else np.reshape(center, coef.shape)
    f = (X @ coef.T + intercept).T
    if offset is not None:
        f = f + offset.reshape(len(y), -1).T
    loss = weight * np.maximum(0.0, 1.0 - targets(y) * f) ** 2
    return np.abs(coef - center).sum(axis=1) + C * loss.sum(axis=1)


def improved(X, sign, C, weight, coef, intercept):
    """Objective that L-BFGS-B on w = w+ - w- reaches from a point."""
    d = X.shape[1]

    def value_and_gradient(u):
        slack = np.maximum(0.0, 1.0 - sign * (X @ (u[:d] - u[d:-1]) + u[-1]))
        slope = -2 * C * weight * sign * slack
        gradient = X.T @ slope
        value = u[:-1].sum() + C * (weight * slack**2).sum()
        return value, np.r_[1 + gradient, 1 - gradient, slope.sum()]

    return minimize(
        value_and_gradient,
        np.r_[np.maximum(coef, 0.0), np.maximum(-coef, 0.0), intercept],
        jac=True,
        method="L-BFGS-B",
        bounds=[(0, None)] * (2 * d) + [(None, None)],
        options={"maxiter": 300, "maxfun": 600, "ftol": 1e-14, "gtol": 1e-9},
    ).fun


def assert_same_model(one, other, **tolerances):
    for name in ("coef_", "intercept_"):
        np.testing.assert_allclose(
            getattr(one, name), getattr(other, name), **tolerances
        )
    np.testing.assert_array_equal(one.classes_, other.classes_)


def assert_same_bits(one, other):
    for name in ("coef_", "intercept_", "n_iter_", "dual_gap_"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


# Optimality ---------------------------------------------------------------------------


@settings(max_examples=40)
@given(
    seed=seeds,
    n=st.integers(4, 60),
    d=st.integers(1, 30),
    n_classes=st.integers(2, 4),
    C=st.sampled_from([1e-4, 1e-2, 1.0, 100.0]),
    weighted=st.booleans(),
    sparse=st.booleans(),
)
def test_no_other_solver_finds_less(seed, n, d, n_classes, C, weighted, sparse):
    X, y = blobs(seed, n, d, n_classes)
    weight = np.random.default_rng(seed).uniform(0.1, 3, n) if weighted else np.ones(n)
    model = L1SVC(C=C, max_iter=1000)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        model.fit(csr_array(X) if sparse else X, y, sample_weight=weight)
    ours = objectives(model.coef_, model.intercept_, X, y, C, weight)
    best = [
        improved(X, sign, C, weight, *model_of_one)
        for sign, *model_of_one in zip(
            targets(y), model.coef_, model.intercept_, strict=True
        )
    ]
    assert (model.dual_gap_ >= 0).all()
    assert (model.dual_gap_ <= model.tol).all()
    assert (ours - best <= model.dual_gap_ * ours + 1e-12 * ours).all()


@pytest.mark.filterwarnings("ignore:Liblinear failed to converge")
@pytest.mark.parametrize("C", [0.01, 1.0])
@pytest.mark.parametrize("load", LOADERS)
def test_objective_is_not_above_liblinear_without_intercept(load, C):
    X, y = load(return_X_y=True)
    X = X / np.abs(X).max(axis=0, initial=1e-9)
    model = L1SVC(C=C, fit_intercept=False).fit(X, y)
    other = LinearSVC(
        penalty="l1", dual=False, C=C, fit_intercept=False, random_state=0
    ).fit(X, y)
    np.testing.assert_array_equal(model.intercept_, 0.0)
    ours = objectives(model.coef_, 0.0, X, y, C)
    theirs = objectives(other.coef_, 0.0, X, y, C)
    assert (ours <= theirs * (1 + 1e-4)).all()


@pytest.mark.filterwarnings("ignore:Liblinear failed to converge")
@pytest.mark.parametrize("C", [0.01, 1.0])
@pytest.mark.parametrize("load", LOADERS)
def test_objective_is_not_above_liblinear_with_intercept(load, C):
    X, y = scaled(load)
    model = L1SVC(C=C).fit(X, y)
    other = LinearSVC(penalty="l1", dual=False, C=C, random_state=0).fit(X, y)
    ours = objectives(model.coef_, model.intercept_, X, y, C)
    theirs = objectives(other.coef_, other.intercept_, X, y, C)
    assert (ours <= theirs * (1 + 1e-4)).all()


@pytest.mark.parametrize("sparse", [False, True])
def test_critical_C(sparse):
    X, y = cancer()
    sign = targets(y)[0]
    slack = 1 - sign * sign.mean()
    critical = 1 / (2 * np.abs(X.T @ (sign * slack)).max())
    S = csr_array(X) if sparse else X
    below = L1SVC(C=critical * (1 - 1e-6), **TIGHT).fit(S, y)
    above = L1SVC(C=critical * (1 + 1e-3), **TIGHT).fit(S, y)
    np.testing.assert_array_equal(below.coef_, 0.0)
    assert below.intercept_[0] == pytest.approx(sign.mean(), abs=1e-9)
    assert np.count_nonzero(above.coef_) == 1


def test_separable_data():
    X, y = blobs(n=40, spread=50.0)
    for C in (1.0, 1e8):
        with warnings.catch_warnings():
            warnings.simplefilter("error", ConvergenceWarning)
            model = L1SVC(C=C, max_iter=1000).fit(X, y)
        assert np.isfinite(model.coef_).all()
        assert (model.dual_gap_ <= model.tol).all()
    model = L1SVC(C=1e8, max_iter=1000).fit(X[y != 2], y[y != 2])
    assert model.score(X[y != 2], y[y != 2]) == 1.0


def test_fewer_rows_than_features():
    X, y = blobs(n=20, d=2000)
    model = L1SVC().fit(X, y)
    assert (model.dual_gap_ <= model.tol).all()
    assert np.count_nonzero(model.coef_) < 90
    assert np.abs(model.coef_[model.coef_ != 0]).min() > 1e-12


def test_two_rows_and_one_feature():
    # |w| + 2 C (1 - w)^2
    model = L1SVC(C=1.0, **TIGHT).fit([[-1.0], [1.0]], ["no", "yes"])
    assert model.coef_[0, 0] == pytest.approx(0.75, abs=1e-6)
    assert model.intercept_[0] == pytest.approx(0.0, abs=1e-6)


# Convergence --------------------------------------------------------------------------


@pytest.mark.parametrize("n_jobs", [None, 2])
@pytest.mark.parametrize("sparse", [False, True])
def test_one_warning_for_many_classes(n_jobs, sparse):
    X, y = load_digits(return_X_y=True)
    model = L1SVC(max_iter=1, tol=1e-12, n_jobs=n_jobs)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(csr_array(X) if sparse else X, y)
    (warning,) = caught
    assert warning.category is ConvergenceWarning
    assert "gap" in str(warning.message)
    assert warning.filename == __file__
    assert (model.dual_gap_ > 1e-12).any()
    np.testing.assert_array_equal(model.n_iter_, 1)


@pytest.mark.parametrize("load", LOADERS)
@pytest.mark.parametrize("sparse", [False, True])
def test_defaults_converge(load, sparse):
    X, y = load(return_X_y=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        model = L1SVC().fit(csr_array(X) if sparse else X, y)
    n_problems = len(np.unique(y)) if len(np.unique(y)) > 2 else 1
    assert model.coef_.shape == (n_problems, X.shape[1])
    for name in ("intercept_", "n_iter_", "dual_gap_"):
        assert getattr(model, name).shape == (n_problems,)
    assert np.issubdtype(model.n_iter_.dtype, np.integer)
    assert (model.n_iter_ >= 1).all()
    assert (model.dual_gap_ <= 1e-4).all()


@pytest.mark.parametrize("arguments", [{"C": 1e300}, {"class_weight": {0: 1e307}}])
def test_overflow_is_no_convergence(arguments):
    X, y = blobs(spread=1e10)
    with pytest.warns(ConvergenceWarning):
        L1SVC(**arguments).fit(X, y)


def test_a_smaller_tolerance_finds_no_more():
    X, y = wine()
    values = []
    for tol in (1e-2, 1e-5, 1e-9):
        model = L1SVC(tol=tol, max_iter=1000).fit(X, y)
        values.append(objectives(model.coef_, model.intercept_, X, y))
        assert (model.dual_gap_ <= tol).all()
        assert (values[0] <= values[-1] * (1 + 1.01e-2)).all()
    assert (values[2] <= values[1] * (1 + 1e-9)).all()
    assert (values[2] <= values[0] * (1 + 1e-9)).all()


# Weights ------------------------------------------------------------------------------


@pytest.mark.parametrize("class_weight", [None, "balanced", {0: 3.0, 1: 0.5}])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("sparse", [False, True])
def test_weight_is_repetition(sparse, n_classes, class_weight):
    X, y = blobs(n_classes=n_classes)
    weight = np.random.default_rng(1).integers(0, 4, size=len(y))
    repeated = np.repeat(X, weight, axis=0)
    model = L1SVC(class_weight=class_weight, **TIGHT)
    convert = csr_array if sparse else np.asarray
    one = clone(model).fit(convert(X), y, sample_weight=weight)
    other = clone(model).fit(convert(repeated), np.repeat(y, weight))
    assert_same_model(one, other, atol=1e-5)


@pytest.mark.parametrize("class_weight", [None, "balanced"])
@pytest.mark.parametrize("sparse", [False, True])
def test_zero_weight_is_absence(sparse, class_weight):
    X, y = blobs(n_classes=4)
    weight = np.where(y == 3, 0.0, np.random.default_rng(0).integers(0, 3, len(y)))
    kept = weight > 0
    X[~kept] *= 1e6
    convert = csr_array if sparse else np.asarray
    rng = np.random.default_rng(2)
    center, offset = rng.normal(size=(3, 4)), rng.normal(size=(len(y), 3))
    model = L1SVC(class_weight=class_weight)
    one = clone(model).fit(
        convert(X), y, sample_weight=weight, coef_center=center, offset=offset
    )
    other = clone(model).fit(
        convert(X[kept]),
        y[kept],
        sample_weight=weight[kept],
        coef_center=center,
        offset=offset[kept],
    )
    np.testing.assert_array_equal(one.classes_, [0, 1, 2])
    assert_same_bits(one, other)


def test_class_weights_multiply_sample_weights():
    X, y = blobs()
    weight = np.random.default_rng(0).uniform(0.5, 2, len(y))
    factors = {0: 2.0, 2: 0.25}
    one = L1SVC(class_weight=factors).fit(X, y, sample_weight=weight)
    row = np.array([factors.get(label, 1.0) for label in y])
    assert_same_model(one, L1SVC().fit(X, y, sample_weight=weight * row))


def test_balanced_class_weights():
    X, y = blobs()
    X, y = X[10:], np.sort(y)[10:]
    counts = np.bincount(y)
    factors = dict(enumerate(len(y) / (3 * counts)))
    one = L1SVC(class_weight="balanced", **TIGHT).fit(X, y)
    other = L1SVC(class_weight=factors, **TIGHT).fit(X, y)
    assert_same_model(one, other, atol=1e-6)


def test_C_is_a_common_weight():
    X, y = blobs()
    one = L1SVC(C=5.0, **TIGHT).fit(X, y)
    other = L1SVC(C=0.5, **TIGHT).fit(X, y, sample_weight=np.full(len(y), 10.0))
    assert_same_model(one, other, atol=1e-6)


# Equivalences -------------------------------------------------------------------------


def test_many_classes_are_binary_problems():
    X, y = wine()
    model = L1SVC(**TIGHT).fit(X, y)
    for k in range(3):
        one = L1SVC(**TIGHT).fit(X, y == k)
        np.testing.assert_allclose(model.coef_[k], one.coef_[0], atol=1e-6)
        np.testing.assert_allclose(model.intercept_[k], one.intercept_[0], atol=1e-6)


def test_swapped_classes_swap_the_sign():
    X, y = cancer()
    one, other = L1SVC(**TIGHT).fit(X, y), L1SVC(**TIGHT).fit(X, 1 - y)
    np.testing.assert_allclose(one.coef_, -other.coef_, atol=1e-6)
    np.testing.assert_allclose(one.intercept_, -other.intercept_, atol=1e-6)


def test_a_scale_of_X_is_a_factor_of_C():
    X, y = wine()
    one = L1SVC(C=0.5, **TIGHT).fit(4 * X, y)
    other = L1SVC(C=2.0, **TIGHT).fit(X, y)
    np.testing.assert_allclose(4 * one.coef_, other.coef_, atol=1e-6)


def test_order_of_rows_and_columns_does_not_count():
    X, y = wine()
    rng = np.random.default_rng(0)
    rows, columns = rng.permutation(len(y)), rng.permutation(X.shape[1])
    one = L1SVC(**TIGHT).fit(X, y)
    other = L1SVC(**TIGHT).fit(X[rows][:, columns], y[rows])
    np.testing.assert_allclose(one.coef_[:, columns], other.coef_, atol=1e-6)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_sparse_and_dense_agree(n_classes):
    X, y = blobs(n=200, d=20, n_classes=n_classes)
    X[X < 0.5] = 0.0
    dense, sparse = L1SVC(**TIGHT).fit(X, y), L1SVC(**TIGHT).fit(csr_array(X), y)
    assert_same_model(dense, sparse, atol=1e-6)
    np.testing.assert_allclose(
        dense.decision_function(X), dense.decision_function(csc_array(X)), atol=1e-12
    )


def centers_and_offsets(n_classes):
    X, y = blobs(n_classes=n_classes)
    rng = np.random.default_rng(5)
    n_problems = 1 if n_classes == 2 else n_classes
    shift, center = rng.normal(size=(2, n_problems, X.shape[1]))
    offset = X @ shift.T
    return X, y, shift, center, offset[:, 0] if n_classes == 2 else offset


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("C", [1e-12, 1e-9])
def test_a_huge_penalty_gives_the_center(C, sparse, n_classes):
    X, y, _, center, offset = centers_and_offsets(n_classes)
    model = L1SVC(C=C).fit(
        csr_array(X) if sparse else X, y, coef_center=center, offset=offset
    )
    np.testing.assert_array_equal(model.coef_, center)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("sparse", [False, True])
def test_an_offset_is_a_shift_of_the_coefficients(sparse, n_classes):
    X, y, shift, center, offset = centers_and_offsets(n_classes)
    S = csr_array(X) if sparse else X
    one = L1SVC(**TIGHT).fit(S, y, coef_center=center, offset=offset)
    other = L1SVC(**TIGHT).fit(S, y, coef_center=center + shift)
    np.testing.assert_allclose(one.coef_ + shift, other.coef_, atol=1e-5)
    np.testing.assert_allclose(one.intercept_, other.intercept_, atol=1e-5)
    margins = X @ one.coef_.T + one.intercept_
    margins = margins[:, 0] if n_classes == 2 else margins
    np.testing.assert_allclose(one.decision_function(S), margins, atol=1e-12)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_optimal_with_center_and_offset(n_classes):
    X, y, _, center, offset = centers_and_offsets(n_classes)
    model = L1SVC(C=0.1).fit(X, y, coef_center=center, offset=offset)
    ours = objectives(
        model.coef_, model.intercept_, X, y, 0.1, center=center, offset=offset
    )
    rng = np.random.default_rng(0)
    for step in 10.0 ** -np.arange(6):
        for _ in range(20):
            coef = model.coef_ + step * rng.normal(size=center.shape)
            b = model.intercept_ + step * rng.normal(size=len(coef))
            near = objectives(coef, b, X, y, 0.1, center=center, offset=offset)
            assert (ours * (1 - model.dual_gap_) <= near * (1 + 1e-12)).all()


def test_a_constant_offset_moves_the_intercept():
    X, y = wine()
    one = L1SVC(**TIGHT).fit(X, y, offset=np.tile([0.5, 0.0, -2.0], (len(y), 1)))
    other = L1SVC(**TIGHT).fit(X, y)
    np.testing.assert_allclose(one.coef_, other.coef_, atol=1e-6)
    np.testing.assert_allclose(
        one.intercept_ + [0.5, 0.0, -2.0], other.intercept_, atol=1e-6
    )


def test_a_binary_center_has_one_or_two_dimensions():
    X, y, _, center, _ = centers_and_offsets(2)
    one = L1SVC().fit(X, y, coef_center=center)
    assert_same_bits(one, L1SVC().fit(X, y, coef_center=center[0]))
    assert_same_bits(one, L1SVC().fit(X, y, coef_center=center.tolist()))


def test_zero_center_and_offset_change_nothing():
    X, y = wine()
    one = L1SVC().fit(X, y)
    other = L1SVC().fit(
        X, y, coef_center=np.zeros((3, 13)), offset=np.zeros((len(y), 3))
    )
    assert_same_bits(one, other)


# Warm starts --------------------------------------------------------------------------


@pytest.mark.parametrize("sparse", [False, True])
def test_a_warm_start_takes_fewer_iterations(sparse):
    X, y = scaled(load_digits)
    X = csr_array(X) if sparse else X
    model = L1SVC(warm_start=True).fit(X, y)
    cold = model.n_iter_
    before = objectives(model.coef_, model.intercept_, X, y)
    model.fit(X, y)
    assert (model.n_iter_ <= cold).all()
    assert model.n_iter_.sum() < cold.sum()
    after = objectives(model.coef_, model.intercept_, X, y)
    assert (after <= before * (1 + 1e-9)).all()


def test_a_warm_start_ends_where_a_cold_one_does():
    X, y = wine()
    center = np.random.default_rng(0).normal(size=(3, 13))
    model = L1SVC(C=100.0, warm_start=True, **TIGHT).fit(X, y)
    for C in (1.0, 0.01, 10.0):
        model.set_params(C=C).fit(X, y, coef_center=center)
        cold = L1SVC(C=C, **TIGHT).fit(X, y, coef_center=center)
        assert_same_model(model, cold, atol=1e-5)


def test_a_warm_start_leaves_earlier_arrays_alone():
    X, y = wine()
    model = L1SVC(warm_start=True).fit(X, y)
    coef, intercept = model.coef_, model.intercept_
    kept = coef.copy(), intercept.copy()
    model.set_params(C=0.01).fit(X, y)
    np.testing.assert_array_equal(coef, kept[0])
    np.testing.assert_array_equal(intercept, kept[1])


def test_a_warm_start_from_sparse_coefficients():
    X, y = wine()
    model = L1SVC(warm_start=True).fit(X, y).sparsify()
    model.fit(X, y)
    assert isinstance(model.coef_, np.ndarray)
    assert (model.dual_gap_ <= model.tol).all()


def test_a_warm_start_on_another_problem():
    X, y = wine()
    for new_X, new_y in [(X[:, :5], y), (X[y < 2], y[y < 2]), (X, (y + 1) % 3)]:
        model = L1SVC(warm_start=True, **TIGHT).fit(X, y).fit(new_X, new_y)
        assert_same_model(model, L1SVC(**TIGHT).fit(new_X, new_y), atol=1e-6)


@pytest.mark.parametrize("sparse", [False, True])
def test_a_warm_start_where_no_row_pays(sparse):
    X, y = blobs(n=40, spread=5.0)
    S = csr_array(X) if sparse else X
    model = L1SVC(C=100.0, warm_start=True, max_iter=1000).fit(S, y)
    model.coef_, model.intercept_ = 100 * model.coef_, 100 * model.intercept_
    center = np.random.default_rng(0).normal(size=model.coef_.shape)
    for coef_center in (None, center):
        again = pickle.loads(pickle.dumps(model)).fit(S, y, coef_center=coef_center)
        cold = L1SVC(C=100.0, max_iter=1000).fit(S, y, coef_center=coef_center)
        assert (again.dual_gap_ <= again.tol).all()
        ours, theirs = (
            objectives(m.coef_, m.intercept_, X, y, 100.0, center=coef_center)
            for m in (again, cold)
        )
        np.testing.assert_allclose(ours, theirs, rtol=2e-4, atol=1e-12)


def test_a_warm_start_of_many_features():
    X, y = blobs(n=12, d=200_000)
    model = L1SVC(warm_start=True).fit(X, y)
    for X_new in (X, csr_array(X)):
        model.fit(X_new, y)
        assert (model.dual_gap_ <= model.tol).all()


def test_without_warm_start_a_refit_starts_anew():
    X, y = wine()
    model = L1SVC().fit(X, y)
    assert_same_bits(clone(model).fit(X, y), model.fit(X[:, ::-1], y).fit(X, y))


# Probabilities and margins ------------------------------------------------------------


@pytest.mark.parametrize("load", [load_wine, load_breast_cancer, load_digits])
@pytest.mark.parametrize("factor", [1.0, 30.0])
def test_probabilities(load, factor):
    X, y = scaled(load)
    model = L1SVC().fit(X, y)
    new = factor * X
    margins, p = model.decision_function(new), model.predict_proba(new)
    assert p.shape == (len(y), len(model.classes_))
    assert (p >= 0).all()
    np.testing.assert_allclose(p.sum(axis=1), 1.0, atol=1e-12)
    np.testing.assert_array_equal(model.classes_[p.argmax(axis=1)], model.predict(new))
    if margins.ndim == 1:
        expected = np.clip((margins + 1) / 2, 0, 1)
        np.testing.assert_allclose(p[:, 1], expected, atol=1e-8)
        np.testing.assert_array_equal(margins > 0, model.predict(new) == 1)
    else:
        expected = np.clip((margins + 1) / 2, 0, 1)
        some = expected.sum(axis=1) > 0
        expected = expected[some] / expected[some].sum(axis=1, keepdims=True)
        np.testing.assert_allclose(p[some], expected, atol=1e-8)
        np.testing.assert_array_equal(margins.argmax(axis=1), p.argmax(axis=1))


def test_margins_are_read_as_margins():
    X, y = wine()
    model = L1SVC().fit(X, y)
    assert output_kind(model) == "margin"
    assert output_kind(make_pipeline(StandardScaler(), L1SVC()).fit(X, y)) == "margin"
    np.testing.assert_array_equal(
        read_outputs(model, X, scale="margin", classes=model.classes_),
        model.decision_function(X),
    )
    np.testing.assert_array_equal(
        read_outputs(model, X, scale="probability", classes=model.classes_),
        model.predict_proba(X),
    )
    assert weight_parameter(model) == "sample_weight"


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("load", [load_wine, load_breast_cancer])
def test_sparsify(load, dtype):
    X, y = scaled(load)
    X = X.astype(dtype)
    model = L1SVC(C=0.05).fit(X, y)
    dense, expected = model.coef_, model.decision_function(X)
    assert model.sparsify() is model
    assert issparse(model.coef_)
    assert model.coef_.dtype == dtype
    for new in (X, csr_array(X), csr_matrix(X)):
        margins = model.decision_function(new)
        assert isinstance(margins, np.ndarray)
        np.testing.assert_allclose(margins, expected, atol=1e-5)
        assert model.predict_proba(new).shape == (len(y), len(model.classes_))
        assert model.score(new, y) > 0.9
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    np.testing.assert_array_equal(model.densify().coef_, dense)


@pytest.mark.parametrize(
    "method", ["sparsify", "densify", "predict", "predict_proba", "decision_function"]
)
def test_not_fitted(method):
    arguments = () if method.endswith("ify") else ([[0.0]],)
    with pytest.raises(NotFittedError):
        getattr(L1SVC(), method)(*arguments)


# Same bits ----------------------------------------------------------------------------


@pytest.mark.parametrize("sparse", [False, True])
def test_bits_do_not_depend_on_n_jobs(sparse):
    X, y = scaled(load_digits)
    X = csr_array(X) if sparse else X
    one = L1SVC(n_jobs=1).fit(X, y)
    for n_jobs in (None, 2, 3):
        assert_same_bits(one, L1SVC(n_jobs=n_jobs).fit(X, y))
    with joblib.parallel_backend("threading", n_jobs=2):
        assert_same_bits(one, L1SVC().fit(X, y))


def test_bits_do_not_depend_on_n_jobs_with_many_rows():
    # More than a megabyte: workers get a read-only memory map.
    X, y = blobs(n=9000, d=20, n_classes=10)
    center = np.zeros((10, 20))
    center[0] = 1.0
    models = [
        L1SVC(C=0.1, n_jobs=n_jobs).fit(X, y, coef_center=center) for n_jobs in (1, 2)
    ]
    assert_same_bits(*models)


@pytest.mark.parametrize("sparse", [False, True])
def test_bits_do_not_depend_on_threads(sparse):
    X, y = scaled(load_digits)
    X = csr_array(X) if sparse else X
    grid = [0.01, 0.1, 1.0, 0.03, 0.3, 0.01]
    with ThreadPoolExecutor(2) as pool:
        threaded = list(pool.map(lambda C: L1SVC(C=C).fit(X, y), grid))
    for C, model in zip(grid, threaded, strict=True):
        assert_same_bits(model, L1SVC(C=C).fit(X, y))


def test_pickles():
    X, y = wine()
    model = L1SVC().fit(X, y)
    again = pickle.loads(pickle.dumps(model))
    assert_same_bits(model, again)
    np.testing.assert_array_equal(model.predict_proba(X), again.predict_proba(X))


# Inputs -------------------------------------------------------------------------------


def wide_indices(X):
    X = csr_array(X)
    X.indices, X.indptr = X.indices.astype(np.int64), X.indptr.astype(np.int64)
    return X


def with_duplicates(X):
    """Every entry in two halves, columns in falling order."""
    rows, columns = np.nonzero(X)
    order = np.lexsort((-columns, rows))
    rows, columns = rows[order], columns[order]
    indptr = 2 * np.r_[0, np.cumsum(np.bincount(rows, minlength=len(X)))]
    data = np.repeat(X[rows, columns] / 2, 2)
    return csr_array((data, np.repeat(columns, 2), indptr), shape=X.shape)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "container",
    [csr_array, csr_matrix, csc_array, csc_matrix, coo_array, wide_indices]
    + [with_duplicates],
)
def test_sparse_containers_are_alike(container, dtype):
    X, y = wine()
    X = np.where(np.abs(X) < 0.5, 0, X).astype(dtype)
    plain, model = L1SVC().fit(csr_array(X), y), L1SVC()
    S = container(X)
    before = S.copy()
    model.fit(S, y)
    assert_same_bits(plain, model)
    assert model.coef_.dtype == dtype
    np.testing.assert_allclose(
        model.decision_function(S), model.decision_function(X), atol=1e-5
    )
    for name in ("data", "indices", "indptr"):
        if hasattr(before, name):
            np.testing.assert_array_equal(getattr(S, name), getattr(before, name))


@pytest.mark.parametrize(
    "layout",
    [np.asfortranarray, lambda X: X[::-1][::-1], lambda X: np.repeat(X, 2, 1)[:, ::2]],
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_layouts_are_alike(layout, dtype):
    X, y = wine()
    X = X.astype(dtype)
    assert_same_bits(L1SVC().fit(X, y), L1SVC().fit(layout(X), y))


@pytest.mark.parametrize("sparse", [False, True])
def test_float32(sparse):
    X, y = scaled(load_digits)
    X = X.astype(np.float32)
    S = csr_array(X) if sparse else X
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        model = L1SVC().fit(S, y)
    assert model.coef_.dtype == np.float32
    double = L1SVC().fit(X.astype(np.float64), y)
    assert double.coef_.dtype == np.float64
    ours = objectives(
        model.coef_.astype(np.float64), model.intercept_, X.astype(np.float64), y
    )
    best = objectives(double.coef_, double.intercept_, X.astype(np.float64), y)
    assert (ours <= best * (1 + 3e-4)).all()
    assert (model.dual_gap_ <= model.tol).all()


def test_integers_are_read_as_float64():
    X, y = load_digits(return_X_y=True)
    one, other = L1SVC().fit(X.astype(np.int64)[:300], y[:300]), L1SVC()
    assert one.coef_.dtype == np.float64
    assert_same_bits(one, other.fit(X[:300], y[:300]))


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_data_frames(frame):
    X, y = wine()
    names = [f"f{j}" for j in range(X.shape[1])]
    table = frame(dict(zip(names, X.T, strict=True)))
    plain, model = L1SVC().fit(X, y), L1SVC().fit(table, y)
    assert_same_bits(plain, model)
    assert model.n_features_in_ == 13
    assert not hasattr(plain, "feature_names_in_")
    assert model.feature_names_in_.tolist() == names
    np.testing.assert_array_equal(model.predict_proba(table), plain.predict_proba(X))
    with pytest.raises(ValueError, match="feature names"):
        model.predict(table[names[::-1]])


@pytest.mark.parametrize("sparse", [False, True])
def test_read_only_inputs_stay_as_they_are(sparse):
    X, y, _, center, offset = centers_and_offsets(3)
    weight = np.ones(len(y))
    S = csr_array(X) if sparse else X
    arrays = [y, center, offset, weight]
    arrays += [S.data, S.indices, S.indptr] if sparse else [S]
    before = [array.copy() for array in arrays]
    for array in arrays:
        array.flags.writeable = False
    model = L1SVC(warm_start=True)
    for _ in range(2):
        model.fit(S, y, sample_weight=weight, coef_center=center, offset=offset)
    model.predict_proba(S)
    for one, other in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(one, other)


def test_memory_maps(tmp_path):
    X, y = wine()
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    assert_same_bits(L1SVC().fit(X, y), L1SVC().fit(mapped, y))


def test_sparse_data_are_never_made_dense():
    X = random_array(
        (3000, 300_000),
        density=1e-4,
        format="csr",
        random_state=np.random.default_rng(0),
    )
    y = np.arange(3000) % 3
    tracemalloc.start()
    try:
        model = L1SVC().fit(X, y)
        model.predict_proba(X)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 200e6
    assert (model.dual_gap_ <= model.tol).all()


@pytest.mark.parametrize("labels", ["text", "object", "bool", "negative"])
def test_labels_of_any_kind(labels):
    X, y = cancer()
    new = {
        "text": np.array(["b", "a"]),
        "object": np.array(["b", "a"], dtype=object),
        "bool": np.array([False, True]),
        "negative": np.array([-1, 1]),
    }[labels][y]
    model = L1SVC().fit(X, new)
    np.testing.assert_array_equal(model.classes_, np.unique(new))
    assert model.predict(X).dtype == model.classes_.dtype
    assert model.score(X, new) > 0.95


# Errors -------------------------------------------------------------------------------


def test_one_class():
    with pytest.raises(ValueError, match="only one class"):
        L1SVC().fit([[0.0], [1.0]], [1, 1])
    with pytest.raises(ValueError, match="only one class"):
        L1SVC().fit([[0.0], [1.0], [2.0]], [1, 1, 0], sample_weight=[1, 1, 0])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("sparse", [False, True])
def test_values_must_be_finite(bad, sparse):
    X, y = wine()
    X[3, 2] = bad
    X = csr_array(X) if sparse else X
    with pytest.raises(ValueError, match="NaN|infinity"):
        L1SVC().fit(X, y)
    with pytest.raises(ValueError, match="NaN|infinity"):
        L1SVC().fit(*wine()).predict(X)


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (-1.0, "sample_weight|[Nn]egative"),
        (0.0, "weight"),
        (np.nan, "NaN"),
        (np.inf, "infinity"),
    ],
)
def test_bad_weights(weight, message):
    X, y = wine()
    weights = np.full(len(y), weight)
    with pytest.raises(ValueError, match=message):
        L1SVC().fit(X, y, sample_weight=weights)
    with pytest.raises(ValueError, match="sample_weight"):
        L1SVC().fit(X, y, sample_weight=np.ones(3))


@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf])
def test_bad_class_weights(bad):
    X, y = wine()
    with pytest.raises(ValueError, match="class_weight"):
        L1SVC(class_weight={0: bad}).fit(X, y)


def test_class_weights_that_leave_no_row():
    with pytest.raises(ValueError, match="no row of positive weight"):
        L1SVC(class_weight=dict.fromkeys(range(3), 0)).fit(*wine())


@pytest.mark.parametrize(
    ("n_classes", "name", "shape", "expected"),
    [
        (3, "coef_center", (4,), "(3, 4)"),
        (3, "coef_center", (2, 4), "(3, 4)"),
        (3, "coef_center", (4, 3), "(3, 4)"),
        (3, "coef_center", (3, 5), "(3, 4)"),
        (3, "coef_center", (1, 4), "(3, 4)"),
        (2, "coef_center", (2, 4), "(1, 4)"),
        (2, "coef_center", (5,), "(1, 4)"),
        (3, "offset", (60,), "(60, 3)"),
        (3, "offset", (3, 60), "(60, 3)"),
        (3, "offset", (60, 2), "(60, 3)"),
        (3, "offset", (59, 3), "(60, 3)"),
        (2, "offset", (59,), "(60,)"),
        (2, "offset", (60, 2), "(60,)"),
    ],
)
def test_wrong_shapes(n_classes, name, shape, expected):
    X, y = blobs(n_classes=n_classes)
    with pytest.raises(ValueError, match=name) as error:
        L1SVC().fit(X, y, **{name: np.zeros(shape)})
    assert expected in str(error.value)
    assert str(shape) in str(error.value)


@pytest.mark.parametrize("name", ["coef_center", "offset"])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_centers_and_offsets_must_be_finite(name, bad):
    X, y, _, center, offset = centers_and_offsets(3)
    given_array = {"coef_center": center, "offset": offset}[name]
    given_array[1, 1] = bad
    with pytest.raises(ValueError, match=f"{name}.*(NaN|infinity|finite)"):
        L1SVC().fit(X, y, **{name: given_array})


@pytest.mark.parametrize(
    "parameter",
    [
        {"C": 0.0},
        {"C": -1.0},
        {"C": "1"},
        {"C": np.nan},
        {"C": np.inf},
        {"tol": -1e-4},
        {"max_iter": 0},
        {"max_iter": 1.5},
        {"class_weight": "balance"},
        {"fit_intercept": "yes"},
        {"warm_start": "yes"},
        {"n_jobs": 1.5},
    ],
    ids=str,
)
def test_bad_parameters(parameter):
    X, y = wine()
    (name,) = parameter
    with pytest.raises(ValueError, match=f"The '{name}' parameter of L1SVC must be"):
        L1SVC(**parameter).fit(X, y)


@pytest.mark.parametrize("warm_start", [False, True])
def test_a_failed_refit_leaves_the_old_model(warm_start):
    X, y = wine()
    model = L1SVC(warm_start=warm_start).fit(pd.DataFrame(X).add_prefix("f"), y)
    before = {k: np.copy(v) for k, v in vars(model).items() if k.endswith("_")}
    bad = X[:, :4].copy()
    bad[0, 0] = np.nan
    for arguments in [
        {"X": bad, "y": y},
        {"X": X[:, :4], "y": np.zeros(len(y))},
        {"X": X[:, :4], "y": y, "sample_weight": -np.ones(len(y))},
        {"X": X[:, :4], "y": y, "coef_center": np.zeros(3)},
        {"X": X[:, :4], "y": y, "offset": np.zeros(3)},
    ]:
        with pytest.raises(ValueError):
            model.fit(**arguments)
        after = {k: v for k, v in vars(model).items() if k.endswith("_")}
        assert after.keys() == before.keys()
        for name, value in before.items():
            np.testing.assert_array_equal(after[name], value)
    unfitted = L1SVC()
    with pytest.raises(ValueError):
        unfitted.fit(X, y, offset=np.zeros(3))
    assert vars(unfitted) == vars(L1SVC())


def test_predict_checks_the_features():
    X, y = wine()
    model = L1SVC().fit(X, y)
    with pytest.raises(ValueError, match=re.escape("expecting 13 features")):
        model.predict(X[:, :5])


# Compositions -------------------------------------------------------------------------


def test_metadata_routing():
    X, y, _, center, offset = centers_and_offsets(3)
    weight = np.random.default_rng(0).uniform(0.5, 2, len(y))
    with config_context(enable_metadata_routing=True):
        request = L1SVC().set_fit_request(
            sample_weight=True, coef_center=True, offset=True
        )
        model = make_pipeline(MaxAbsScaler(), request)
        model.fit(X, y, sample_weight=weight, coef_center=center, offset=offset)
    scaled_X = model[0].transform(X)
    plain = L1SVC().fit(
        scaled_X, y, sample_weight=weight, coef_center=center, offset=offset
    )
    assert_same_bits(plain, model[-1])


def test_signature():
    assert skexperts.L1SVC is L1SVC
    assert L1SVC(2.0).C == 2.0
    with pytest.raises(TypeError):
        L1SVC(2.0, "balanced")
    parameters = L1SVC().get_params()
    del parameters["max_iter"]
    assert parameters == {
        "C": 1.0,
        "class_weight": None,
        "fit_intercept": True,
        "n_jobs": None,
        "tol": 1e-4,
        "warm_start": False,
    }


def test_grid_search_and_cross_validation():
    X, y = wine()
    search = GridSearchCV(L1SVC(), {"C": [0.01, 1.0]}, scoring="neg_log_loss", n_jobs=2)
    assert search.fit(X, y).best_estimator_.score(X, y) > 0.95
    scores = cross_validate(L1SVC(class_weight="balanced"), X, y)["test_score"]
    assert scores.mean() > 0.9


def test_experts_in_cells():
    X, y = wine()
    model = PartitionedExpertsClassifier(L1SVC(), n_experts=3, random_state=0)
    assert model.fit(X, y).score(X, y) > 0.95
    alone = PartitionedExpertsClassifier(L1SVC(), n_experts=1).fit(X, y)
    plain = L1SVC().fit(X, y)
    np.testing.assert_array_equal(
        alone.decision_function(X), plain.decision_function(X)
    )


def test_a_coefficient_that_leaves_is_zero_after_one_step():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((200, 2))
    y = X[:, 0] + 2 * rng.standard_normal(200) > 0
    model = L1SVC(C=1e-4, warm_start=True, tol=1e-30, max_iter=1)
    model.coef_, model.intercept_ = np.array([[0.1, 0.0]]), np.zeros(1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, y)
    np.testing.assert_array_equal(model.coef_, 0.0)


@pytest.mark.parametrize("container", [np.asarray, csr_array])
@pytest.mark.parametrize("scale", [1e-11, 1e11])
def test_columns_of_very_different_scales(container, scale):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((200, 2))
    y = X[:, 0] + X[:, 1] + 0.3 * rng.standard_normal(200) > 0
    model = L1SVC().fit(container(X * [scale, 1.0]), y)
    assert model.dual_gap_ <= model.tol
    if scale > 1:
        assert model.coef_.all()
        assert model.score(container(X * [scale, 1.0]), y) > 0.93


def test_a_warm_start_brings_no_intercept_to_a_fit_without_one():
    X, y = blobs(n=60)
    model = L1SVC(warm_start=True).fit(X + 3, y)
    model.set_params(fit_intercept=False).fit(X + 3, y)
    np.testing.assert_array_equal(model.intercept_, 0.0)
    assert (model.dual_gap_ <= model.tol).all()


@pytest.mark.parametrize("C", [1.0, 1e3])
def test_single_precision_converges_as_double_does(C):
    X, y = load_digits(return_X_y=True)
    X = StandardScaler().fit_transform(X)[:, :40]
    X[:, 0] = 0
    model = L1SVC(C=C).fit(X.astype(np.float32), y)
    assert (model.dual_gap_ <= model.tol).all()
    assert model.n_iter_.max() < 300


def test_a_missing_label_of_no_weight_is_of_no_concern():
    X, y = blobs(n=40)
    y = np.array(["a", "b", "c"], dtype=object)[y]
    y[3] = None
    weights = np.ones(40)
    weights[3] = 0
    model = L1SVC(class_weight="balanced").fit(X, y, weights)
    assert len(model.classes_) == 3
