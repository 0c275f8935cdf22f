import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skexperts._numeric.aggregation import align_columns, contract
from skexperts._numeric.routing import route_top_k


@given(
    seed=st.integers(0, 2**32 - 1),
    n_rows=st.integers(0, 20),
    n_experts=st.integers(1, 8),
    n_outputs=st.integers(1, 5),
    k=st.integers(1, 9),
)
def test_contract_is_the_dense_einsum(seed, n_rows, n_experts, n_outputs, k):
    rng = np.random.default_rng(seed)
    routing = route_top_k(rng.random((n_rows, n_experts)), k)
    dense_outputs = rng.normal(size=(n_rows, n_experts, n_outputs))
    rows = np.repeat(np.arange(n_rows), np.diff(routing.indptr))
    pair_outputs = dense_outputs[rows, routing.indices]
    expected = np.einsum("ik,ikc->ic", routing.toarray(), dense_outputs)
    np.testing.assert_allclose(contract(routing, pair_outputs), expected, atol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_contract_keeps_the_dtype_of_the_outputs(dtype):
    routing = route_top_k(np.eye(3, dtype=np.float32), 1)
    outputs = np.arange(6, dtype=dtype).reshape(3, 2)
    outputs.flags.writeable = False
    combined = contract(routing, outputs)
    assert combined.dtype == dtype
    np.testing.assert_array_equal(combined, outputs)


def test_align_columns_places_and_fills():
    aligned = align_columns(
        np.array([[0.7, 0.3]]), np.array(["d", "b"]), np.array(["a", "b", "d"]), 0.0
    )
    np.testing.assert_array_equal(aligned, [[0.0, 0.3, 0.7]])


def test_align_columns_takes_a_fill_per_row():
    fill = np.array([[-1.0], [-3.0]])
    aligned = align_columns(
        np.array([[2.0], [-3.0]]), np.array([1]), np.arange(2), fill
    )
    np.testing.assert_array_equal(aligned, [[-1.0, 2.0], [-3.0, -3.0]])
