"""Optimality of the interval solver, against bounds and a solver written without it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.sparse import csr_array

from skexperts._numeric.l1_svm import solve_intervals

STRUCTURES = [
    "duplicate rows",
    "duplicate columns",
    "opposite columns",
    "constant column",
    "zero column",
    "zero row",
    "collinear columns",
    "many zeros",
    "small integers",
]
KINDS = ["half lines", "one half line", "points", "tubes", "mixed"]

seeds = st.integers(0, 2**32 - 1)
shapes = st.one_of(
    st.tuples(st.integers(2, 60), st.integers(1, 40)),
    st.sampled_from([(10, 200), (2, 50), (60, 1)]),
)
structures = st.sets(st.sampled_from(STRUCTURES), max_size=3)


def design(rng, n, d, structure=()):
    X = rng.normal(size=(n, d))
    first, last = rng.integers(d), rng.integers(d)
    if "small integers" in structure:
        X = np.round(X)
    if "many zeros" in structure:
        X[rng.random((n, d)) < 0.8] = 0.0
    if "collinear columns" in structure:
        X[:, last] = X @ rng.normal(size=d)
    if "duplicate columns" in structure:
        X[:, first] = X[:, last]
    if "opposite columns" in structure:
        X[:, first] = -X[:, last]
    if "constant column" in structure:
        X[:, rng.integers(d)] = 3.0
    if "zero column" in structure:
        X[:, rng.integers(d)] = 0.0
    if "zero row" in structure:
        X[rng.integers(n)] = 0.0
    if "duplicate rows" in structure:
        X[: n // 2] = X[rng.integers(n, size=n // 2)]
    return X


def intervals(rng, kind, z):
    """Bounds around targets z of shape (n_problems, n)."""
    if kind == "half lines":
        positive = z > 0
        return np.where(positive, 1.0, -np.inf), np.where(positive, np.inf, -1.0)
    if kind == "one half line":
        return z, np.full_like(z, np.inf)
    if kind == "points":
        return z, z.copy()
    if kind == "tubes":
        return z - 0.3, z + 0.3
    lower = np.where(rng.random(z.shape) < 0.4, -np.inf, z)
    upper = np.where(rng.random(z.shape) < 0.4, np.inf, z + rng.random(z.shape))
    return lower, upper


def problem(seed, n, d, kind, structure=(), C=1.0, weighted=False, n_problems=1):
    rng = np.random.default_rng(seed)
    X = design(rng, n, d, structure)
    z = X @ (rng.normal(size=(n_problems, d)) / np.sqrt(d)).T
    z = (z + rng.normal(size=z.shape) + rng.normal()).T
    lower, upper = intervals(rng, kind, np.ascontiguousarray(z))
    weight = rng.integers(1, 5, size=n) if weighted else np.ones(n)
    return X, lower, upper, 2.0 * C * weight


def solve(X, lower, upper, cost, *, fit_intercept, tol=1e-4, max_iter=1000, start=None):
    coef, intercept = start or (
        np.zeros((len(lower), X.shape[1])),
        np.zeros(len(lower)),
    )
    objective, gap, n_iter = solve_intervals(
        X,
        lower,
        upper,
        cost,
        np.ones(1),
        coef[None],
        intercept[None],
        fit_intercept=fit_intercept,
        tol=tol,
        max_iter=max_iter,
    )
    objective, gap, n_iter = objective[0], gap[0], n_iter[0]
    if not fit_intercept:
        np.testing.assert_array_equal(intercept, 0.0)
    return coef, intercept, objective, gap, n_iter


def slopes(X, lower, upper, cost, v, b):
    """Derivative of the loss by the output of each row."""
    z = X @ v + b
    return cost * (np.maximum(z - upper, 0.0) - np.maximum(lower - z, 0.0))


def primal(X, lower, upper, cost, v, b):
    slope = slopes(X, lower, upper, cost, v, b)
    return np.abs(v).sum() + (slope**2 / cost).sum() / 2


def dual(X, lower, upper, cost, a, fit_intercept):
    """Value of the feasible point made of a: a lower bound of every objective."""
    a = a.copy()
    if fit_intercept:
        positive, negative = a[a > 0].sum(), -a[a < 0].sum()
        least = min(positive, negative)
        a[a > 0] *= least / positive if positive else 0.0
        a[a < 0] *= least / negative if negative else 0.0
    corr = np.abs(X.T @ a).max()
    bound = np.zeros_like(a)
    bound[a > 0], bound[a < 0] = upper[a > 0], lower[a < 0]
    linear, square = -(bound * a).sum(), (a * a / cost).sum()
    t = np.clip(linear / square, 0, 1 / corr if corr else np.inf) if square else 0.0
    return t * linear - t * t * square / 2


def best_coordinate_step(X, lower, upper, cost, v, b, fit_intercept):
    """Most that a proximal step in one coordinate is sure to gain; 0 if optimal."""
    slope = slopes(X, lower, upper, cost, v, b)
    gain = 0.0
    if fit_intercept:
        gain = slope.sum() ** 2 / (2 * cost.sum())
    gradient, curvature = X.T @ slope, cost @ X**2
    used = curvature > 0
    g, h, v = gradient[used], curvature[used], v[used]
    u = v - g / h
    new = np.sign(u) * np.maximum(np.abs(u) - 1 / h, 0.0)
    step = new - v
    gains = np.abs(v) - np.abs(new) - g * step - h * step**2 / 2
    return max(gain, gains.max(initial=0.0))


def improved(X, lower, upper, cost, v, b, fit_intercept):
    """Where L-BFGS-B on the positive and negative parts of v goes from a point."""
    d = X.shape[1]
    scale = np.sqrt(cost @ X**2)
    scale[scale == 0] = 1.0
    scaled, cost_b = X / scale, np.sqrt(cost.sum())

    def value_and_gradient(u):
        b = u[-1] / cost_b if fit_intercept else 0.0
        slope = slopes(scaled, lower, upper, cost, u[:d] - u[d:-1], b)
        gradient = scaled.T @ slope
        value = ((u[:d] + u[d:-1]) / scale).sum() + (slope**2 / cost).sum() / 2
        return value, np.r_[
            gradient + 1 / scale,
            -gradient + 1 / scale,
            slope.sum() / cost_b if fit_intercept else 0.0,
        ]

    found = minimize(
        value_and_gradient,
        np.r_[np.maximum(v, 0) * scale, np.maximum(-v, 0) * scale, b * cost_b],
        jac=True,
        method="L-BFGS-B",
        bounds=[(0, None)] * (2 * d) + [(None, None)],
        options={"maxiter": 200, "maxfun": 400, "ftol": 1e-14, "gtol": 1e-9},
    )
    u = found.x
    v = (u[:d] - u[d:-1]) / scale
    return v, (u[-1] / cost_b if fit_intercept else 0.0)


def check(X, lower, upper, cost, fit_intercept, found, tol):
    """A solution, checked by means that share nothing with the solver.

    With ``tol=inf`` it need not have converged, but the gap must still be a bound.
    """
    coef, intercept, objective, gap, n_iter = found
    assert n_iter.dtype == np.int32
    for p, (v, b) in enumerate(zip(coef, intercept, strict=True)):
        one = (X, lower[p], upper[p], cost)
        value = primal(*one, v, b)
        # Rounding errors of outputs of a size, in an objective of a size.
        outputs = np.abs(X) @ np.abs(v) + np.abs(b)
        noise = 1e-13 * np.sqrt(2 * value * (cost * (1 + outputs) ** 2).sum())
        assert objective[p] == pytest.approx(value, rel=1e-9, abs=noise + 1e-250)
        assert gap[p] >= 0
        assert tol == np.inf or gap[p] <= tol * objective[p] * (1 + 1e-9)
        v_ref, b_ref = improved(*one, v, b, fit_intercept)
        allowed = gap[p] + noise + 1e-13 * value
        assert value - primal(*one, v_ref, b_ref) <= allowed
        assert best_coordinate_step(*one, v, b, fit_intercept) <= allowed
        bounds = [
            dual(*one, slopes(*one, *point), fit_intercept)
            for point in [(v, b), (v_ref, b_ref)]
        ]
        assert max(bounds) <= value * (1 + 1e-9) + noise


# Optimality ---------------------------------------------------------------------------


@settings(max_examples=150)
@given(
    seed=seeds,
    shape=shapes,
    kind=st.sampled_from(KINDS),
    structure=structures,
    log_C=st.integers(-4, 4),
    weighted=st.booleans(),
    fit_intercept=st.booleans(),
    sparse=st.booleans(),
    n_problems=st.integers(1, 3),
)
def test_solutions_are_optimal(
    seed,
    shape,
    kind,
    structure,
    log_C,
    weighted,
    fit_intercept,
    sparse,
    n_problems,
):
    X, *rest = problem(seed, *shape, kind, structure, 10.0**log_C, weighted, n_problems)
    found = solve(csr_array(X) if sparse else X, *rest, fit_intercept=fit_intercept)
    check(X, *rest, fit_intercept, found, 1e-4)


@settings(max_examples=60)
@given(
    seed=seeds,
    shape=shapes,
    kind=st.sampled_from(KINDS),
    structure=structures,
    scale=st.sampled_from([1e-6, 1e-3, 1e3, 1e6, "mixed"]),
    log_C=st.integers(-4, 4),
    fit_intercept=st.booleans(),
    sparse=st.booleans(),
)
def test_solutions_are_optimal_for_tiny_and_huge_columns(
    seed, shape, kind, structure, scale, log_C, fit_intercept, sparse
):
    X, *rest = problem(seed, *shape, kind, structure, 10.0**log_C)
    if scale == "mixed":
        scale = 10.0 ** np.random.default_rng(seed).integers(-6, 7, size=X.shape[1])
    X = X * scale
    found = solve(csr_array(X) if sparse else X, *rest, fit_intercept=fit_intercept)
    # A factor of X is one of C: beyond, only the certificate is checked.
    within_limits = 10.0**log_C * np.max(scale) <= 1e5
    check(X, *rest, fit_intercept, found, 1e-4 if within_limits else np.inf)


@settings(max_examples=40)
@given(
    seed=seeds,
    shape=st.tuples(st.integers(5, 60), st.integers(1, 40)),
    kind=st.sampled_from(KINDS),
    log_C=st.integers(-2, 2),
    fit_intercept=st.booleans(),
    sparse=st.booleans(),
)
def test_kkt_conditions_at_a_tight_tolerance(
    seed, shape, kind, log_C, fit_intercept, sparse
):
    X, *rest = problem(seed, *shape, kind, C=10.0**log_C)
    tol = 1e-10
    found = solve(
        csr_array(X) if sparse else X, *rest, fit_intercept=fit_intercept, tol=tol
    )
    check(X, *rest, fit_intercept, found, tol)
    lower, upper, cost = rest
    v, b = found[0][0], found[1][0]
    slope = slopes(X, lower[0], upper[0], cost, v, b)
    gradient = X.T @ slope
    # A violation e gains at least e^2 / (2 curvature), which the gap bounds.
    violation = np.sqrt(2 * (cost @ X**2) * (found[3][0] + 1e-13 * found[2][0]))
    assert (np.abs(gradient) <= 1 + violation + 1e-9).all()
    large = np.abs(v) > violation / (cost @ X**2)
    residual = np.abs(gradient + np.sign(v))
    assert (residual[large] <= violation[large] + 1e-9).all()
    if fit_intercept:
        allowed = np.sqrt(2 * cost.sum() * (found[3][0] + 1e-13 * found[2][0]))
        assert abs(slope.sum()) <= allowed + 1e-9


@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("kind", ["half lines", "points", "tubes"])
def test_the_dual_bound_of_our_own_meets_the_objective(kind, fit_intercept):
    X, *rest = problem(0, 60, 8, kind)
    v, b, objective, gap, _ = solve(X, *rest, fit_intercept=fit_intercept, tol=1e-12)
    one = (X, rest[0][0], rest[1][0], rest[2])
    bound = dual(*one, slopes(*one, v[0], b[0]), fit_intercept)
    assert gap[0] <= 1e-12 * objective[0]
    assert objective[0] - bound <= 1e-5 * objective[0]


@settings(max_examples=40)
@given(
    seed=seeds,
    shape=shapes,
    kind=st.sampled_from(KINDS),
    structure=structures,
    log_C=st.integers(-2, 4),
    max_iter=st.integers(1, 4),
    fit_intercept=st.booleans(),
    sparse=st.booleans(),
)
def test_the_gap_bounds_what_could_be_gained(
    seed, shape, kind, structure, log_C, max_iter, fit_intercept, sparse
):
    X, *rest = problem(seed, *shape, kind, structure, C=10.0**log_C)
    v, b, objective, gap, n_iter = solve(
        csr_array(X) if sparse else X,
        *rest,
        fit_intercept=fit_intercept,
        tol=1e-12,
        max_iter=max_iter,
    )
    one = (X, rest[0][0], rest[1][0], rest[2])
    value = primal(*one, v[0], b[0])
    assert n_iter[0] <= max_iter
    assert objective[0] == pytest.approx(value, rel=1e-8, abs=1e-20)
    ref = primal(*one, *improved(*one, v[0], b[0], fit_intercept))
    assert value - ref <= gap[0] + 1e-10 * value
    assert value <= primal(*one, np.zeros(X.shape[1]), 0.0) * (1 + 1e-12)


# Exact limits -------------------------------------------------------------------------


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("fit_intercept", [False, True])
def test_rows_that_are_all_content_cost_nothing(sparse, fit_intercept):
    X, *_ = problem(0, 20, 5, "points")
    lower, upper = np.full((1, 20), -np.inf), np.full((1, 20), np.inf)
    lower[0, ::2], upper[0, 1::2] = -1.0, 1.0
    coef, _, objective, gap, _ = solve(
        csr_array(X) if sparse else X,
        lower,
        upper,
        np.ones(20),
        fit_intercept=fit_intercept,
    )
    np.testing.assert_array_equal(coef, 0.0)
    assert objective[0] == gap[0] == 0


@pytest.mark.parametrize("target", [1.0, -7.0, 1 / 3, 1e6])
@pytest.mark.parametrize("sparse", [False, True])
def test_the_intercept_alone_meets_equal_targets(target, sparse):
    X, *_ = problem(0, 30, 5, "points")
    z = np.full((1, 30), target)
    coef, intercept, objective, gap, _ = solve(
        csr_array(X) if sparse else X, z, z, np.full(30, 2.0), fit_intercept=True
    )
    np.testing.assert_array_equal(coef, 0.0)
    assert intercept[0] == pytest.approx(target, rel=1e-14)
    assert gap[0] <= 1e-4 * objective[0]


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("kind", ["half lines", "points"])
def test_coefficients_leave_zero_at_the_critical_cost(kind, sparse):
    X, lower, upper, cost = problem(0, 40, 6, kind)
    z = np.where(np.isfinite(lower[0]), lower[0], upper[0])
    b = z.mean()
    slope = slopes(X, lower[0], upper[0], cost, np.zeros(6), b)
    critical = 1 / np.abs(X.T @ slope).max()
    for factor, expected in [(1 - 1e-6, 0), (1 + 1e-3, 1)]:
        coef, *_ = solve(
            csr_array(X) if sparse else X,
            lower,
            upper,
            factor * critical * cost,
            fit_intercept=True,
            tol=1e-12,
        )
        assert np.count_nonzero(coef) == expected


def test_one_feature_one_target_is_soft_thresholding():
    X, z = np.array([[2.0]]), np.array([[3.0]])
    for c in (0.1, 1.0, 10.0):
        coef, *_ = solve(X, z, z, np.array([c]), fit_intercept=False, tol=1e-14)
        expected = max(2 * 3 - 1 / c, 0) / 4
        assert coef[0, 0] == pytest.approx(expected, rel=1e-12)


# Layouts ------------------------------------------------------------------------------


@settings(max_examples=40)
@given(
    seed=seeds,
    shape=shapes,
    kind=st.sampled_from(KINDS),
    structure=structures,
    fit_intercept=st.booleans(),
)
def test_sparse_and_dense_agree(seed, shape, kind, structure, fit_intercept):
    X, *rest = problem(seed, *shape, kind, structure | {"many zeros"}, n_problems=2)
    S = csr_array(X)
    options = {"fit_intercept": fit_intercept, "tol": 1e-9}
    dense, sparse = solve(X, *rest, **options), solve(S, *rest, **options)
    np.testing.assert_allclose(sparse[2], dense[2], rtol=2e-9, atol=1e-12)
    for one, other in zip(dense[0] @ X.T, sparse[0] @ X.T, strict=True):
        if not fit_intercept and kind == "points":
            # Strictly convex in the outputs.
            np.testing.assert_allclose(one, other, atol=1e-3)


@settings(max_examples=40)
@given(
    seed=seeds,
    shape=shapes,
    kind=st.sampled_from(KINDS),
    structure=structures,
    fit_intercept=st.booleans(),
    sparse=st.booleans(),
)
def test_float32_solves_the_rounded_problem(
    seed, shape, kind, structure, fit_intercept, sparse
):
    X, *rest = problem(seed, *shape, kind, structure)
    X = X.astype(np.float32)
    v, b, objective, gap, _ = solve(
        csr_array(X) if sparse else X, *rest, fit_intercept=fit_intercept
    )
    one = (X.astype(np.float64), rest[0][0], rest[1][0], rest[2])
    value = primal(*one, v[0], b[0])
    assert objective[0] == pytest.approx(value, rel=1e-4, abs=1e-9)
    assert gap[0] <= 1e-4 * objective[0] * (1 + 1e-6)
    ref = primal(*one, *improved(*one, v[0], b[0], fit_intercept))
    assert value - ref <= gap[0] + 1e-5 * value + 1e-9


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("sparse", [False, True])
def test_inputs_may_be_read_only_and_stay_as_they_are(sparse, dtype):
    X, *rest = problem(0, 30, 5, "mixed", {"many zeros"})
    X = X.astype(dtype)
    X = csr_array(X) if sparse else X
    arrays = [X.data, X.indices, X.indptr] if sparse else [X]
    arrays += rest
    before = [array.copy() for array in arrays]
    for array in arrays:
        array.flags.writeable = False
    solve(X, *rest, fit_intercept=True)
    for one, other in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(one, other)


# Warm starts --------------------------------------------------------------------------


@settings(max_examples=40)
@given(
    seed=seeds,
    shape=shapes,
    kind=st.sampled_from(KINDS),
    structure=structures,
    fit_intercept=st.booleans(),
    sparse=st.booleans(),
)
def test_any_start_ends_at_an_optimum(
    seed, shape, kind, structure, fit_intercept, sparse
):
    X, *rest = problem(seed, *shape, kind, structure)
    rng = np.random.default_rng(seed)
    start = 10 * rng.normal(size=(1, X.shape[1])), np.zeros(1)
    if fit_intercept:
        start[1][:] = 10 * rng.normal()
    S = csr_array(X) if sparse else X
    found = solve(S, *rest, fit_intercept=fit_intercept, start=start)
    assert found[0] is start[0]
    check(X, *rest, fit_intercept, found, 1e-4)


@settings(max_examples=30)
@given(
    seed=seeds,
    shape=shapes,
    kind=st.sampled_from(KINDS),
    fit_intercept=st.booleans(),
    sparse=st.booleans(),
)
def test_a_start_at_the_optimum_stays_there(seed, shape, kind, fit_intercept, sparse):
    X, *rest = problem(seed, *shape, kind)
    S = csr_array(X) if sparse else X
    cold = solve(S, *rest, fit_intercept=fit_intercept)
    objective = cold[2].copy()
    warm = solve(S, *rest, fit_intercept=fit_intercept, start=cold[:2])
    assert (warm[4] <= cold[4]).all()
    assert (warm[2] <= objective * (1 + 1e-12)).all()
    check(X, *rest, fit_intercept, warm, 1e-4)


def test_many_problems_are_solved_as_one_by_one():
    X, lower, upper, cost = problem(0, 50, 10, "half lines", n_problems=7)
    together = solve(X, lower, upper, cost, fit_intercept=True)
    for p in range(7):
        alone = solve(X, lower[[p]], upper[[p]], cost, fit_intercept=True)
        np.testing.assert_array_equal(together[0][p], alone[0][0])


def test_wide_data_need_no_square_matrix():
    X, *rest = problem(0, 20, 20_000, "half lines")
    _, _, objective, gap, _ = solve(X, *rest, fit_intercept=True)
    assert gap[0] <= 1e-4 * objective[0]


@pytest.mark.parametrize("mean", [0.0, 100.0, 1e4])
def test_an_offset_of_the_columns_costs_no_steps(mean):
    rng = np.random.default_rng(2)
    X = rng.normal(size=(60, 39)) + mean
    sign = np.where(np.arange(60) % 2, 1.0, -1.0)
    lower = np.where(sign > 0, 1.0, -np.inf)[None]
    upper = np.where(sign > 0, np.inf, -1.0)[None]
    for C in (1e2, 1e3, 1e4):
        cost = np.full(60, 2.0 * C)
        _, _, objective, gap, n_iter = solve(X, lower, upper, cost, fit_intercept=True)
        assert gap[0] <= 1e-4 * objective[0]
        assert n_iter[0] < 50


def test_no_tolerance_at_the_solution_zero():
    X = np.eye(100)
    lower = np.array([np.where(np.arange(100) % 3, 0.3, -0.1)])
    cost = np.full(100, 0.5)
    coef, *_ = solve(X, lower, lower, cost, fit_intercept=True, tol=0.0)
    assert not coef.any()
