"""Gated experts against plain numpy: outputs, losses, gradients and steps."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from scipy.special import expit, log_expit, log_softmax, softmax

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
LOSSES = [
    ("log_loss", 1),
    ("log_loss", 3),
    ("log_loss", 5),
    ("squared_hinge", 1),
    ("squared_hinge", 3),
    ("squared_hinge", 5),
    ("squared_error", 1),
    ("squared_error", 4),
    ("huber", 2),
    ("huber", 17),
]


def random_model(
    rng, n_features=3, n_outputs=2, n_experts=5, top_k=3, gate="softmax", **options
):
    options = {"shared": False, "dtype": np.float64} | options
    model = GatedExperts.zeros(
        n_features, n_outputs, n_experts, top_k=top_k, gate=gate, **options
    )
    model.lines[:] = rng.normal(size=model.lines.shape)
    return model


def random_data(rng, model, X, loss, *, weighted=True):
    n, c, dtype = X.shape[0], model.n_outputs, model.table.dtype
    labels = targets = None
    if loss in ("log_loss", "squared_hinge"):
        labels = rng.integers(max(c, 2), size=n).astype(np.int32)
    else:
        targets = rng.normal(size=(n, c)).astype(dtype)
    weights = rng.uniform(0.2, 2, size=n) if weighted else np.ones(n)
    return GatedData(X, labels, targets, weights.astype(dtype), np.zeros(n, dtype))


def plain_routing(model, X):
    """Return chosen experts and weights, one row after the other."""
    table = model.lines[: model.n_experts, model.n_outputs].astype(np.float64)
    logits = X @ table[:, :-1].T + table[:, -1]
    chosen = np.sort(np.argsort(-logits, kind="stable")[:, : model.top_k])
    logits = np.take_along_axis(logits, chosen, axis=1)
    if model.gate == "softmax":
        return chosen, softmax(logits, axis=1)
    return chosen, softmax(log_expit(logits), axis=1)


def plain_outputs(model, X):
    """Return combined outputs of all rows."""
    n = model.n_outputs
    lines = model.lines.astype(np.float64)
    said = np.einsum("ij,kcj->ikc", X, lines[:, :n, :-1]) + lines[:, :n, -1]
    chosen, weights = plain_routing(model, X)
    combined = np.einsum(
        "is,isc->ic", weights, np.take_along_axis(said, chosen[:, :, None], axis=1)
    )
    if len(lines) > model.n_experts:
        combined += said[:, -1]
    return combined


def plain_losses(F, data, loss, smoothing=0.0, delta=1.0):
    """Return the loss of each row, without weights."""
    n = F.shape[1]
    if data.labels is None:
        error = F - data.targets
        size = np.abs(error)
        linear = (loss == "huber") & (size > delta)
        return np.where(linear, delta * (size - delta / 2), error**2 / 2).sum(axis=1)
    if loss == "log_loss" and n == 1:
        target = np.where(data.labels, 1 - smoothing / 2, smoothing / 2)
        z = F[:, 0]
        return -target * log_expit(z) - (1 - target) * log_expit(-z)
    if n == 1:
        truth = data.labels[:, None] == 1
    else:
        truth = data.labels[:, None] == np.arange(n)
    if loss == "log_loss":
        target = (1 - smoothing) * truth + smoothing / n
        return -(target * log_softmax(F, axis=1)).sum(axis=1)
    return (np.maximum(0, 1 - np.where(truth, 1, -1) * F) ** 2).sum(axis=1)


def numerical_gradient(value, model, step=1e-6):
    """Differentiate ``value(model)`` in all lines of the model."""
    gradient = np.zeros_like(model.lines)
    for place in np.ndindex(gradient.shape):
        values = []
        for sign in (1, -1):
            near = replace(model, table=model.table.copy())
            near.lines[place] += sign * step
            values.append(value(near))
        gradient[place] = (values[0] - values[1]) / (2 * step)
    return gradient


def lines_of(model, table):
    return replace(model, table=table).lines


# Outputs ------------------------------------------------------------------------------


@given(
    seed=seeds,
    gate=gates,
    shared=st.booleans(),
    sparse=st.booleans(),
    single=st.booleans(),
    n_outputs=st.sampled_from([1, 2, 3, 4, 7, 15, 16, 17, 40]),
    n_experts=st.sampled_from([1, 2, 9, 15, 16, 17, 33, 103, 130]),
    top_k=st.sampled_from([1, 2, 8, 16, 17, 25, 200]),
    n_rows=st.sampled_from([1, 2, 5, 12, 300]),
    n_features=st.sampled_from([1, 4, 13]),
)
@settings(max_examples=60)
def test_outputs_are_those_of_plain_loops(
    seed, gate, shared, sparse, single, n_outputs, n_experts, top_k, n_rows, n_features
):
    rng = np.random.default_rng(seed)
    dtype = np.float32 if single else np.float64
    model = random_model(
        rng, n_features, n_outputs, n_experts, top_k, gate, shared=shared, dtype=dtype
    )
    assert model.top_k == min(top_k, n_experts)
    X = rng.normal(size=(n_rows, n_features))
    if sparse:
        X[rng.random(X.shape) < 0.6] = 0
    X = X.astype(dtype)
    rows = csr_array(X) if sparse else X
    chosen, weights, outputs = routed_outputs(model, rows)
    plain_chosen, plain_weights = plain_routing(model, X.astype(np.float64))
    # Two logits may be the same in float32 only.
    same = (chosen == plain_chosen).all(axis=1)
    assert np.mean(same) > 0.9 if single else same.all()
    limit = {"rtol": 1e-3, "atol": 1e-4} if single else {"rtol": 1e-9, "atol": 1e-11}
    np.testing.assert_allclose(weights[same], plain_weights[same], **limit)
    np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-5 if single else 1e-12)
    combined = combined_outputs(model, rows)
    assert combined.dtype == outputs.dtype == dtype
    plain = plain_outputs(model, X.astype(np.float64))
    np.testing.assert_allclose(combined[same], plain[same], **limit)
    total = np.einsum("is,isc->ic", weights, outputs)
    if shared:
        total += (
            X @ model.lines[-1, :n_outputs, :-1].T + model.lines[-1, :n_outputs, -1]
        )
    np.testing.assert_allclose(total, combined, **limit)


@given(
    seed=seeds,
    gate=gates,
    sparse=st.booleans(),
    single=st.booleans(),
    n_outputs=st.sampled_from([1, 3, 4, 26]),
    shared=st.booleans(),
)
@settings(max_examples=25)
def test_bits_of_a_row_do_not_depend_on_other_rows(
    seed, gate, sparse, single, n_outputs, shared
):
    rng = np.random.default_rng(seed)
    dtype = np.float32 if single else np.float64
    model = random_model(rng, 7, n_outputs, 21, 4, gate, shared=shared, dtype=dtype)
    X = rng.normal(size=(600, 7)).astype(dtype)
    rows = csr_array(X) if sparse else X
    whole = combined_outputs(model, rows)
    some = rng.permutation(600)[: rng.integers(1, 30)]
    np.testing.assert_array_equal(combined_outputs(model, rows[some]), whole[some])
    for i in some[:5]:
        np.testing.assert_array_equal(combined_outputs(model, rows[[i]])[0], whole[i])


def model_with_logits(logits, top_k, gate="softmax", dtype=np.float64):
    """Return a model and rows, of which row i has the i-th logits."""
    n_rows, n_experts = logits.shape
    model = GatedExperts.zeros(
        n_rows, 1, n_experts, top_k=top_k, gate=gate, shared=False, dtype=dtype
    )
    model.lines[:, 1, :-1] = logits.T
    model.lines[:, 0, -1] = 1
    return model, csr_array(np.eye(n_rows, dtype=dtype))


@given(
    seed=seeds,
    n_experts=st.integers(1, 140),
    top_k=st.integers(1, 40),
    n_values=st.integers(1, 12),
    single=st.booleans(),
)
@settings(max_examples=100)
def test_ties_go_to_the_lowest_number(seed, n_experts, top_k, n_values, single):
    rng = np.random.default_rng(seed)
    dtype = np.float32 if single else np.float64
    values = rng.choice([rng.normal(size=n_values), rng.integers(-4, 5, n_values)])
    logits = rng.choice(values, size=(20, n_experts)).astype(dtype)
    model, rows = model_with_logits(logits, top_k, dtype=dtype)
    chosen, _, _ = routed_outputs(model, rows)
    plain = np.argsort(-logits, axis=1, kind="stable")[:, : model.top_k]
    np.testing.assert_array_equal(chosen, np.sort(plain, axis=1))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_experts", [11, 40])
def test_many_ties_below_the_largest_logit(dtype, n_experts):
    logits = np.ones((1, n_experts))
    logits[0, -1] = 5
    model, rows = model_with_logits(logits, 8, dtype=dtype)
    chosen, _, _ = routed_outputs(model, rows)
    assert chosen[0].tolist() == [0, 1, 2, 3, 4, 5, 6, n_experts - 1]


@pytest.mark.parametrize("gate", ["softmax", "sigmoid"])
@pytest.mark.parametrize("shift", [-1000.0, -90.0, 0.0, 90.0, 1000.0])
def test_large_logits_keep_weights(gate, shift):
    logits = shift + np.array([[0.0, -1, -2, -3], [0, 0, -30, -60]])
    model, rows = model_with_logits(logits, 3, gate)
    _, weights, _ = routed_outputs(model, rows)
    expected = plain_routing(model, np.eye(2))[1]
    np.testing.assert_allclose(weights, expected, rtol=1e-10, atol=1e-30)


@given(
    seed=seeds,
    gate=gates,
    n_experts=st.sampled_from([1, 3, 16, 50]),
    top_k=st.sampled_from([1, 2, 16, 20]),
    single=st.booleans(),
)
@settings(max_examples=80)
def test_logits_that_are_not_numbers_choose_different_experts(
    seed, gate, n_experts, top_k, single
):
    rng = np.random.default_rng(seed)
    dtype = np.float32 if single else np.float64
    logits = rng.normal(size=(12, n_experts)).astype(dtype)
    strange = rng.choice([np.nan, np.inf, -np.inf, 3e38, -3e38], size=logits.shape)
    places = rng.random(logits.shape) < rng.random((12, 1)) * 1.2
    logits[places] = strange[places]
    model, rows = model_with_logits(logits, top_k, gate, dtype)
    chosen, _, outputs = routed_outputs(model, rows)
    assert (np.diff(chosen, axis=1) > 0).all()
    assert chosen.min() >= 0
    assert chosen.max() < n_experts
    assert (outputs == 1).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_experts", [5, 30])
def test_infinite_and_huge_logits_are_ordered(dtype, n_experts):
    large = np.finfo(dtype).max
    logits = np.zeros((4, n_experts), dtype)
    logits[0, [1, 3]] = np.inf
    logits[1] = -np.inf
    logits[1, [2, 4]] = 1, 2
    logits[2] = np.linspace(-large / 2, large / 2, n_experts) * 2
    logits[3, :2] = -large
    logits[3, 3:] = [large if e % 2 else -np.inf for e in range(3, n_experts)]
    model, rows = model_with_logits(logits, 2, dtype=dtype)
    chosen, _, _ = routed_outputs(model, rows)
    plain = np.argsort(-logits, axis=1, kind="stable")[:, :2]
    np.testing.assert_array_equal(chosen, np.sort(plain, axis=1))


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
@settings(max_examples=4)
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
@settings(max_examples=8)
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
@settings(max_examples=5)
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
        if len(model.lines) > model.n_experts:
            self.decay[-1, n] = 0
        self.first = self.second = np.zeros(model.lines.shape)
        self.n_steps = 0

    def step(self, data, rows, rate, **options):
        value, table = loss_and_gradient(self.model, data, rows, **options)
        g = lines_of(self.model, table)
        self.n_steps += 1
        self.first = 0.9 * self.first + 0.1 * g
        self.second = 0.999 * self.second + 0.001 * g**2
        m = self.first / (1 - 0.9**self.n_steps)
        root = np.sqrt(self.second / (1 - 0.999**self.n_steps)) + 1e-6
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
@settings(max_examples=40)
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
    begun.restart(2)
    assert not begun.first[2].any()
    assert not begun.second[2].any()
    assert begun.first[1].any()
    assert resumed.first[2].any(), "moments are copies"


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
    rates = np.geomspace(0.02, 1e-7, 20_000)
    adam.run(np.tile(rows, len(rates)), rates)
    _, table = loss_and_gradient(model, data, rows, **options)
    gradient = lines_of(model, table)[:, :n_outputs, :-1]
    coef = model.lines[:, :n_outputs, :-1]
    zero = coef == 0
    assert 0.1 < zero.mean() < 0.95
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


def test_sigmoid_weights_are_shares_of_open_gates():
    logits = np.array([[2.0, -1.0, 0.5, -3.0]])
    model, rows = model_with_logits(logits, 2, "sigmoid")
    chosen, weights, _ = routed_outputs(model, rows)
    assert chosen[0].tolist() == [0, 2]
    opened = expit([2.0, 0.5])
    np.testing.assert_allclose(weights[0], opened / opened.sum())
