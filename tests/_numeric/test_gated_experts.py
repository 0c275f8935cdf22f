"""Routing and outputs of gated experts, against plain numpy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle_gated import model_with_logits, plain_outputs, plain_routing, random_model
from scipy.sparse import csr_array
from scipy.special import expit

from skexperts._numeric.gated_experts import combined_outputs, routed_outputs

seeds = st.integers(0, 2**32 - 1)
gates = st.sampled_from(["softmax", "sigmoid"])


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


def test_single_precision_has_an_exponential_of_its_precision():
    logits = np.zeros((2001, 2), np.float32)
    logits[:, 1] = np.linspace(-80, 0, 2001)
    model, rows = model_with_logits(logits, 2, dtype=np.float32)
    _, weights, _ = routed_outputs(model, rows)
    ratio = weights[:, 1].astype(np.float64) / weights[:, 0]
    np.testing.assert_allclose(ratio, np.exp(logits[:, 1].astype(float)), rtol=1e-6)


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
    logits[2] = np.linspace(-1, 1, n_experts) * large
    logits[3, :2] = -large
    logits[3, 3:] = [large if e % 2 else -np.inf for e in range(3, n_experts)]
    model, rows = model_with_logits(logits, 2, dtype=dtype)
    chosen, _, _ = routed_outputs(model, rows)
    plain = np.argsort(-logits, axis=1, kind="stable")[:, :2]
    np.testing.assert_array_equal(chosen, np.sort(plain, axis=1))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_experts", [1, 5, 30])
@pytest.mark.parametrize("gate", ["softmax", "sigmoid"])
def test_weights_without_meaning_are_not_numbers(gate, n_experts, dtype):
    logits = np.zeros((4, n_experts), dtype)
    logits[0, 0] = np.nan
    logits[1, -1] = np.nan
    logits[2, 0] = np.inf
    logits[3] = -np.inf
    model, rows = model_with_logits(logits, 3, gate, dtype)
    assert np.isnan(routed_outputs(model, rows)[1]).all()


def test_sigmoid_weights_are_shares_of_open_gates():
    logits = np.array([[2.0, -1.0, 0.5, -3.0]])
    model, rows = model_with_logits(logits, 2, "sigmoid")
    chosen, weights, _ = routed_outputs(model, rows)
    assert chosen[0].tolist() == [0, 2]
    opened = expit([2.0, 0.5])
    np.testing.assert_allclose(weights[0], opened / opened.sum())
