"""Losses, gradients and steps of gated experts, against plain numpy."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle_gated import (
    LOSSES,
    lines_of,
    numerical_gradient,
    plain_losses,
    plain_outputs,
    plain_routing,
    random_data,
    random_model,
)
from scipy.sparse import csr_array

from skexperts._numeric.gated_experts import (
    Adam,
    GatedData,
    GatedExperts,
    combined_outputs,
    loss_and_gradient,
    one_cycle,
    routed_outputs,
)

seeds = st.integers(0, 2**32 - 1)
gates = st.sampled_from(["softmax", "sigmoid"])


# Losses and gradients -----------------------------------------------------------------


@pytest.mark.parametrize("gate", ["softmax", "sigmoid"])
@pytest.mark.parametrize(("loss", "n_outputs"), LOSSES)
@given(
    seed=seeds,
    shared=st.booleans(),
    sparse=st.booleans(),
    smoothing=st.sampled_from([0.0, 0.15]),
    top_k=st.sampled_from([1, 2, 5]),
)
@settings(max_examples=3)
def test_gradient_is_the_derivative_of_the_loss(
    loss, n_outputs, gate, seed, shared, sparse, smoothing, top_k
):
    rng = np.random.default_rng(seed)
    model = random_model(rng, 3, n_outputs, 5, top_k, gate, shared=shared)
    X = rng.normal(size=(14, 3))
    if sparse:
        X[rng.random(X.shape) < 0.4] = 0
    data = random_data(rng, model, csr_array(X) if sparse else X, loss)
    rows = rng.permutation(14)[:11]
    options = {"smoothing": smoothing * (loss == "log_loss"), "delta": 0.7}

    def value(near):
        return loss_and_gradient(near, data, rows, loss=loss, **options)[0]

    found, gradient = loss_and_gradient(model, data, rows, loss=loss, **options)
    losses = data.weights * plain_losses(plain_outputs(model, X), data, loss, **options)
    np.testing.assert_allclose(found, losses[rows].mean(), rtol=1e-10)
    np.testing.assert_allclose(data.losses[rows], losses[rows], rtol=1e-10)
    expected = numerical_gradient(value, model)
    # A logit next to another one, or an error at the kink of a derivative, is rare.
    np.testing.assert_allclose(
        lines_of(model, gradient), expected, rtol=1e-5, atol=1e-7
    )
    inside = replace(model, table=np.zeros_like(gradient))
    inside.lines[:] = 1
    assert not gradient[inside.table == 0].any(), "padding has no gradient"


@pytest.mark.parametrize("n_outputs", [2, 6])
@given(seed=seeds, gate=gates, sparse=st.booleans(), shared=st.booleans())
@settings(max_examples=4)
def test_gradient_of_balance(n_outputs, seed, gate, sparse, shared):
    rng = np.random.default_rng(seed)
    model = random_model(rng, 3, n_outputs, 6, 2, gate, shared=shared)
    X = rng.normal(size=(15, 3))
    data = random_data(rng, model, csr_array(X) if sparse else X, "squared_error")
    rows = rng.permutation(15)[:12]
    chosen, _ = plain_routing(model, X[rows])
    share = np.bincount(chosen.ravel(), minlength=6) / chosen.size

    def term(near):
        chosen, weights = plain_routing(near, X[rows])
        means = np.bincount(chosen.ravel(), weights.ravel(), minlength=6) / len(rows)
        return 0.7 * 6 * share @ means

    options = {"loss": "squared_error"}
    plain, without = loss_and_gradient(model, data, rows, **options)
    balanced, with_term = loss_and_gradient(model, data, rows, balance=0.7, **options)
    assert balanced == plain
    np.testing.assert_allclose(
        lines_of(model, with_term - without),
        numerical_gradient(term, model),
        rtol=1e-5,
        atol=1e-8,
    )


@pytest.mark.parametrize(("loss", "n_outputs"), LOSSES)
@given(seed=seeds, gate=gates, shared=st.booleans(), sparse=st.booleans())
@settings(max_examples=3)
def test_single_precision_follows_double(loss, n_outputs, seed, gate, shared, sparse):
    rng = np.random.default_rng(seed)
    model = random_model(rng, 5, n_outputs, 20, 4, gate, shared=shared)
    X = rng.normal(size=(50, 5)).astype(np.float32).astype(np.float64)
    narrow = GatedExperts.zeros(
        5, n_outputs, 20, top_k=4, gate=gate, shared=shared, dtype=np.float32
    )
    narrow.lines[:] = model.lines
    model.lines[:] = narrow.lines
    # Another choice for a row is another function.
    chosen = [routed_outputs(m, X.astype(m.table.dtype))[0] for m in (model, narrow)]
    rows = np.flatnonzero((chosen[0] == chosen[1]).all(axis=1))
    assert len(rows) > 40
    data = random_data(rng, model, csr_array(X) if sparse else X, loss)
    cast = GatedData(
        data.X.astype(np.float32),
        data.labels,
        None if data.targets is None else data.targets.astype(np.float32),
        data.weights.astype(np.float32),
        data.losses.astype(np.float32),
    )
    value, gradient = loss_and_gradient(model, data, rows, loss=loss, balance=0.3)
    near, narrow_gradient = loss_and_gradient(
        narrow, cast, rows, loss=loss, balance=0.3
    )
    assert near == pytest.approx(value, rel=1e-4)
    scale = np.abs(gradient).max()
    np.testing.assert_allclose(
        lines_of(narrow, narrow_gradient), lines_of(model, gradient), atol=1e-4 * scale
    )


@pytest.mark.parametrize("shift", [-200.0, 200.0])
@pytest.mark.parametrize("n_outputs", [1, 3, 5])
def test_log_loss_of_large_outputs_does_not_overflow(n_outputs, shift):
    rng = np.random.default_rng(0)
    model = random_model(rng, 3, n_outputs)
    model.lines[:, :n_outputs, -1] += shift * np.arange(1, n_outputs + 1)
    X = rng.normal(size=(20, 3))
    data = random_data(rng, model, X, "log_loss")
    value, gradient = loss_and_gradient(model, data, np.arange(20), smoothing=0.1)
    expected = data.weights * plain_losses(
        plain_outputs(model, X), data, "log_loss", smoothing=0.1
    )
    assert value == pytest.approx(expected.mean(), rel=1e-10)
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("loss", "n_outputs"), LOSSES)
def test_bits_do_not_depend_on_where_arrays_lie(loss, n_outputs, dtype):
    rng = np.random.default_rng(0)
    model = random_model(rng, 11, n_outputs, 9, 5, shared=True, dtype=dtype)
    X = rng.normal(size=(37, 11)).astype(dtype)
    data = random_data(rng, model, X, loss)
    value, gradient = loss_and_gradient(model, data, np.arange(37), loss=loss)
    losses, combined = data.losses.copy(), combined_outputs(model, X)
    size = model.table.size
    for shift in range(1, 17):
        table = np.empty(size + shift, dtype)[shift:].reshape(model.table.shape)
        table[:] = model.table
        moved = replace(model, table=table)
        rows = np.empty(X.size + shift, dtype)[shift:].reshape(X.shape)
        rows[:] = X
        other = data._replace(X=rows)
        near, near_gradient = loss_and_gradient(moved, other, np.arange(37), loss=loss)
        assert near == value
        np.testing.assert_array_equal(near_gradient, gradient)
        np.testing.assert_array_equal(data.losses, losses)
        np.testing.assert_array_equal(combined_outputs(moved, rows), combined)


# Steps --------------------------------------------------------------------------------


class PlainAdam:
    """The formula in the docstring of Adam, on the lines of a model."""

    def __init__(self, model, alpha, decay):
        self.model = replace(model, table=model.table.copy())
        n = model.n_outputs
        self.alpha = np.zeros(model.lines.shape)
        self.alpha[:, :n, :-1] = alpha
        self.decay = np.zeros(model.lines.shape)
        self.decay[:, :, :-1] = decay
        self.first = self.second = np.zeros(model.lines.shape)
        self.n_steps = 0

    def step(self, data, rows, rate, **options):
        value, table = loss_and_gradient(self.model, data, rows, **options)
        g = lines_of(self.model, table)
        self.n_steps += 1
        self.first = 0.9 * self.first + 0.1 * g
        self.second = 0.999 * self.second + 0.001 * g**2
        m = self.first / (1 - 0.9**self.n_steps)
        root = np.sqrt(self.second / (1 - 0.999**self.n_steps) + 1e-12)
        w = self.model.lines * (1 - rate * self.decay) - rate * m / root
        reach = rate * self.alpha / root
        self.model.lines[:] = np.sign(w) * np.maximum(np.abs(w) - reach, 0)
        return value


@given(
    seed=seeds,
    gate=gates,
    loss=st.sampled_from(LOSSES),
    shared=st.booleans(),
    alpha=st.sampled_from([0.0, 0.05]),
    decay=st.sampled_from([0.0, 0.2]),
    batch_size=st.integers(1, 9),
    parts=st.booleans(),
)
@settings(max_examples=25)
def test_steps_are_those_of_the_formula(
    seed, gate, loss, shared, alpha, decay, batch_size, parts
):
    rng = np.random.default_rng(seed)
    loss, n_outputs = loss
    model = random_model(rng, 4, n_outputs, 6, 2, gate, shared=shared)
    data = random_data(rng, model, rng.normal(size=(30, 4)), loss)
    options = {"loss": loss, "balance": 0.2, "delta": 0.5}
    plain = PlainAdam(model, alpha, decay)
    adam = Adam(model, data, batch_size=batch_size, decay=decay, alpha=alpha, **options)
    order = rng.permutation(30)
    batches = [order[i : i + batch_size] for i in range(0, 30, batch_size)]
    rates = rng.uniform(0.001, 0.05, size=len(batches))
    value = sum(
        len(rows) * plain.step(data, rows, rate, **options)
        for rows, rate in zip(batches, rates, strict=True)
    )
    split = len(batches) // 2 if parts else 0
    total, usage = 0.0, 0
    for some in (slice(0, split), slice(split, None)):
        if len(rates[some]):
            part = np.concatenate(batches[some])
            loss_of_part, used = adam.run(part, rates[some])
            total, usage = total + loss_of_part, usage + used
    assert total == pytest.approx(value, rel=1e-9)
    assert usage.sum() == 30 * model.top_k
    assert adam.n_steps == plain.n_steps
    np.testing.assert_allclose(model.lines, plain.model.lines, rtol=1e-7, atol=1e-9)
    if alpha:
        np.testing.assert_array_equal(model.lines == 0, plain.model.lines == 0)


def test_descents_go_on_where_others_ended():
    rng = np.random.default_rng(0)
    model = random_model(rng, 4, 5)
    data = random_data(rng, model, rng.normal(size=(40, 4)), "log_loss")
    options = {"batch_size": 8, "decay": 0.1, "alpha": 0.01}
    other = replace(model, table=model.table.copy())
    rates, order = np.full(5, 0.02), np.arange(40)
    whole = Adam(model, data, **options)
    whole.run(order, rates)
    whole.run(order, rates)
    begun = Adam(other, data, **options)
    begun.run(order, rates)
    resumed = Adam(other, data, **options)
    resumed.go_on(begun)
    resumed.run(order, rates)
    np.testing.assert_array_equal(model.table, other.table)
    assert resumed.n_steps == whole.n_steps == 10
    resumed.copy_moments(1, 2)
    np.testing.assert_array_equal(resumed.first[2], resumed.first[1])
    np.testing.assert_array_equal(resumed.second[2], resumed.second[1])
    assert (begun.first[2] != resumed.first[2]).any(), "moments are copies"


@pytest.mark.parametrize(
    ("loss", "n_outputs", "gate", "shared"),
    [
        ("log_loss", 1, "softmax", False),
        ("log_loss", 4, "sigmoid", True),
        ("squared_error", 2, "softmax", True),
        ("huber", 5, "softmax", False),
        ("squared_hinge", 3, "sigmoid", False),
    ],
)
def test_coefficients_become_stationary(loss, n_outputs, gate, shared):
    rng = np.random.default_rng(1)
    model = random_model(rng, 6, n_outputs, 3, 3, gate, shared=shared)
    model.lines[:, :n_outputs] *= 0.1
    data = random_data(rng, model, rng.normal(size=(60, 6)), loss, weighted=False)
    alpha, rows = 0.03, np.arange(60)
    options = {"loss": loss, "smoothing": 0.1 * (loss == "log_loss"), "delta": 0.8}
    adam = Adam(model, data, batch_size=60, decay=0.0, alpha=alpha, **options)
    rates = np.geomspace(0.05, 1e-7, 20_000)
    adam.run(np.tile(rows, len(rates)), rates)
    _, table = loss_and_gradient(model, data, rows, **options)
    gradient = lines_of(model, table)[:, :n_outputs, :-1]
    coef = model.lines[:, :n_outputs, :-1]
    zero = coef == 0
    assert 0.1 < zero.mean() < 0.98
    assert np.abs(gradient[zero]).max() <= alpha + 1e-4
    assert np.abs(gradient + alpha * np.sign(coef))[~zero].max() < 1e-3
    free = lines_of(model, table)[:, :n_outputs, -1]
    assert np.abs(free).max() < 1e-3


@pytest.mark.parametrize("n_outputs", [1, 5])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_steps_that_are_not_numbers_show(n_outputs, dtype):
    rng = np.random.default_rng(0)
    model = random_model(rng, 3, n_outputs, dtype=dtype)
    data = random_data(rng, model, np.ones((4, 3), dtype), "log_loss")
    data.X[2, 1] = np.nan
    adam = Adam(model, data, batch_size=4, decay=0.0, alpha=0.1)
    adam.run(np.arange(4), np.ones(1))
    assert np.isnan(model.table).any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("loss", "n_outputs"), LOSSES)
def test_losses_of_outputs_that_are_not_numbers_show(loss, n_outputs, dtype):
    rng = np.random.default_rng(0)
    model = random_model(rng, n_outputs=n_outputs, shared=True, dtype=dtype)
    model.lines[-1, n_outputs - 1, -1] = np.nan
    data = random_data(rng, model, np.ones((4, 3), dtype), loss)
    assert np.isnan(loss_and_gradient(model, data, np.arange(4), loss=loss)[0])


def test_batches_without_memory_are_named():
    rng = np.random.default_rng(0)
    model = random_model(rng)
    data = random_data(rng, model, np.ones((4, 3)), "squared_error")
    options = {"decay": 0.0, "alpha": 0.0, "loss": "squared_error"}
    adam = Adam(model, data, batch_size=2**30, **options)
    with pytest.raises(MemoryError, match="lower batch_size or top_k"):
        adam.run(np.arange(4), np.ones(1))


@given(n_steps=st.integers(1, 500), peak=st.floats(1e-6, 10))
def test_one_cycle_rises_and_falls(n_steps, peak):
    rates = one_cycle(n_steps, peak)
    assert len(rates) == n_steps
    assert rates[0] == pytest.approx(peak / 25)
    assert (rates > 0).all()
    assert rates.max() <= peak * (1 + 1e-12)
    top = rates.argmax()
    assert (np.diff(rates[: top + 1]) > 0).all()
    assert (np.diff(rates[top:]) < 0).all()
    if n_steps >= 100:
        assert rates.max() > 0.99 * peak
        assert abs(top - 0.3 * n_steps) <= 1
        assert rates[-1] < 0.002 * peak


def test_penalties_leave_intercepts_and_gates_free():
    for n_outputs in (2, 5):
        model = random_model(np.random.default_rng(0), 3, n_outputs)
        alpha, decay = (
            replace(model, table=row[None]).lines[0]
            for row in model.penalties(0.5, 0.25)
        )
        assert (alpha[:n_outputs, :-1] == 0.5).all()
        assert (decay[:, :-1] == 0.25).all()
        assert not alpha[n_outputs].any()
        assert not alpha[:, -1].any()
        assert not decay[:, -1].any()
