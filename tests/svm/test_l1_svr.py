"""L1SVR: optimality, equivalences and invariants; no numbers by heart."""

import pickle
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.sparse import coo_array, csc_array, csr_array, csr_matrix, issparse
from sklearn.base import clone
from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import Lasso
from sklearn.model_selection import GridSearchCV
from sklearn.preprocessing import StandardScaler

import skexperts
from skexperts import PartitionedExpertsRegressor
from skexperts._experts import output_kind
from skexperts.svm import L1SVR

TIGHT = {"tol": 1e-10, "max_iter": 10_000}

seeds = st.integers(0, 2**32 - 1)


def diabetes():
    X, y = load_diabetes(return_X_y=True)
    return StandardScaler().fit_transform(X), (y - y.mean()) / y.std() + 0.5


def linear(seed=0, n=60, d=6):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    return X, X @ rng.normal(size=d) + rng.normal(size=n) + 2.0


def objective(
    coef, intercept, X, y, C=1.0, epsilon=0.0, weight=1.0, center=0.0, offset=0.0
):
    """Objective, written down once more."""
    residual = y - (X @ coef + intercept + offset)
    loss = np.maximum(0.0, np.abs(residual) - epsilon) ** 2
    return np.abs(coef - center).sum() + C * (weight * loss).sum()


def improved(X, y, C, epsilon, weight, fit_intercept, coef, intercept):
    """Objective that L-BFGS-B on w = w+ - w- reaches from a point."""
    d = X.shape[1]

    def value_and_gradient(u):
        residual = y - X @ (u[:d] - u[d:-1]) - u[-1]
        excess = np.sign(residual) * np.maximum(0.0, np.abs(residual) - epsilon)
        slope = -2 * C * weight * excess
        gradient = X.T @ slope
        value = u[:-1].sum() + C * (weight * excess**2).sum()
        return value, np.r_[1 + gradient, 1 - gradient, slope.sum()]

    free = None if fit_intercept else 0.0
    return minimize(
        value_and_gradient,
        np.r_[np.maximum(coef, 0.0), np.maximum(-coef, 0.0), intercept],
        jac=True,
        method="L-BFGS-B",
        bounds=[(0, None)] * (2 * d) + [(free, free)],
        options={"maxiter": 300, "maxfun": 600, "ftol": 1e-14, "gtol": 1e-9},
    ).fun


def assert_same_model(one, other, **tolerances):
    for name in ("coef_", "intercept_"):
        np.testing.assert_allclose(
            getattr(one, name), getattr(other, name), **tolerances
        )


def assert_same_bits(one, other):
    for name in ("coef_", "intercept_", "n_iter_", "dual_gap_"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


# Optimality ---------------------------------------------------------------------------


@settings(max_examples=60)
@given(
    seed=seeds,
    n=st.integers(2, 60),
    d=st.integers(1, 30),
    C=st.sampled_from([1e-4, 1e-2, 1.0, 100.0]),
    epsilon=st.sampled_from([0.0, 0.3, 3.0, 100.0]),
    weighted=st.booleans(),
    fit_intercept=st.booleans(),
    sparse=st.booleans(),
)
def test_no_other_solver_finds_less(
    seed, n, d, C, epsilon, weighted, fit_intercept, sparse
):
    X, y = linear(seed, n, d)
    weight = np.random.default_rng(seed).uniform(0.1, 3, n) if weighted else np.ones(n)
    model = L1SVR(C=C, epsilon=epsilon, fit_intercept=fit_intercept, max_iter=1000)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        model.fit(csr_array(X) if sparse else X, y, sample_weight=weight)
    ours = objective(model.coef_, model.intercept_, X, y, C, epsilon, weight)
    best = improved(
        X, y, C, epsilon, weight, fit_intercept, model.coef_, model.intercept_
    )
    assert fit_intercept or model.intercept_ == 0
    assert 0 <= model.dual_gap_ <= model.tol
    assert ours - best <= (model.dual_gap_ + 1e-12) * ours + 1e-20


@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("C", [0.0002, 0.01, 1.0])
@pytest.mark.parametrize("sparse", [False, True])
def test_without_epsilon_it_is_the_lasso(sparse, C, fit_intercept):
    X, y = diabetes()
    model = L1SVR(C=C, fit_intercept=fit_intercept, **TIGHT)
    model.fit(csr_array(X) if sparse else X, y)
    lasso = Lasso(
        alpha=1 / (2 * len(y) * C),
        fit_intercept=fit_intercept,
        tol=1e-12,
        max_iter=100_000,
    ).fit(X, y)
    np.testing.assert_allclose(model.coef_, lasso.coef_, atol=1e-5)
    np.testing.assert_array_equal(model.coef_ == 0, lasso.coef_ == 0)
    assert model.intercept_ == pytest.approx(lasso.intercept_, abs=1e-6)
    np.testing.assert_allclose(model.predict(X), lasso.predict(X), atol=1e-5)


def test_a_weighted_lasso():
    X, y = diabetes()
    weight = np.random.default_rng(0).uniform(0.1, 3, len(y))
    model = L1SVR(C=0.01, **TIGHT).fit(X, y, sample_weight=weight)
    alpha = 1 / (2 * weight.sum() * 0.01)
    lasso = Lasso(alpha, tol=1e-12).fit(X, y, sample_weight=weight)
    np.testing.assert_allclose(model.coef_, lasso.coef_, atol=1e-5)


def test_critical_C():
    X, y = diabetes()
    critical = 1 / (2 * np.abs(X.T @ (y - y.mean())).max())
    below = L1SVR(C=critical * (1 - 1e-6), **TIGHT).fit(X, y)
    above = L1SVR(C=critical * (1 + 1e-3), **TIGHT).fit(X, y)
    np.testing.assert_array_equal(below.coef_, 0.0)
    assert below.intercept_ == pytest.approx(y.mean(), rel=1e-12)
    assert np.count_nonzero(above.coef_) == 1


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("target", [0.0, 1 / 3, -1e5])
def test_constant_targets_are_met_exactly(target, sparse):
    X, _ = diabetes()
    X = csr_array(X) if sparse else X
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = L1SVR().fit(X, np.full(X.shape[0], target))
    np.testing.assert_array_equal(model.coef_, 0.0)
    np.testing.assert_allclose(model.predict(X), target, rtol=1e-14)
    assert model.dual_gap_ <= model.tol


def test_a_wide_tube_costs_nothing():
    X, y = diabetes()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = L1SVR(epsilon=10.0).fit(X, y)
    np.testing.assert_array_equal(model.coef_, 0.0)
    assert (np.abs(y - model.predict(X)) <= 10).all()
    assert model.dual_gap_ == 0


def test_fewer_rows_than_features_interpolate():
    X, y = linear(n=20, d=2000)
    model = L1SVR(C=1e4, max_iter=1000).fit(X, y)
    assert model.dual_gap_ <= model.tol
    assert np.count_nonzero(model.coef_) < 60
    np.testing.assert_allclose(model.predict(X), y, atol=1e-2)


@pytest.mark.parametrize("sparse", [False, True])
def test_a_warning_if_not_converged(sparse):
    X, y = diabetes()
    model = L1SVR(max_iter=1, tol=1e-14, C=100.0, epsilon=0.2)
    with pytest.warns(ConvergenceWarning, match="gap") as caught:
        model.fit(csr_array(X) if sparse else X, y)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert model.dual_gap_ > 1e-14
    assert model.n_iter_ == 1


def test_attributes():
    X, y = diabetes()
    model = L1SVR().fit(X, y)
    assert model.coef_.shape == (10,)
    assert isinstance(model.intercept_, float)
    assert isinstance(model.dual_gap_, float)
    assert isinstance(model.n_iter_, int)
    assert model.n_features_in_ == 10
    assert output_kind(model) == "value"


# Equivalences -------------------------------------------------------------------------


@pytest.mark.parametrize("epsilon", [0.0, 0.5])
@pytest.mark.parametrize("sparse", [False, True])
def test_weight_is_repetition(sparse, epsilon):
    X, y = linear()
    weight = np.random.default_rng(1).integers(0, 4, size=len(y))
    model = L1SVR(epsilon=epsilon, **TIGHT)
    convert = csr_array if sparse else np.asarray
    one = clone(model).fit(convert(X), y, sample_weight=weight)
    repeated = convert(np.repeat(X, weight, axis=0))
    other = clone(model).fit(repeated, np.repeat(y, weight))
    assert_same_model(one, other, atol=1e-5)


@pytest.mark.parametrize("sparse", [False, True])
def test_zero_weight_is_absence(sparse):
    X, y = linear()
    weight = np.random.default_rng(0).integers(0, 3, len(y))
    kept = weight > 0
    X[~kept] *= 1e6
    y[~kept] = 1e9
    convert = csr_array if sparse else np.asarray
    rng = np.random.default_rng(2)
    center, offset = rng.normal(size=6), rng.normal(size=len(y))
    one = L1SVR().fit(
        convert(X), y, sample_weight=weight, coef_center=center, offset=offset
    )
    other = L1SVR().fit(
        convert(X[kept]),
        y[kept],
        sample_weight=weight[kept],
        coef_center=center,
        offset=offset[kept],
    )
    assert_same_bits(one, other)


@pytest.mark.parametrize("epsilon", [0.0, 0.3])
@pytest.mark.parametrize("sparse", [False, True])
def test_an_offset_is_a_shift_of_coefficients_and_targets(sparse, epsilon):
    X, y = linear()
    S = csr_array(X) if sparse else X
    shift, center = np.random.default_rng(0).normal(size=(2, 6))
    model = L1SVR(epsilon=epsilon, **TIGHT)
    one = clone(model).fit(S, y, coef_center=center, offset=X @ shift)
    by_center = clone(model).fit(S, y, coef_center=center + shift)
    by_target = clone(model).fit(S, y - X @ shift, coef_center=center)
    np.testing.assert_allclose(one.coef_ + shift, by_center.coef_, atol=1e-5)
    assert_same_model(one, by_target, atol=1e-6)
    np.testing.assert_allclose(
        one.predict(S), X @ one.coef_ + one.intercept_, atol=1e-12
    )


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("C", [1e-12, 1e-9])
def test_a_huge_penalty_gives_the_center(C, sparse):
    X, y = linear()
    center, offset = np.random.default_rng(0).normal(size=6), np.linspace(-1, 1, 60)
    model = L1SVR(C=C).fit(
        csr_array(X) if sparse else X, y, coef_center=center, offset=offset
    )
    np.testing.assert_array_equal(model.coef_, center)
    expected = (y - X @ center - offset).mean()
    assert model.intercept_ == pytest.approx(expected, abs=1e-9)


def test_a_scale_of_the_targets():
    X, y = linear()
    one = L1SVR(C=0.1, epsilon=0.2, **TIGHT).fit(X, y)
    other = L1SVR(C=0.01, epsilon=2.0, **TIGHT).fit(X, 10 * y)
    np.testing.assert_allclose(10 * one.coef_, other.coef_, atol=1e-5)


def test_a_shift_of_the_targets_moves_the_intercept():
    X, y = linear()
    one, other = L1SVR(**TIGHT).fit(X, y), L1SVR(**TIGHT).fit(X, y + 1000.0)
    np.testing.assert_allclose(one.coef_, other.coef_, atol=1e-5)
    assert one.intercept_ + 1000 == pytest.approx(other.intercept_, abs=1e-5)


def test_a_warm_start_takes_fewer_iterations():
    X, y = diabetes()
    model = L1SVR(C=10.0, epsilon=0.3, warm_start=True).fit(X, y)
    coef, kept, cold = model.coef_, model.coef_.copy(), model.n_iter_
    assert model.fit(X, y).n_iter_ < max(cold, 2)
    model.set_params(C=0.1, **TIGHT).fit(X, y)
    np.testing.assert_array_equal(coef, kept)
    assert_same_model(model, L1SVR(C=0.1, epsilon=0.3, **TIGHT).fit(X, y), atol=1e-5)
    short = L1SVR(C=0.1, epsilon=0.3, **TIGHT).fit(X[:, :3], y)
    assert_same_model(model.fit(X[:, :3], y), short, atol=1e-5)


@pytest.mark.parametrize("sparse", [False, True])
def test_a_warm_start_inside_a_wide_tube(sparse):
    X, y = diabetes()
    X = csr_array(X) if sparse else X
    model = L1SVR(C=1.0, warm_start=True).fit(X, y)
    model.set_params(epsilon=100.0).fit(X, y)
    np.testing.assert_array_equal(model.coef_, 0.0)
    assert np.isfinite(model.intercept_)
    assert model.dual_gap_ == 0


# Inputs -------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("container", [csr_array, csr_matrix, csc_array, coo_array])
def test_sparse_and_dense_agree(container, dtype):
    X, y = diabetes()
    X = np.where(np.abs(X) < 0.5, 0, X).astype(dtype)
    model = L1SVR(tol=1e-10 if dtype == np.float64 else 1e-6)
    dense, sparse = clone(model).fit(X, y), clone(model).fit(container(X), y)
    assert dense.coef_.dtype == sparse.coef_.dtype == dtype
    assert_same_model(dense, sparse, atol=1e-5 if dtype == np.float64 else 1e-3)
    np.testing.assert_allclose(
        dense.predict(X), sparse.predict(container(X)), atol=1e-3
    )


@pytest.mark.parametrize("layout", [np.asfortranarray, lambda X: X[::-1][::-1]])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_layouts_are_alike(layout, dtype):
    X, y = diabetes()
    X = X.astype(dtype)
    assert_same_bits(L1SVR().fit(X, y), L1SVR().fit(layout(X), y))


@pytest.mark.parametrize("sparse", [False, True])
def test_float32(sparse):
    X, y = diabetes()
    X = X.astype(np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        model = L1SVR().fit(csr_array(X) if sparse else X, y)
    double = L1SVR().fit(X.astype(np.float64), y)
    assert model.coef_.dtype == np.float32
    values = [
        objective(m.coef_.astype(float), m.intercept_, X.astype(float), y)
        for m in (model, double)
    ]
    assert values[0] <= values[1] * (1 + 3e-4)


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_data_frames(frame):
    X, y = diabetes()
    names = [f"f{j}" for j in range(X.shape[1])]
    table = frame(dict(zip(names, X.T, strict=True)))
    plain, model = L1SVR().fit(X, y), L1SVR().fit(table, y)
    assert_same_bits(plain, model)
    assert model.feature_names_in_.tolist() == names
    np.testing.assert_array_equal(model.predict(table), plain.predict(X))


@pytest.mark.parametrize("sparse", [False, True])
def test_read_only_inputs_stay_as_they_are(sparse):
    X, y = linear()
    S = csr_array(X) if sparse else X
    arrays = [y, np.ones(6), np.ones(60), np.ones(60)]
    arrays += [S.data, S.indices, S.indptr] if sparse else [S]
    before = [array.copy() for array in arrays]
    for array in arrays:
        array.flags.writeable = False
    y, center, offset, weight = arrays[:4]
    model = L1SVR(warm_start=True)
    for _ in range(2):
        model.fit(S, y, sample_weight=weight, coef_center=center, offset=offset)
    for one, other in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(one, other)


def test_integer_targets():
    X, y = diabetes()
    y = np.round(10 * y).astype(int)
    assert_same_bits(L1SVR().fit(X, y), L1SVR().fit(X, y.astype(float)))


def test_sparsify():
    X, y = diabetes()
    model = L1SVR(C=0.01).fit(X, y)
    dense, expected = model.coef_, model.predict(X)
    assert model.sparsify() is model
    assert issparse(model.coef_)
    for new in (X, csr_array(X), csr_matrix(X)):
        predicted = model.predict(new)
        assert predicted.shape == y.shape
        np.testing.assert_allclose(predicted, expected, atol=1e-12)
    np.testing.assert_array_equal(np.ravel(model.densify().coef_), dense)
    np.testing.assert_allclose(model.predict(X), expected, atol=1e-12)
    model.set_params(warm_start=True).sparsify().fit(X, y)
    np.testing.assert_allclose(model.coef_, dense, atol=1e-2)
    with pytest.raises(NotFittedError):
        L1SVR().sparsify()


def test_bits_do_not_depend_on_threads():
    X, y = diabetes()
    grid = [0.01, 0.1, 1.0, 0.03, 0.3, 0.01]
    with ThreadPoolExecutor(2) as pool:
        threaded = list(pool.map(lambda C: L1SVR(C=C).fit(X, y), grid))
    for C, model in zip(grid, threaded, strict=True):
        assert_same_bits(model, L1SVR(C=C).fit(X, y))
        assert_same_bits(model, pickle.loads(pickle.dumps(model)))


# Errors -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sample_weight": np.full(60, -1.0)}, "sample_weight|[Nn]egative"),
        ({"sample_weight": np.zeros(60)}, "weight"),
        ({"sample_weight": np.ones(3)}, "sample_weight"),
        ({"coef_center": np.zeros(5)}, r"coef_center.*\(6,\)"),
        ({"coef_center": np.zeros((1, 5))}, r"coef_center.*\(6,\)"),
        ({"coef_center": np.full(6, np.nan)}, "coef_center"),
        ({"offset": np.zeros(59)}, r"offset.*\(60,\)"),
        ({"offset": np.zeros((60, 2))}, r"offset.*\(60,\)"),
        ({"offset": np.full(60, np.inf)}, "offset"),
        ({"y": np.full(60, np.nan)}, "NaN"),
        ({"X": np.full((60, 6), np.inf)}, "infinity"),
    ],
)
def test_bad_data(arguments, message):
    X, y = linear()
    model = L1SVR().fit(X, y)
    before = vars(model).copy()
    with pytest.raises(ValueError, match=message):
        model.fit(**{"X": X, "y": y, **arguments})
    assert vars(model).keys() == before.keys()
    assert all(vars(model)[name] is before[name] for name in before)


@pytest.mark.parametrize(
    "parameter",
    [
        {"C": 0.0},
        {"C": np.inf},
        {"epsilon": -0.1},
        {"epsilon": np.inf},
        {"tol": -1e-4},
        {"max_iter": 0},
        {"fit_intercept": 2},
        {"warm_start": 2},
    ],
    ids=str,
)
def test_bad_parameters(parameter):
    (name,) = parameter
    with pytest.raises(ValueError, match=f"The '{name}' parameter of L1SVR must be"):
        L1SVR(**parameter).fit(*linear())


# Compositions -------------------------------------------------------------------------


def test_signature():
    assert skexperts.L1SVR is L1SVR
    assert L1SVR(2.0).C == 2.0
    with pytest.raises(TypeError):
        L1SVR(2.0, 0.1)
    parameters = L1SVR().get_params()
    del parameters["max_iter"]
    assert parameters == {
        "C": 1.0,
        "epsilon": 0.0,
        "fit_intercept": True,
        "tol": 1e-4,
        "warm_start": False,
    }


def test_grid_search_and_cells():
    X, y = diabetes()
    search = GridSearchCV(L1SVR(), {"C": [1e-3, 1.0], "epsilon": [0.0, 0.3]})
    assert search.fit(X, y).best_score_ > 0.4
    model = PartitionedExpertsRegressor(L1SVR(C=0.01), n_experts=3, random_state=0)
    assert model.fit(X, y).score(X, y) > 0.4
