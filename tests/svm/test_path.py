"""l1_svc_path: every point of the path is a solution, the first is zero."""

import warnings

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csc_array, csr_array
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import StandardScaler
from sklearn.svm import l1_min_c

from skexperts.svm import L1SVC, L1SVR, l1_svc_path
from skexperts.svm._base import fit_linear
from skexperts.svm._path import problem_of, values_of_C

TIGHT = {"tol": 1e-10, "max_iter": 10_000}

seeds = st.integers(0, 2**32 - 1)


def scaled(load):
    X, y = load(return_X_y=True)
    return StandardScaler().fit_transform(X), y


def blobs(seed=0, n=60, d=4, n_classes=3):
    rng = np.random.default_rng(seed)
    y = np.arange(n) % n_classes
    return rng.normal(size=(n_classes, d))[y] + rng.normal(size=(n, d)), y


def objectives(coef, intercept, X, y, C, weight):
    classes = np.unique(y)
    classes = classes[1:] if len(classes) == 2 else classes
    sign = np.where(y == classes[:, None], 1.0, -1.0)
    slack = np.maximum(0.0, 1.0 - sign * (coef @ X.T + intercept[:, None]))
    return np.abs(coef).sum(axis=1) + C * slack**2 @ weight


def assert_same_path(one, other, **tolerances):
    for ours, theirs in zip(one, other, strict=True):
        np.testing.assert_allclose(ours, theirs, **tolerances)


def assert_same_bits(one, other):
    for ours, theirs in zip(one, other, strict=True):
        np.testing.assert_array_equal(ours, theirs)


# Solutions ----------------------------------------------------------------------------


@pytest.mark.parametrize("load", [load_wine, load_breast_cancer, load_digits])
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("class_weight", [None, "balanced", {0: 3.0}])
@pytest.mark.parametrize("fit_intercept", [False, True])
def test_every_point_is_as_good_as_a_cold_fit(
    load, sparse, class_weight, fit_intercept
):
    X, y = scaled(load)
    X, y = X[:400], y[:400]
    weight = np.random.default_rng(0).uniform(0.1, 3, len(y))
    S = csr_array(X) if sparse else X
    options = {"class_weight": class_weight, "fit_intercept": fit_intercept}
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        path = l1_svc_path(S, y, Cs=6, sample_weight=weight, **options)
    factors = dict.fromkeys(np.unique(y), 1.0)
    if class_weight == "balanced":
        for label in factors:
            factors[label] = weight.sum() / len(factors) / weight[y == label].sum()
    elif class_weight is not None:
        factors |= class_weight
    total = weight * np.array([factors[label] for label in y])
    for C, coef, intercept, gap in zip(*path, strict=True):
        cold = L1SVC(C=C, **options).fit(S, y, sample_weight=weight)
        assert coef.shape == cold.coef_.shape
        ours = objectives(coef, intercept, X, y, C, total)
        theirs = objectives(cold.coef_, cold.intercept_, X, y, C, total)
        assert (gap <= 1e-4).all()
        assert (ours * (1 - gap) <= theirs * (1 + 1e-12)).all()
        assert (theirs * (1 - cold.dual_gap_) <= ours * (1 + 1e-12)).all()


def test_shapes_and_values_of_C():
    X, y = scaled(load_wine)
    Cs, coefs, intercepts, gaps = l1_svc_path(X, y, Cs=7, eps=0.01)
    assert coefs.shape == (7, 3, 13)
    assert intercepts.shape == gaps.shape == (7, 3)
    assert Cs[-1] / Cs[0] == pytest.approx(100)
    np.testing.assert_allclose(np.diff(np.log(Cs)), np.log(100) / 6)
    given_Cs = l1_svc_path(X, y, Cs=Cs[::-1].tolist())
    assert_same_bits(given_Cs, (Cs, coefs, intercepts, gaps))
    (alone,) = l1_svc_path(X, y, Cs=1)[0]
    assert alone == Cs[0]
    assert len(l1_svc_path(X, y)[0]) == 20
    assert l1_svc_path(X, y == 1)[1].shape == (20, 1, 13)


# The smallest C -----------------------------------------------------------------------


@settings(max_examples=40)
@given(
    seed=seeds,
    n=st.integers(4, 60),
    d=st.integers(1, 20),
    n_classes=st.integers(2, 4),
    weighted=st.booleans(),
    sparse=st.booleans(),
    fit_intercept=st.booleans(),
    class_weight=st.sampled_from([None, "balanced", {1: 5.0}]),
)
def test_the_first_C_is_critical(
    seed, n, d, n_classes, weighted, sparse, fit_intercept, class_weight
):
    X, y = blobs(seed, n, d, n_classes)
    X = csr_array(X) if sparse else X
    weight = np.random.default_rng(seed).uniform(0.1, 3, n) if weighted else None
    options = {"class_weight": class_weight, "fit_intercept": fit_intercept}
    options |= {"sample_weight": weight, "tol": 1e-12}
    (C_min,), *_ = l1_svc_path(X, y, Cs=1, **options)
    Cs = C_min * np.array([1 - 1e-6, 1.01])
    _, (below, above), *_ = l1_svc_path(X, y, Cs=Cs, **options)
    assert not below.any()
    assert above.any()


@settings(max_examples=25)
@given(
    seed=seeds,
    n=st.integers(4, 60),
    epsilon=st.sampled_from([0.0, 0.1, 1.0]),
    sparse=st.booleans(),
    fit_intercept=st.booleans(),
)
def test_the_first_C_of_regression_is_critical(seed, n, epsilon, sparse, fit_intercept):
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(n, 5)), 3 + 2 * rng.normal(size=n)
    X = csr_array(X) if sparse else X
    model = L1SVR(epsilon=epsilon, fit_intercept=fit_intercept, tol=1e-12)
    problem = problem_of(model, X, y, None)
    (C_min,) = values_of_C(1, 0.1, *problem, fit_intercept=fit_intercept)
    assert not model.set_params(C=C_min * (1 - 1e-6)).fit(X, y).coef_.any()
    assert model.set_params(C=C_min * 1.01).fit(X, y).coef_.any()


def test_the_first_C_is_that_of_scikit_learn_where_problems_agree():
    X, y = scaled(load_wine)
    (C_min,), *_ = l1_svc_path(X, y, Cs=1, fit_intercept=False)
    assert C_min == pytest.approx(l1_min_c(X, y, fit_intercept=False), rel=1e-12)


@pytest.mark.parametrize("sparse", [False, True])
def test_coefficients_that_are_zero_at_every_C(sparse):
    X, y = np.full((30, 2), 1 / 3), np.arange(30) % 3
    X = csr_array(X) if sparse else X
    Cs, coefs, intercepts, _ = l1_svc_path(X, y, Cs=3)
    np.testing.assert_allclose(Cs, [1, 1000**0.5, 1000])
    assert not coefs.any()
    np.testing.assert_allclose(intercepts, -1 / 3)


# Weights ------------------------------------------------------------------------------


@pytest.mark.parametrize("class_weight", [None, "balanced", {0: 3.0, 1: 0.5}])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("sparse", [False, True])
def test_weight_is_repetition(sparse, n_classes, class_weight):
    X, y = blobs(n_classes=n_classes)
    weight = np.random.default_rng(1).integers(0, 4, size=len(y))
    convert = csr_array if sparse else np.asarray
    options = {"Cs": 5, "class_weight": class_weight, **TIGHT}
    one = l1_svc_path(convert(X), y, sample_weight=weight, **options)
    repeated = convert(np.repeat(X, weight, axis=0))
    other = l1_svc_path(repeated, np.repeat(y, weight), **options)
    assert_same_path(one, other, atol=1e-5)


def test_zero_weight_is_absence():
    X, y = blobs(n_classes=4)
    weight = np.where(y == 3, 0.0, 1.0)
    X[y == 3] *= 1e6
    one = l1_svc_path(X, y, sample_weight=weight)
    other = l1_svc_path(X[y < 3], y[y < 3], sample_weight=weight[y < 3])
    assert_same_bits(one, other)


def test_a_class_of_weight_zero_gets_no_coefficients():
    X, y = blobs()
    _, coefs, intercepts, _ = l1_svc_path(X, y, class_weight={0: 0.0})
    assert not coefs[:, 0].any()
    assert (intercepts[:, 0] <= -1).all()
    assert coefs[-1, 1:].all()


# Inputs -------------------------------------------------------------------------------


@pytest.mark.parametrize("sparse", [False, True])
def test_bits_do_not_depend_on_n_jobs(sparse):
    X, y = scaled(load_digits)
    X, y = (csr_array(X) if sparse else X)[:500], y[:500]
    one = l1_svc_path(X, y, Cs=4)
    assert_same_bits(one, l1_svc_path(X, y, Cs=4, n_jobs=2))
    with joblib.parallel_backend("threading", n_jobs=2):
        assert_same_bits(one, l1_svc_path(X, y, Cs=4))


@pytest.mark.parametrize("container", [np.asfortranarray, csc_array, csr_array])
def test_float32(container):
    X, y = scaled(load_wine)
    Cs, coefs, intercepts, gaps = l1_svc_path(container(X.astype(np.float32)), y)
    assert coefs.dtype == intercepts.dtype == np.float32
    assert Cs.dtype == gaps.dtype == np.float64
    assert (gaps <= 1e-4).all()
    double = X.astype(np.float32).astype(np.float64)
    np.testing.assert_allclose(Cs, l1_svc_path(double, y)[0], rtol=1e-12)
    assert not coefs[0].any()


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_data_frames(frame):
    X, y = scaled(load_wine)
    table = frame({f"f{j}": X[:, j] for j in range(X.shape[1])})
    assert_same_bits(l1_svc_path(X, y, Cs=3), l1_svc_path(table, y, Cs=3))


@pytest.mark.parametrize("sparse", [False, True])
def test_read_only_inputs_stay_as_they_are(sparse):
    X, y = blobs()
    S = csr_array(X) if sparse else X
    arrays = [y, np.ones(len(y)), np.array([1.0, 0.1])]
    arrays += [S.data, S.indices, S.indptr] if sparse else [S]
    before = [array.copy() for array in arrays]
    for array in arrays:
        array.flags.writeable = False
    l1_svc_path(S, y, Cs=arrays[2], sample_weight=arrays[1])
    assert_same_bits(arrays, before)


# Warnings and errors ------------------------------------------------------------------


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_one_warning_for_the_whole_path(n_jobs):
    X, y = scaled(load_digits)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        *_, gaps = l1_svc_path(X, y, Cs=4, tol=1e-13, max_iter=1, n_jobs=n_jobs)
    (warning,) = caught
    assert warning.category is ConvergenceWarning
    assert f"{np.count_nonzero(gaps > 1e-13)} of 40" in str(warning.message)
    assert warning.filename == __file__


def test_overflow_is_no_convergence():
    X, y = blobs()
    with pytest.warns(ConvergenceWarning):
        *_, gaps = l1_svc_path(X, y, Cs=[1e300], class_weight={0: 1e300})
    assert np.isinf(gaps).any()


def test_the_path_itself_does_not_warn():
    X, y = scaled(load_wine)
    model = L1SVC()
    model.classes_ = np.unique(y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        *_, gaps, n_iter = fit_linear(
            *problem_of(model, X, y, None),
            Cs=np.array([1.0, 100.0]),
            fit_intercept=True,
            tol=1e-13,
            max_iter=1,
        )
    assert (gaps > 1e-13).any()
    assert (n_iter <= 1).all()


@pytest.mark.parametrize(
    "Cs", [[], [[1.0, 2.0]], [1.0, 0.0], [-1.0], [np.nan], [np.inf], ["a"]], ids=str
)
def test_bad_values_of_C(Cs):
    with pytest.raises(ValueError, match="Cs|could not convert|minimum of 1"):
        l1_svc_path(*blobs(), Cs=Cs)


def test_values_of_C_beyond_float64():
    X, y = blobs()
    with pytest.raises(ValueError, match="Scale X and y, or pass Cs"):
        l1_svc_path(1e-305 * X, y, eps=1e-8)


@pytest.mark.parametrize(
    "parameter",
    [
        {"Cs": 0},
        {"Cs": 1.5},
        {"eps": 0.0},
        {"eps": 1.0},
        {"tol": -1.0},
        {"max_iter": 0},
        {"class_weight": "balance"},
        {"fit_intercept": "yes"},
        {"n_jobs": 1.5},
    ],
    ids=str,
)
def test_bad_parameters(parameter):
    (name,) = parameter
    with pytest.raises(ValueError, match=f"The '{name}' parameter of l1_svc_path must"):
        l1_svc_path(*blobs(), **parameter)


def test_bad_data():
    X, y = blobs()
    with pytest.raises(ValueError, match="only one class"):
        l1_svc_path(X, np.zeros(len(y)))
    with pytest.raises(ValueError, match="sample_weight"):
        l1_svc_path(X, y, sample_weight=np.ones(3))
    with pytest.raises(ValueError, match="NaN"):
        l1_svc_path(np.where(X > 1, np.nan, X), y)


def test_more_entries_than_32_bits_can_number():
    X, y = csr_array(np.eye(4)), np.arange(4.0)
    X.indices = X.indices.astype(np.int64)
    problem = problem_of(L1SVR(), X, y, None)
    with pytest.raises(ValueError, match="more than the 2147483647"):
        fit_linear(*problem, Cs=[1.0], fit_intercept=True, tol=1e-4, max_iter=9)


def test_many_rows_have_no_coefficients_at_the_critical_C():
    rng = np.random.default_rng(2)
    X = rng.standard_normal((8192, 3))
    y = X[:, 0] + 3 * rng.standard_normal(8192) > 0
    _, coefs, _, gaps = l1_svc_path(X, y, Cs=5)
    assert not coefs[0].any()
    assert (gaps <= 1e-4).all()


def test_weights_beyond_the_range_are_an_error():
    X, y = load_breast_cancer(return_X_y=True)
    with pytest.raises(ValueError, match="beyond the range"):
        l1_svc_path(X, y, sample_weight=np.full(len(y), 1e308))
