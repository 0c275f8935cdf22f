"""Stacked linear experts against a loop of them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from skexperts._numeric.linear_experts import (
    LinearExpert,
    linear_outputs,
    stack_experts,
)
from skexperts._numeric.routing import route_top_k


def random_experts(rng, n_experts, n_features, n_outputs):
    experts = []
    for _ in range(n_experts):
        outputs = np.flatnonzero(rng.uniform(size=n_outputs) < 0.7)
        columns = None
        if rng.uniform() < 0.5:
            columns = rng.permutation(n_features)[: rng.integers(1, n_features + 1)]
        n_columns = n_features if columns is None else len(columns)
        coef = rng.normal(size=(len(outputs), n_columns))
        coef[rng.uniform(size=coef.shape) < 0.5] = 0
        if rng.uniform() < 0.3:
            coef = csr_array(coef)
        experts.append(
            LinearExpert(coef, rng.normal(size=len(outputs)), columns, outputs)
        )
    return experts


def one_by_one(experts, X, routing, n_outputs):
    values = np.empty((routing.nnz, n_outputs))
    for i in range(len(X)):
        for p in range(routing.indptr[i], routing.indptr[i + 1]):
            expert = experts[routing.indices[p]]
            x = X[i] if expert.columns is None else X[i, expert.columns]
            own = expert.coef @ x + expert.intercept
            values[p] = min([-1.0, *own])
            values[p, expert.outputs] = own
    return values


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n_experts=st.integers(1, 5),
    n_features=st.integers(1, 6),
    n_outputs=st.integers(1, 4),
    dtype=st.sampled_from([np.float32, np.float64]),
    sparse=st.booleans(),
)
def test_outputs_are_those_of_each_expert(
    seed, n_experts, n_features, n_outputs, dtype, sparse
):
    rng = np.random.default_rng(seed)
    experts = random_experts(rng, n_experts, n_features, n_outputs)
    X = rng.normal(size=(12, n_features)).astype(dtype)
    X[rng.uniform(size=X.shape) < 0.3] = 0
    X.setflags(write=False)
    routing = route_top_k(rng.uniform(size=(12, n_experts)), 2)
    stack = stack_experts(experts, n_features, n_outputs)
    given_X = csr_array(X) if sparse else X
    values = linear_outputs(stack, given_X, routing)
    expected = one_by_one(experts, X.astype(np.float64), routing, n_outputs)
    np.testing.assert_allclose(values, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("sparse", [False, True])
def test_no_coefficient_at_all(sparse):
    expert = LinearExpert(np.zeros((2, 3)), np.array([1.0, -1.0]), None, np.arange(2))
    stack = stack_experts([expert], 3, 2)
    X = csr_array((4, 3)) if sparse else np.zeros((4, 3))
    routing = csr_array(np.ones((4, 1)))
    values = linear_outputs(stack, X, routing)
    np.testing.assert_array_equal(values, np.tile([1.0, -1.0], (4, 1)))
