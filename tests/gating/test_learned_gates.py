import warnings

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LogisticRegression

from skexperts._numeric.gates import softmax_weights
from skexperts.checks import check_gate
from skexperts.gating import DistanceGate, HardGate, SigmoidGate, SoftmaxGate

LEARNED = [SoftmaxGate(), SigmoidGate(random_state=0)]
ALL = [HardGate(), DistanceGate(), DistanceGate("auto"), *LEARNED]


def make_regions(n_rows=90, n_cells=3, seed=0):
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(n_cells, 4)) * 2
    cells = np.arange(n_rows) % n_cells
    X = centres[cells] + rng.normal(size=(n_rows, 4))
    affinity = -((X[:, None] - centres) ** 2).sum(axis=2)
    return X, affinity, cells


def same_fit(one, other, **tolerance):
    np.testing.assert_allclose(one.coef_, other.coef_, **tolerance)
    np.testing.assert_allclose(one.intercept_, other.intercept_, **tolerance)


@pytest.mark.parametrize(
    "gate",
    [
        *LEARNED,
        SoftmaxGate(target="competence"),
        SigmoidGate(target="competence", init="normal", random_state=0),
        SigmoidGate(threshold=0.0, random_state=0),
    ],
)
def test_contract(gate):
    check_gate(gate)


def test_what_gates_say_about_themselves():
    assert [gate.learns for gate in ALL] == [False, False, False, True, True]
    assert not any(gate.needs_competence for gate in ALL)
    for gate in LEARNED:
        assert clone(gate).set_params(target="competence").needs_competence


@pytest.mark.parametrize("gate", LEARNED)
def test_sparse_rows_give_the_same_gate(gate):
    X, affinity, cells = make_regions()
    X[np.abs(X) < 0.7] = 0
    dense = clone(gate).set_params(tol=1e-9).fit(X, affinity, cells)
    sparse = clone(dense).fit(csr_array(X), affinity, cells)
    same_fit(dense, sparse, atol=1e-5)
    np.testing.assert_allclose(
        sparse.gate_weights(csr_array(X), affinity),
        sparse.gate_weights(X, affinity),
        atol=1e-12,
    )


@pytest.mark.parametrize("target", ["cells", "competence"])
@pytest.mark.parametrize("gate", LEARNED)
def test_weights_are_repetition_and_rows_of_no_weight_are_no_rows(gate, target):
    X, affinity, cells = make_regions()
    cells[5:9] = -1
    competence = np.random.default_rng(1).uniform(size=affinity.shape)
    counts = np.random.default_rng(0).integers(0, 4, size=len(X))
    rows = np.repeat(np.arange(len(X)), counts)
    gate = clone(gate).set_params(tol=1e-9, target=target)
    weighted = clone(gate).fit(X, affinity, cells, 1.0 * counts, competence)
    repeated = clone(gate).fit(
        X[rows], affinity[rows], cells[rows], None, competence[rows]
    )
    same_fit(weighted, repeated, atol=1e-5)
    assert weighted.objective_ == pytest.approx(repeated.objective_)


@pytest.mark.parametrize("gate", LEARNED)
def test_rows_without_a_cell_play_no_part(gate):
    X, affinity, cells = make_regions()
    less = clone(gate).fit(X[10:], affinity[10:], cells[10:])
    cells[:10] = -1
    same_fit(clone(gate).fit(X, affinity, cells), less, rtol=1e-7)


@pytest.mark.parametrize("gate", LEARNED)
def test_units_of_the_columns_do_not_matter(gate):
    X, affinity, cells = make_regions()
    units = np.array([1e6, 1e-6, 1.0, 30.0])
    weights = clone(gate).fit(X, affinity, cells).gate_weights(X, affinity)
    other = clone(gate).fit(X * units + 7 * units, affinity, cells)
    np.testing.assert_allclose(
        other.gate_weights(X * units + 7 * units, affinity), weights, atol=1e-4
    )


def test_sigmoid_gates_are_separate_logistic_regressions():
    X, affinity, cells = make_regions()
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    gate = SigmoidGate(0.7, tol=1e-9, random_state=0).fit(X, affinity, cells)
    for k in range(3):
        expected = LogisticRegression(C=0.7, tol=1e-10).fit(X, cells == k)
        np.testing.assert_allclose(gate.coef_[k], expected.coef_[0], atol=1e-5)
        np.testing.assert_allclose(
            gate.intercept_[k], expected.intercept_[0], atol=1e-5
        )


@pytest.mark.parametrize("target", ["cells", "competence"])
def test_the_start_of_sigmoid_gates_does_not_matter(target):
    X, affinity, cells = make_regions()
    competence = np.exp(affinity / 9)
    fits = [
        SigmoidGate(target=target, init=init, random_state=seed, tol=1e-9).fit(
            X, affinity, cells, competence=competence
        )
        for init in ("uniform", "normal")
        for seed in (0, 1)
    ]
    for fit in fits[1:]:
        same_fit(fits[0], fit, atol=1e-5)


def test_softmax_gate_learns_which_expert_is_competent():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, size=(400, 2))
    right = (X[:, 0] > 0).astype(int)
    cells = (X[:, 1] > 0).astype(int)
    competence = np.where(np.arange(2) == right[:, None], 0.9, 0.1)
    gate = SoftmaxGate(10.0, target="competence")
    gate.fit(X, np.zeros((400, 2)), cells, competence=competence)
    chosen = gate.gate_weights(X, np.zeros((400, 2))).argmax(axis=1)
    assert np.mean(chosen == right) > 0.97
    scaled = clone(gate).fit(X, np.zeros((400, 2)), cells, competence=7 * competence)
    np.testing.assert_allclose(scaled.coef_, gate.coef_)


def test_competence_between_the_partition_and_the_best_mixture():
    X, affinity, cells = make_regions()
    affinity /= 10
    rng = np.random.default_rng(0)
    competence, other = rng.dirichlet(np.ones(3) * 0.3, size=(2, len(X)))

    def fit(C, competence):
        gate = SoftmaxGate(C, target="competence", tol=1e-7)
        return gate.fit(X, affinity, cells, None, competence)

    rising = [
        np.log((gate.gate_weights(X, affinity) * competence).sum(axis=1)).mean()
        for gate in (fit(C, competence) for C in (1e-6, 1e-2, 1.0, 1e4))
    ]
    assert np.all(np.diff(rising) > 0)
    # Without belief in the competence, the coefficients are those of the partition.
    np.testing.assert_allclose(
        fit(1e-7, competence).coef_, fit(1e-7, other).coef_, atol=1e-4
    )
    soft = softmax_weights(affinity, 1.0)
    weights = fit(1e-7, np.ones_like(soft)).gate_weights(X, affinity)
    np.testing.assert_allclose(weights, soft, atol=0.05)


def test_a_warm_start_begins_at_the_last_solution():
    X, affinity, cells = make_regions()
    competence = np.random.default_rng(0).dirichlet(np.ones(3), size=len(X))
    gate = SoftmaxGate(target="competence", warm_start=True)
    first = gate.fit(X, affinity, cells, None, competence).n_iter_
    coef = gate.coef_.copy()
    assert first > gate.fit(X, affinity, cells, None, competence).n_iter_
    np.testing.assert_allclose(gate.coef_, coef, atol=1e-2)
    other = gate.fit(
        X[:, :1], affinity[:, :2], np.minimum(cells, 1), None, competence[:, :2]
    )
    assert other.coef_.shape == (2, 1)


@pytest.mark.parametrize("gate", LEARNED)
def test_a_warm_start_may_have_constant_columns(gate):
    X, affinity, cells = make_regions()
    X = np.column_stack([X, np.full(len(X), 3.0)])
    fitted = clone(gate).set_params(warm_start=True).fit(X, affinity, cells)
    coef = fitted.coef_.copy()
    fitted.fit(X, affinity, cells)
    np.testing.assert_allclose(fitted.coef_, coef, atol=1e-2)


@pytest.mark.parametrize("gate", LEARNED)
def test_a_cell_without_rows_gets_next_to_no_weight(gate):
    X, affinity, cells = make_regions()
    wider = np.column_stack([affinity, np.zeros(len(X))])
    fitted = clone(gate).fit(X, wider, cells)
    assert np.isfinite(fitted.intercept_).all()
    assert fitted.gate_weights(X, wider)[:, 3].max() < 0.05


@pytest.mark.parametrize("n_cells", [1, 2])
@pytest.mark.parametrize("gate", ALL)
def test_one_and_two_cells(gate, n_cells):
    X, affinity, cells = make_regions(n_cells=n_cells)
    weights = clone(gate).fit(X, affinity, cells).gate_weights(X, affinity)
    assert (weights.argmax(axis=1) == cells).mean() > 0.8
    if n_cells == 1:
        np.testing.assert_allclose(weights, 1, atol=0.01)


@pytest.mark.parametrize("gate", ALL)
def test_one_row(gate):
    X, affinity = np.array([[1.0, 2.0]]), np.array([[-1.0, -2.0, -np.inf]])
    weights = clone(gate).fit(X, affinity, np.array([0])).gate_weights(X, affinity)
    assert weights[0].argmax() == 0
    assert weights[0, 2] == 0


@pytest.mark.parametrize("gate", LEARNED)
def test_constant_and_equal_columns(gate):
    X, affinity, cells = make_regions()
    X = np.column_stack([X, X[:, 0], np.full(len(X), 0.1)])
    fitted = clone(gate).set_params(tol=1e-9).fit(X, affinity, cells)
    np.testing.assert_allclose(fitted.coef_[:, 0], fitted.coef_[:, 4], atol=1e-5)
    np.testing.assert_array_equal(fitted.coef_[:, 5], 0)
    constant = clone(gate).fit(np.ones((90, 2)), affinity, cells)
    np.testing.assert_array_equal(constant.coef_, 0)


@pytest.mark.parametrize("gate", ALL)
def test_extreme_affinities(gate):
    X, _, cells = make_regions(n_rows=6)
    affinity = np.zeros((6, 3))
    affinity[0] = [1e308, -1e308, 0]
    affinity[1] = -1e308
    affinity[2] = [-np.inf, 5e-324, -5e-324]
    affinity[3] = -np.inf
    weights = clone(gate).fit(X, affinity, cells).gate_weights(X, affinity)
    assert np.isfinite(weights).all()
    assert (weights >= 0).all()
    assert (weights[np.isneginf(affinity)] == 0).all()
    assert (weights.sum(axis=1)[[0, 1, 2, 4, 5]] > 0).all()


@pytest.mark.parametrize("gate", LEARNED)
def test_extreme_rows(gate):
    X, affinity, cells = make_regions()
    fitted = clone(gate).fit(X, affinity, cells)
    weights = fitted.gate_weights(1e150 * X, affinity)
    assert np.isfinite(weights).all()
    assert (weights.max(axis=1) > 0.3).all()
    with pytest.raises(ValueError, match="logits of S.*Gate overflow.*Scale X"):
        fine = clone(gate).fit(1e-9 * X, affinity, cells)
        fine.gate_weights(np.full((1, 4), 1e308), affinity[:1])
    with pytest.raises(ValueError, match="variance of a column of X overflows"):
        clone(gate).fit(1e200 * X, affinity, cells)


def test_a_row_without_an_open_gate_is_shared_as_if_all_were_open():
    X, affinity, cells = make_regions()
    affinity = affinity.copy()
    affinity[0] = [-np.inf, -np.inf, -1]
    affinity[1] = -np.inf
    shut, everything = (
        SigmoidGate(threshold=threshold, random_state=0)
        .fit(X, affinity, cells)
        .gate_weights(X, affinity)
        for threshold in (0.999999, 0.0)
    )
    np.testing.assert_array_equal(shut[:2], [[0, 0, 1], [0, 0, 0]])
    top = everything[2:].max(axis=1, keepdims=True)
    np.testing.assert_allclose(shut[2:], everything[2:] / top)


def test_open_gates_keep_their_value():
    X, affinity, cells = make_regions()
    everything = SigmoidGate(threshold=0.0, random_state=0).fit(X, affinity, cells)
    some = SigmoidGate(threshold=0.3, random_state=0).fit(X, affinity, cells)
    dense, sparse = (gate.gate_weights(X, affinity) for gate in (everything, some))
    opened = sparse > 0
    np.testing.assert_array_equal(opened.any(axis=1), True)
    shared = (dense > 0.3).any(axis=1)
    np.testing.assert_array_equal(sparse[shared], (dense * (dense > 0.3))[shared])


@pytest.mark.parametrize("gate", LEARNED)
def test_no_rows_to_learn_from(gate):
    X, affinity, _ = make_regions()
    fitted = clone(gate).fit(X, affinity, np.full(len(X), -1))
    weights = fitted.gate_weights(X, affinity)
    if isinstance(gate, SoftmaxGate):
        np.testing.assert_allclose(weights, 1 / 3)


def test_cells_are_the_nearest_by_default():
    X, affinity, _ = make_regions()
    given = SoftmaxGate().fit(X, affinity, affinity.argmax(axis=1))
    same_fit(SoftmaxGate().fit(X, affinity), given, rtol=0)


def test_parameters_set_after_fit_do_not_count():
    X, affinity, cells = make_regions()
    gate = SigmoidGate(random_state=0).fit(X, affinity, cells)
    before = gate.gate_weights(X, affinity)
    gate.set_params(threshold=0.0)
    np.testing.assert_array_equal(gate.gate_weights(X, affinity), before)


@pytest.mark.parametrize("gate", LEARNED)
def test_one_warning_if_not_converged(gate):
    X, affinity, cells = make_regions()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        clone(gate).set_params(max_iter=1).fit(X, affinity, cells)
    assert [warning.category for warning in caught] == [ConvergenceWarning]
    assert "1 iterations. Raise max_iter" in str(caught[0].message)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cells": np.full(90, 3)}, "cells must be from -1 .none. to 2. Got .* 3 to 3"),
        ({"cells": np.zeros(90)}, "cells must be integers of shape .90,.*float64"),
        ({"cells": np.zeros(5, dtype=int)}, "cells must be integers of shape .90,"),
        ({"competence": None}, "target=.competence. needs the competence"),
        ({"competence": np.ones((90, 2))}, "competence must have shape .* = .90, 3."),
        ({"competence": -np.ones((90, 3))}, "competence must be finite and not neg"),
        ({"competence": np.zeros((90, 3))}, "competence is 0 for every row of posit"),
        ({"sample_weight": np.zeros(90)}, "[Ss]ample weights"),
    ],
)
@pytest.mark.parametrize("gate", LEARNED)
def test_errors_say_what_is_wrong_and_leave_the_gate_as_it_was(gate, changes, message):
    X, affinity, cells = make_regions()
    told = {
        "X": X,
        "affinity": affinity,
        "cells": cells,
        "competence": np.ones((90, 3)),
    }
    gate = clone(gate).set_params(target="competence")
    with pytest.raises(ValueError, match=message):
        gate.fit(**told | changes)
    with pytest.raises(NotFittedError):
        gate.gate_weights(X, affinity)
    before = gate.fit(**told).coef_
    with pytest.raises(ValueError, match=message):
        gate.fit(**told | changes)
    assert gate.coef_ is before


@pytest.mark.parametrize("gate", LEARNED)
def test_dataframes(gate):
    pandas = pytest.importorskip("pandas")
    X, affinity, cells = make_regions()
    frame = pandas.DataFrame(X, columns=list("abcd"))
    fitted = clone(gate).fit(frame, affinity, cells)
    same_fit(fitted, clone(gate).fit(X, affinity, cells), rtol=0)
    np.testing.assert_array_equal(fitted.feature_names_in_, list("abcd"))
    frame["segment"] = "north"
    with pytest.raises(ValueError, match="not numeric: .'segment'.*encode the columns"):
        clone(gate).fit(frame, affinity, cells)
