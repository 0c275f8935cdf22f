import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from skexperts._numeric.routing import (
    merge_small_cells,
    nearest_cell,
    pairs_by_expert,
    route_balanced,
    route_top_k,
    row_blocks,
    stack_by_expert,
    stack_routings,
)

weight_matrices = st.tuples(st.integers(1, 12), st.integers(1, 9)).flatmap(
    lambda shape: arrays(
        np.float64, shape, elements=st.sampled_from([0.0, 0.25, 0.5, 1.0, 3.0, 1e-300])
    )
)


def slow_top_k(weights, k):
    """Reference: sort every row by (-weight, id)."""
    routing = np.zeros_like(weights)
    for i, row in enumerate(weights):
        kept = np.flatnonzero((row > 0) & (row >= 1e-6 * row.max()))
        chosen = sorted(kept, key=lambda j: (-row[j], j))[:k]
        if len(chosen) == 0:
            routing[i] = 1 / len(row)
        else:
            routing[i, chosen] = row[chosen] / row[chosen].sum()
    return routing


@given(weights=weight_matrices, k=st.integers(1, 10))
def test_route_top_k_is_the_sorted_selection(weights, k):
    routing = route_top_k(weights, k)
    np.testing.assert_allclose(routing.toarray(), slow_top_k(weights, k), rtol=1e-12)
    np.testing.assert_allclose(routing.sum(axis=1), 1.0, rtol=1e-12)
    assert (routing.data > 0).all()
    assert routing.has_canonical_format


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_route_top_k_takes_read_only_fortran_input_of_any_float(dtype):
    weights = np.asfortranarray(np.random.default_rng(0).random((20, 6)), dtype=dtype)
    weights.flags.writeable = False
    routing = route_top_k(weights, 3)
    assert routing.dtype == np.float64
    np.testing.assert_allclose(routing.toarray(), slow_top_k(weights, 3), rtol=1e-6)


def test_ties_go_to_the_lowest_id():
    routing = route_top_k(np.ones((2, 5)), 2)
    np.testing.assert_array_equal(routing.indices, [0, 1, 0, 1])


def test_no_rows():
    assert route_top_k(np.empty((0, 4)), 2).shape == (0, 4)


@given(
    weights=weight_matrices,
    k=st.integers(1, 10),
    cuts=st.lists(st.integers(1, 11), unique=True),
)
def test_stacked_blocks_are_the_routing_of_all_rows(weights, k, cuts):
    cuts = sorted(cut for cut in cuts if cut < len(weights))
    routing, n_experts = route_top_k(weights, k), weights.shape[1]
    for stack, whole in (
        (stack_routings, routing),
        (stack_by_expert, routing.tocsc()),
    ):
        blocks = [route_top_k(part, k) for part in np.split(weights, cuts)]
        found = stack(blocks, n_experts)
        assert (found.shape, found.format, blocks) == (whole.shape, whole.format, [])
        for name in ("data", "indices", "indptr"):
            array = getattr(found, name)
            assert array.dtype == getattr(whole, name).dtype
            np.testing.assert_array_equal(array, getattr(whole, name))


@given(weights=weight_matrices, k=st.integers(1, 10))
def test_pairs_by_expert_groups_every_pair_once(weights, k):
    routing = route_top_k(weights, k)
    rows, pairs, bounds = pairs_by_expert(routing)
    np.testing.assert_array_equal(np.sort(pairs), np.arange(routing.nnz))
    dense = routing.toarray()
    for j in range(dense.shape[1]):
        own = slice(bounds[j], bounds[j + 1])
        np.testing.assert_array_equal(rows[own], np.flatnonzero(dense[:, j]))
        np.testing.assert_array_equal(routing.data[pairs[own]], dense[rows[own], j])


@given(n_rows=st.integers(0, 50_000_000), n_columns=st.integers(1, 10_000_000))
def test_row_blocks_cover_all_rows_in_order(n_rows, n_columns):
    blocks = list(row_blocks(min(n_rows, 3000), n_columns))
    covered = [i for block in blocks for i in range(block.start, block.stop)]
    assert covered == list(range(min(n_rows, 3000)))


@given(
    affinity=st.tuples(st.integers(1, 30), st.integers(1, 7)).flatmap(
        lambda shape: arrays(
            np.float64, shape, elements=st.sampled_from([-np.inf, -3.0, -2.0, -1.0])
        )
    ),
    min_size=st.integers(1, 12),
)
def test_merged_cells_are_large_enough_and_serve_the_nearest_rows(affinity, min_size):
    live, positions = merge_small_cells(affinity, nearest_cell(affinity), min_size)
    assert len(live) >= 1
    np.testing.assert_array_equal(live, np.unique(live))
    np.testing.assert_array_equal(positions, nearest_cell(affinity[:, live]))
    if len(live) > 1:
        assert np.bincount(positions[positions >= 0]).min() >= min_size


def test_cells_that_are_large_enough_stay():
    affinity = -np.abs(np.arange(6)[:, None] - np.array([0.0, 2.9, 5.0]))
    live, _ = merge_small_cells(affinity, nearest_cell(affinity), 2)
    np.testing.assert_array_equal(live, [0, 1, 2])


def test_nearest_cell_marks_unclaimed_rows():
    affinity = np.array([[-np.inf, -np.inf], [-1.0, -1.0], [-2.0, -1.0]])
    np.testing.assert_array_equal(nearest_cell(affinity), [-1, 0, 1])
    assert nearest_cell(np.empty((0, 3))).shape == (0,)


def slow_balanced(weights, k, capacity):
    """Reference: take all pairs by (-weight, row, expert) where there is room."""
    n_rows, n_experts = weights.shape
    chosen = [[] for _ in range(n_rows)]
    loads = np.zeros(n_experts, dtype=int)
    pairs = [
        (-w, i, j) for i, row in enumerate(weights) for j, w in enumerate(row) if w
    ]
    for negative, i, j in sorted(pairs):
        negligible = chosen[i] and -negative < 1e-6 * weights[i, chosen[i][0]]
        if len(chosen[i]) < k and loads[j] < capacity and not negligible:
            chosen[i].append(j)
            loads[j] += 1
    routing = np.zeros_like(weights)
    for i, row in enumerate(weights):
        if not row.any():
            routing[i] = 1 / n_experts
        else:
            kept = chosen[i] or [row.argmax()]
            routing[i, kept] = row[kept] / row[kept].sum()
    return routing


some_weights = st.sampled_from([0.0, 1e-300, 1e-7, 0.25, 0.5, 1.0, 3.0, 4e5])


@given(
    weights=st.tuples(st.integers(1, 14), st.integers(1, 7)).flatmap(
        lambda shape: arrays(np.float64, shape, elements=some_weights)
    ),
    k=st.integers(1, 8),
    capacity=st.integers(1, 15),
)
def test_route_balanced_takes_pairs_by_weight_where_there_is_room(weights, k, capacity):
    routing = route_balanced(weights, k, capacity)
    expected = slow_balanced(weights, k, capacity)
    np.testing.assert_allclose(routing.toarray(), expected, rtol=1e-12)
    assert routing.has_canonical_format


@given(
    shape=st.tuples(st.integers(1, 60), st.integers(1, 9)),
    k=st.integers(1, 9),
    spare=st.integers(0, 3),
    seed=st.integers(0, 99),
)
def test_no_expert_is_overloaded_where_there_is_room_for_all(shape, k, spare, seed):
    n_rows, n_experts = shape
    k = min(k, n_experts)
    weights = np.random.default_rng(seed).dirichlet(np.ones(n_experts), n_rows) + 1e-3
    capacity = -(-n_rows * k // n_experts) + spare
    routing = route_balanced(weights, k, capacity)
    assert np.bincount(routing.indices, minlength=n_experts).max() <= capacity
    assert np.diff(routing.indptr).min() >= 1
    np.testing.assert_allclose(routing.sum(axis=1), 1.0)


@given(weights=weight_matrices, k=st.integers(1, 10), spare=st.integers(0, 2))
def test_route_balanced_without_a_limit_is_route_top_k(weights, k, spare):
    routing = route_balanced(weights, k, len(weights) + spare)
    plain = route_top_k(weights, k)
    for name in ("data", "indices", "indptr"):
        np.testing.assert_array_equal(getattr(routing, name), getattr(plain, name))


def test_overflow_goes_to_the_next_choice_and_nobody_is_dropped():
    weights = np.array([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.6, 0.0], [0.0, 0.0]])
    routing = route_balanced(weights, 1, 2).toarray()
    np.testing.assert_array_equal(routing, [[1, 0], [1, 0], [0, 1], [1, 0], [0.5, 0.5]])
