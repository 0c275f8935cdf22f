"""Shared models with sparse deviations: optimality, limits and invariants."""

import warnings
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from skexperts._numeric.routing import pairs_by_expert, route_top_k
from skexperts.datasets import make_piecewise_regression
from skexperts.ensemble import (
    PartitionedExpertsClassifier,
    PartitionedExpertsRegressor,
)
from skexperts.ensemble._sharing import fit_deviations
from skexperts.partition import ColumnPartitioner
from skexperts.svm import L1SVC, L1SVCCV, L1SVR

TIGHT = 1e-9


def make_pairs(seed=0, *, n=60, d=5, n_experts=3, top_k=1, n_classes=2, zeros=0.0):
    """X, y (real for ``n_classes=0``), rows, bounds and weights of the pairs."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    X[rng.random(X.shape) < zeros] = 0.0
    routing = route_top_k(rng.random((n, n_experts)), top_k)
    coef = rng.normal(size=d) + rng.normal(size=(n_experts, d))
    own = routing.toarray().argmax(axis=1)
    score = np.sum(X * coef[own], axis=1) + rng.normal(size=n)
    if n_classes:
        edges = np.quantile(score, np.arange(1, n_classes) / n_classes)
        y = np.digitize(score, edges)
    else:
        y = score
    rows, pairs, bounds = pairs_by_expert(routing)
    return X, y, rows, bounds, routing.data[pairs] * min(top_k, n_experts)


def problems(expert, y):
    """Lower and upper bounds of the outputs, shape (n_problems, n_rows)."""
    if isinstance(expert, L1SVR):
        return (y - expert.epsilon)[None], (y + expert.epsilon)[None]
    classes = np.unique(y)
    positive = y == (classes[1:] if len(classes) == 2 else classes)[:, None]
    return np.where(positive, 1.0, -np.inf), np.where(positive, np.inf, -1.0)


def row_scale(X, rows, weights):
    square = np.average((X[rows] ** 2).sum(axis=1), weights=weights)
    return 3 * (np.sqrt(square) or 1.0)


def primal_and_dual(fit, expert, data, penalty):
    """Objective, and that of the dual point made of the forces, of every problem.

    The dual is: maximise sum of a_i (lower_i if a_i > 0 else upper_i) - a_i^2 / (2 c_i)
    over forces a with |X'a| <= 1, |X_k'a_k| <= penalty, |sum a_k| <= penalty / s
    and sum a = 0, with s three times the root mean square norm of the rows.
    """
    X, y, rows, bounds, weights = data
    lower, upper = (side[:, rows] for side in problems(expert, y))
    cost = 2.0 * expert.C * weights
    s = row_scale(X, rows, weights)
    for p in range(len(lower)):
        own = [deviation.toarray()[p] for deviation in fit.deviation]
        shared = np.atleast_2d(fit.shared.coef_)[p]
        at = np.concatenate(
            [
                X[rows[bounds[k] : bounds[k + 1]]] @ (shared + own[k])
                + np.atleast_1d(fit.shared.intercept_)[p]
                + fit.deviation_intercept[k, p]
                for k in range(len(own))
            ]
        )
        a = cost * (np.clip(at, lower[p], upper[p]) - at)
        primal = np.abs(shared).sum() + (a**2 / cost).sum() / 2
        primal += penalty * (
            np.abs(own).sum() + abs(fit.deviation_intercept[:, p]).sum() / s
        )
        if expert.fit_intercept:
            positive, negative = a[a > 0].sum(), -a[a < 0].sum()
            least = min(positive, negative)
            a[a > 0] *= least / positive if positive else 0.0
            a[a < 0] *= least / negative if negative else 0.0
        pulls = [np.abs(X[rows].T @ a).max()]
        for k in range(len(own)):
            mine = slice(bounds[k], bounds[k + 1])
            pull = np.abs(X[rows[mine]].T @ a[mine]).max()
            if expert.fit_intercept:
                pull = max(pull, s * abs(a[mine].sum()))
            pulls.append(pull / penalty)
        bound = np.where(a > 0, lower[p], np.where(a < 0, upper[p], 0.0))
        linear, square = (bound * a).sum(), (a * a / cost).sum()
        t = np.clip(linear / square, 0, 1 / max(pulls)) if square else 0.0
        yield primal, t * linear - t * t * square / 2


def objective(fit, expert, data, penalty):
    return sum(value for value, _ in primal_and_dual(fit, expert, data, penalty))


def sums_hold(fit):
    """Whether the experts are the shared model plus their deviations, to the bit."""
    coef, intercept = np.atleast_2d(fit.shared.coef_), fit.shared.intercept_
    parts = zip(fit.experts, fit.deviation, fit.deviation_intercept, strict=True)
    return all(
        np.array_equal(np.atleast_2d(model.coef_), own + coef)
        and np.array_equal(np.atleast_1d(model.intercept_), intercept + shift)
        for model, own, shift in parts
    )


# Optimality ---------------------------------------------------------------------------


@settings(max_examples=80)
@given(
    seed=st.integers(0, 2**32 - 1),
    shape=st.tuples(st.integers(12, 80), st.integers(1, 12), st.integers(2, 6)),
    top_k=st.integers(1, 3),
    n_classes=st.sampled_from([0, 2, 3]),
    penalty=st.sampled_from([0.05, 0.3, 1.0, 1.7, 10.0]),
    log_C=st.integers(-2, 2),
    fit_intercept=st.booleans(),
    sparse=st.booleans(),
    zeros=st.sampled_from([0.0, 0.7]),
)
def test_no_solution_is_better(
    seed, shape, top_k, n_classes, penalty, log_C, fit_intercept, sparse, zeros
):
    n, d, n_experts = shape
    data = make_pairs(
        seed,
        n=n,
        d=d,
        n_experts=n_experts,
        top_k=top_k,
        n_classes=n_classes,
        zeros=zeros,
    )
    X, *rest = data
    kind = L1SVC if n_classes else L1SVR
    expert = kind(C=10.0**log_C, fit_intercept=fit_intercept, tol=TIGHT)
    fit = fit_deviations(expert, csr_array(X) if sparse else X, *rest, penalty=penalty)
    assert sums_hold(fit)
    assert fit.dual_gap.max() <= TIGHT
    for primal, dual in primal_and_dual(fit, expert, data, penalty):
        assert primal - dual <= 1e-6 * primal + 1e-12
        assert dual <= primal * (1 + 1e-9) + 1e-12


@pytest.mark.parametrize("tol", [1e-1, 1e-3])
def test_the_gap_bounds_what_could_be_gained(tol):
    data = make_pairs(n=200, d=10, n_classes=3)
    fit = fit_deviations(L1SVC(tol=tol), *data, penalty=1.0)
    best = fit_deviations(L1SVC(tol=TIGHT), *data, penalty=1.0)
    ours = [v for v, _ in primal_and_dual(fit, L1SVC(), data, 1.0)]
    least = [v for v, _ in primal_and_dual(best, L1SVC(), data, 1.0)]
    assert (fit.dual_gap <= tol).all()
    for value, reference, gap in zip(ours, least, fit.dual_gap, strict=True):
        assert value - reference <= gap * value + 1e-9 * value


# Limits -------------------------------------------------------------------------------


@pytest.mark.parametrize("penalty", [0.1, 1.0, 1e6])
@pytest.mark.parametrize("n_classes", [0, 2, 3])
@pytest.mark.parametrize("sparse", [False, True])
def test_one_expert_is_the_plain_estimator(penalty, n_classes, sparse):
    X, y, rows, bounds, _ = make_pairs(n_experts=1, n_classes=n_classes)
    X = csr_array(X) if sparse else X
    expert = L1SVC() if n_classes else L1SVR()
    fit = fit_deviations(expert, X, y, rows, bounds, penalty=penalty)
    plain = clone(expert).fit(X, y)
    for model in (fit.shared, *fit.experts):
        np.testing.assert_array_equal(model.coef_, plain.coef_)
        np.testing.assert_array_equal(model.intercept_, plain.intercept_)
        assert vars(model).keys() == vars(plain).keys()
    assert [own.nnz for own in fit.deviation] == [0]
    np.testing.assert_array_equal(fit.deviation_intercept, 0.0)


@pytest.mark.parametrize("n_classes", [0, 2, 3])
def test_an_infinite_penalty_gives_the_plain_fit_to_the_pairs(n_classes):
    X, y, rows, bounds, weights = make_pairs(top_k=2, n_classes=n_classes)
    expert = L1SVC() if n_classes else L1SVR()
    fit = fit_deviations(expert, X, y, rows, bounds, weights, penalty=np.inf)
    plain = clone(expert).fit(X[rows], y[rows], sample_weight=weights)
    assert len(fit.experts) == 3
    for model in (fit.shared, *fit.experts):
        np.testing.assert_array_equal(model.coef_, plain.coef_)
        np.testing.assert_array_equal(model.intercept_, plain.intercept_)


@pytest.mark.parametrize("n_classes", [0, 2])
def test_deviations_leave_zero_at_the_critical_penalty(n_classes):
    data = X, y, rows, bounds, weights = make_pairs(top_k=2, n_classes=n_classes)
    expert = L1SVC(C=0.1, tol=1e-12) if n_classes else L1SVR(C=0.1, tol=1e-12)
    plain = clone(expert).fit(X[rows], y[rows], sample_weight=weights)
    at = X[rows] @ plain.coef_.ravel() + plain.intercept_
    lower, upper = (side[0, rows] for side in problems(expert, y))
    a = 2 * expert.C * weights * (np.clip(at, lower, upper) - at)
    s = row_scale(X, rows, weights)
    columns = np.c_[X[rows], np.full(len(rows), s)]
    critical = max(
        np.abs(columns[mine].T @ a[mine]).max()
        for mine in (slice(*pair) for pair in pairwise(bounds))
    )
    for factor, is_zero in [(1 + 1e-4, True), (0.98, False)]:
        fit = fit_deviations(expert, *data, penalty=factor * critical)
        used = sum(own.nnz for own in fit.deviation)
        used += np.count_nonzero(fit.deviation_intercept)
        assert (used == 0) == is_zero
        if is_zero:
            np.testing.assert_allclose(fit.shared.coef_, plain.coef_, atol=1e-5)
            np.testing.assert_allclose(
                fit.shared.intercept_, plain.intercept_, atol=1e-5
            )


@pytest.mark.parametrize("n_classes", [0, 3])
def test_a_penalty_below_one_over_the_experts_gives_separate_fits(n_classes):
    X, y, rows, bounds, weights = make_pairs(n=150, n_classes=n_classes)
    kind = L1SVC if n_classes else L1SVR
    expert = kind(C=0.1, fit_intercept=False, tol=TIGHT)
    fit = fit_deviations(expert, X, y, rows, bounds, weights, penalty=0.3)
    np.testing.assert_array_equal(fit.shared.coef_, 0.0)
    for k, model in enumerate(fit.experts):
        mine = slice(bounds[k], bounds[k + 1])
        own = clone(expert).set_params(C=0.1 / 0.3)
        own.fit(X[rows[mine]], y[rows[mine]], sample_weight=weights[mine])
        np.testing.assert_allclose(model.coef_, own.coef_, atol=1e-3)


# Invariants ---------------------------------------------------------------------------


@pytest.mark.parametrize("n_classes", [0, 2, 3])
def test_sparse_and_dense_agree(n_classes):
    X, *rest = make_pairs(top_k=2, n_classes=n_classes, zeros=0.5)
    expert = (L1SVC if n_classes else L1SVR)(tol=TIGHT)
    dense = fit_deviations(expert, X, *rest, penalty=0.8)
    sparse = fit_deviations(expert, csr_array(X), *rest, penalty=0.8)
    np.testing.assert_array_equal(sparse.shared.coef_, dense.shared.coef_)
    for one, other in zip(sparse.deviation, dense.deviation, strict=True):
        np.testing.assert_array_equal(one.toarray(), other.toarray())


@pytest.mark.parametrize("n_classes", [0, 2, 3])
def test_float32_stays_float32(n_classes):
    X, *rest = make_pairs(top_k=2, n_classes=n_classes)
    expert = L1SVC() if n_classes else L1SVR()
    fit = fit_deviations(expert, X.astype(np.float32), *rest, penalty=0.8)
    double = fit_deviations(
        expert, X.astype(np.float32).astype(float), *rest, penalty=0.8
    )
    assert sums_hold(fit)
    assert fit.deviation_intercept.dtype == np.float32
    for model in (fit.shared, *fit.experts):
        assert model.coef_.dtype == np.float32
    assert all(own.dtype == np.float32 for own in fit.deviation)
    data = (X, *rest)
    assert objective(fit, expert, data, 0.8) == pytest.approx(
        objective(double, expert, data, 0.8), rel=2e-4
    )


@pytest.mark.parametrize("n_classes", [0, 2])
def test_units_of_X_are_a_factor_of_C(n_classes):
    X, *rest = make_pairs(top_k=2, n_classes=n_classes)
    kind = L1SVC if n_classes else L1SVR
    one = fit_deviations(kind(tol=TIGHT), X, *rest, penalty=0.8)
    other = fit_deviations(kind(C=1 / 64, tol=TIGHT), 64 * X, *rest, penalty=0.8)
    for a, b in zip(one.experts, other.experts, strict=True):
        np.testing.assert_allclose(64 * b.coef_, a.coef_, atol=1e-3)
        np.testing.assert_allclose(b.intercept_, a.intercept_, atol=1e-3)


@pytest.mark.parametrize("n_classes", [0, 2, 3])
def test_weights_are_repetitions(n_classes):
    X, y, rows, bounds, _ = make_pairs(top_k=2, n_classes=n_classes)
    times = np.random.default_rng(0).integers(0, 4, size=len(rows))
    expert = (L1SVC if n_classes else L1SVR)(tol=TIGHT)
    weighted = fit_deviations(
        expert, X, y, rows, bounds, times.astype(float), penalty=0.8
    )
    owners = np.repeat(np.repeat(np.arange(3), np.diff(bounds)), times)
    again = np.searchsorted(owners, np.arange(4))
    repeated = fit_deviations(expert, X, y, np.repeat(rows, times), again, penalty=0.8)
    data = X, y, rows, bounds, times + 1e-300
    assert objective(weighted, expert, data, 0.8) == pytest.approx(
        objective(repeated, expert, data, 0.8), rel=1e-7
    )


def test_the_result_does_not_depend_on_n_jobs():
    X, *rest = make_pairs(n=120, top_k=2, n_classes=12)
    one, two = (fit_deviations(L1SVC(), X, *rest, penalty=1, n_jobs=n) for n in (1, 2))
    np.testing.assert_array_equal(one.shared.coef_, two.shared.coef_)
    np.testing.assert_array_equal(one.deviation_intercept, two.deviation_intercept)
    np.testing.assert_array_equal(one.dual_gap, two.dual_gap)
    for a, b in zip(one.experts, two.experts, strict=True):
        np.testing.assert_array_equal(a.coef_, b.coef_)
        np.testing.assert_array_equal(a.intercept_, b.intercept_)


# Classes ------------------------------------------------------------------------------


@pytest.mark.parametrize("n_classes", [2, 3])
def test_all_experts_know_all_classes(n_classes):
    X, y, rows, bounds, _ = make_pairs(n=90, n_classes=3)
    own = rows[bounds[1] : bounds[2]]
    # The cell of expert 1 has one class only, and that of expert 2 lacks one.
    y[own] = 1
    last = rows[bounds[2] :]
    y[last[y[last] == 0]] = 2
    y = np.array(["a", "b", "c"])[np.minimum(y, n_classes - 1)]
    fit = fit_deviations(L1SVC(), X, y, rows, bounds, penalty=1.0)
    n_problems = 3 if n_classes == 3 else 1
    for model in (fit.shared, *fit.experts):
        assert model.classes_.tolist() == list("abc"[:n_classes])
        assert model.coef_.shape == (n_problems, 5)
        assert model.predict_proba(X).shape == (90, n_classes)
    assert np.mean(fit.experts[1].predict(X[own]) == "b") > 0.9


def test_class_weights_are_pair_weights():
    X, y, rows, bounds, weights = make_pairs(n=90, top_k=2, n_classes=3)
    factors = {0: 1.0, 1: 3.0, 2: 0.5}
    one = fit_deviations(
        L1SVC(class_weight=factors), X, y, rows, bounds, weights, penalty=1.0
    )
    total = weights * np.array([1.0, 3.0, 0.5])[y[rows]]
    other = fit_deviations(L1SVC(), X, y, rows, bounds, total, penalty=1.0)
    np.testing.assert_array_equal(one.shared.coef_, other.shared.coef_)
    assert one.shared.class_weight == factors


def test_an_expert_whose_pairs_have_no_weight_is_the_shared_model():
    X, y, rows, bounds, weights = make_pairs()
    weights[bounds[1] : bounds[2]] = 0.0
    fit = fit_deviations(L1SVC(), X, y, rows, bounds, weights, penalty=0.8)
    np.testing.assert_array_equal(fit.experts[1].coef_, fit.shared.coef_)
    np.testing.assert_array_equal(fit.experts[1].intercept_, fit.shared.intercept_)


def test_segments_of_a_regression_are_found():
    X, y, model = make_piecewise_regression(
        2000, 10, heterogeneity=0.3, noise=0.1, return_model=True, random_state=0
    )
    rows = np.argsort(model.regions, kind="stable")
    bounds = np.searchsorted(model.regions[rows], np.arange(9))
    fit = fit_deviations(L1SVR(C=1.0), X, y, rows, bounds, penalty=1.0)
    coef = np.array([expert.coef_ for expert in fit.experts])
    np.testing.assert_allclose(coef, model.coef, atol=0.1)


def test_an_ensemble_takes_an_infinite_penalty():
    X, y = make_piecewise_regression(n_samples=200, random_state=0)
    model = PartitionedExpertsRegressor(
        sharing="deviation", deviation_penalty=np.inf, random_state=0
    ).fit(X, y)
    np.testing.assert_allclose(model.predict(X), model.shared_.predict(X))


# Errors and warnings ------------------------------------------------------------------


def test_a_failed_convergence_warns_once():
    data = make_pairs(n=200, d=10, n_classes=3)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit_deviations(L1SVC(C=100, max_iter=1, tol=1e-8), *data, penalty=1.0)
    assert [w.category for w in caught] == [ConvergenceWarning]
    assert "3 of 3 linear fits did not reach tol=1e-08" in str(caught[0].message)


@pytest.mark.parametrize(
    "expert", [LinearSVC(), L1SVCCV(), make_pipeline(StandardScaler(), L1SVC())]
)
def test_other_experts_cannot_share(expert):
    with pytest.raises(TypeError, match=r"L1SVC or L1SVR .*, or use sharing=None\."):
        fit_deviations(expert, *make_pairs(), penalty=1.0)


def test_parameters_of_the_expert_are_checked():
    with pytest.raises(ValueError, match="The 'C' parameter of L1SVC must be"):
        fit_deviations(L1SVC(C=-1.0), *make_pairs(), penalty=1.0)


def test_one_class_alone_is_refused():
    X, y, *rest = make_pairs()
    with pytest.raises(ValueError, match="y has only one class"):
        fit_deviations(L1SVC(), X, np.zeros_like(y), *rest, penalty=1.0)


def test_the_expert_stays_as_it_is():
    expert = L1SVC()
    fit = fit_deviations(expert, *make_pairs(), penalty=1.0)
    assert vars(expert) == vars(L1SVC())
    fit.experts[0].coef_[:] = 0.0
    assert fit.shared.coef_.any()
    assert fit.experts[1].coef_.any()


@pytest.mark.parametrize("kind", ["pandas", "polars", "array", "csr"])
def test_segments_named_by_a_column_share_the_other_columns(kind):
    rng = np.random.default_rng(0)
    X, keys = rng.normal(size=(200, 3)), rng.integers(3, size=200)
    y = (X[:, 0] + np.where(keys == 1, X[:, 1], -X[:, 2]) > 0).astype(int)
    table = np.column_stack([X[:, 0], keys + 1, X[:, 1:]])
    if kind == "csr":
        table = csr_array(table)
    if kind in ("pandas", "polars"):
        columns = {"a": X[:, 0], "key": np.array(["u", "v", "w"])[keys]}
        columns |= {"b": X[:, 1], "c": X[:, 2]}
        table = pytest.importorskip(kind).DataFrame(columns)
    model = PartitionedExpertsClassifier(
        L1SVC(C=0.1),
        partitioner=ColumnPartitioner(1, drop=True),
        gate="hard",
        sharing="deviation",
        deviation_penalty=0.5,
    ).fit(table, y)

    order, bounds = (
        np.argsort(keys, kind="stable"),
        np.searchsorted(np.sort(keys), np.arange(4)),
    )
    joint = fit_deviations(
        L1SVC(C=0.1), X, y, order, bounds, np.ones(len(X)), penalty=0.5, n_jobs=None
    )
    np.testing.assert_allclose(model.shared_.coef_, joint.shared.coef_, atol=1e-6)
    for expert, own in zip(model.experts_, joint.experts, strict=False):
        np.testing.assert_allclose(expert.coef_, own.coef_, atol=1e-6)
    expected = [joint.experts[k].predict(X[[i]])[0] for i, k in enumerate(keys)]
    np.testing.assert_array_equal(model.predict(table), expected)
    if kind in ("pandas", "polars"):
        assert model.shared_.feature_names_in_.tolist() == ["a", "b", "c"]
