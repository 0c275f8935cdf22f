"""Routing: which experts serve a row, and with which weights.

A routing is a CSR array of shape (n_rows, n_experts) with positive entries, column
indices in ascending order and rows that sum to 1. Boundary conventions:

- a tie for the last of the k places goes to the lowest expert id;
- fewer than k positive weights give fewer than k entries, and a weight below a
  millionth of the largest of its row counts as none;
- a row without any positive weight goes to all experts in equal parts.

A limit on the rows of an expert is for training only: with it, the routing of a row
depends on the others.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array, csr_array

from skexperts._kernels.routing import refuse_overflow, select_top_k

# Weights of this many pairs are made at a time, few enough for the cache. It is a
# constant, so that results never depend on the machine or on the number of jobs.
_BLOCK_PAIRS = 1 << 17


def route_top_k(weights: NDArray, k: int) -> csr_array:
    """Keep the k largest weights of every row and normalise them to sum to 1.

    Parameters
    ----------
    weights : ndarray of shape (n_rows, n_experts), non-negative
    k : int, at least 1; larger than n_experts means n_experts

    Returns
    -------
    routing : csr_array of shape (n_rows, n_experts), float64
    """
    weights = np.ascontiguousarray(weights, dtype=np.float64)
    n_rows, n_experts = weights.shape
    k = min(k, n_experts)
    unclaimed = n_rows - np.count_nonzero((weights > 0).any(axis=1))
    capacity = n_rows * k + int(unclaimed) * n_experts
    data = np.empty(capacity, dtype=weights.dtype)
    indices = np.empty(capacity, dtype=np.int32)
    indptr = np.empty(n_rows + 1, dtype=np.int32)
    select_top_k(weights, k, data, indices, indptr)
    n_pairs = indptr[-1]
    return csr_array(
        (data[:n_pairs], indices[:n_pairs], indptr), shape=(n_rows, n_experts)
    )


def route_balanced(weights: NDArray, k: int, capacity: int) -> csr_array:
    """Route like :func:`route_top_k`, but at most ``capacity`` rows to an expert.

    All pairs of row and expert are taken in the order of descending weight, ties by row
    and then by expert. A pair is routed if its row has fewer than k experts so far and
    its expert fewer than ``capacity`` rows. So a row that finds an expert full goes on
    to its next choice. A row that finds no room anywhere keeps its first choice, and a
    row without any positive weight goes to all experts; these rows are not counted. If
    all weights are positive and the experts have room for k of each row, no row is left
    without room. A weight below a millionth of the largest that has found room is none.

    Parameters
    ----------
    weights : ndarray of shape (n_rows, n_experts), non-negative
    k : int, at least 1; larger than n_experts means n_experts
    capacity : int, at least 1; no limit from n_rows on

    Returns
    -------
    routing : csr_array of shape (n_rows, n_experts), float64

    Notes
    -----
    The rule has exactly one result, the stable matching of rows and experts that both
    prefer larger weights. It is found by deferred acceptance, from the k largest
    weights of each row and as many more as are refused, without sorting all pairs. A
    limit on the rows of an expert, with overflow, is from Shazeer et al. (2017) and
    Fedus et al. (2022), who drop what overflows.

    References
    ----------
    N. Shazeer et al. (2017). Outrageously large neural networks: the sparsely-gated
    mixture-of-experts layer. ICLR.

    W. Fedus, B. Zoph, N. Shazeer (2022). Switch transformers: scaling to trillion
    parameter models with simple and efficient sparsity. JMLR 23(120).
    """
    n_rows, n_experts = weights.shape
    if capacity >= n_rows:
        return route_top_k(weights, k)
    weights = np.ascontiguousarray(weights, dtype=np.float64)
    state = np.zeros((n_rows, n_experts), dtype=np.uint8)
    refuse_overflow(
        weights,
        min(k, n_experts),
        state,
        np.empty((n_experts, capacity), dtype=np.int32),
        np.empty((n_experts, capacity)),
        np.zeros(n_experts, dtype=np.int32),
        np.empty(n_rows, dtype=np.int32),
        np.zeros(n_rows, dtype=np.uint8),
    )
    allowed = np.where(state == 2, 0.0, weights)
    stranded = np.flatnonzero((state == 2).any(axis=1) & ~allowed.any(axis=1))
    first = weights[stranded].argmax(axis=1)
    allowed[stranded, first] = weights[stranded, first]
    return route_top_k(allowed, k)


def stack_routings(blocks: list, n_experts: int) -> csr_array:
    """Stack routings of consecutive rows; the list is empty then.

    Parameters
    ----------
    blocks : list of csr_array of shape (n_rows_of_block, n_experts)
    n_experts : int

    Returns
    -------
    routing : csr_array of shape (n_rows, n_experts)
    """
    if len(blocks) == 1:
        return blocks.pop()
    n_rows, n_pairs = _bounds(blocks)
    data, indices = _empty_pairs(n_pairs[-1])
    indptr = np.zeros(n_rows[-1] + 1, dtype=indices.dtype)
    while blocks:
        # From the end, each one freed at once: never everything twice in memory.
        block, i = blocks.pop(), len(blocks)
        data[n_pairs[i] : n_pairs[i + 1]] = block.data
        indices[n_pairs[i] : n_pairs[i + 1]] = block.indices
        indptr[n_rows[i] + 1 : n_rows[i + 1] + 1] = block.indptr[1:] + n_pairs[i]
    return csr_array((data, indices, indptr), shape=(n_rows[-1], n_experts))


def stack_by_expert(blocks: list, n_experts: int) -> csc_array:
    """Stack as :func:`stack_routings`, expert by expert.

    Parameters
    ----------
    blocks : list of csr_array of shape (n_rows_of_block, n_experts)
    n_experts : int

    Returns
    -------
    routing : csc_array of shape (n_rows, n_experts)
    """
    n_rows, n_pairs = _bounds(blocks)
    data, indices = _empty_pairs(n_pairs[-1])
    counts = np.zeros(n_experts, dtype=np.int64)
    for block in blocks:
        counts += np.bincount(block.indices, minlength=n_experts)
    bounds = np.concatenate(([0], np.cumsum(counts)))
    free = bounds[1:].copy()
    while blocks:
        block = blocks.pop().tocsc()
        free -= np.diff(block.indptr)
        shift = np.repeat(free - block.indptr[:-1], np.diff(block.indptr))
        places = shift + np.arange(block.nnz)
        data[places] = block.data
        indices[places] = block.indices + n_rows[len(blocks)]
    indptr = bounds.astype(indices.dtype)
    return csc_array((data, indices, indptr), shape=(n_rows[-1], n_experts))


def _bounds(blocks: list) -> tuple[NDArray, NDArray]:
    """Return the first row and the first pair of each block, and their numbers."""
    sizes = np.array([(block.shape[0], block.nnz) for block in blocks])
    n_rows, n_pairs = np.vstack(([[0, 0]], np.cumsum(sizes, axis=0))).T
    return n_rows, n_pairs


def _empty_pairs(n_pairs: int) -> tuple[NDArray, NDArray]:
    index = np.int32 if n_pairs <= np.iinfo(np.int32).max else np.int64
    return np.empty(n_pairs), np.empty(n_pairs, dtype=index)


def pairs_by_expert(routing: csr_array) -> tuple[NDArray, NDArray, NDArray]:
    """Sort the routed pairs by expert.

    Returns
    -------
    rows : ndarray of shape (n_pairs,)
        Row of each pair, expert by expert, ascending within an expert.
    pairs : ndarray of shape (n_pairs,)
        Position of the same pair in ``routing.data``.
    bounds : ndarray of shape (n_experts + 1,)
        Expert j owns the slice ``bounds[j]:bounds[j + 1]`` of both.
    """
    pairs = np.argsort(routing.indices, kind="stable")
    rows = rows_of_pairs(routing)[pairs]
    counts = np.bincount(routing.indices, minlength=routing.shape[1])
    return rows, pairs, np.concatenate(([0], np.cumsum(counts)))


def rows_of_pairs(routing: csr_array) -> NDArray:
    """Row of each routed pair, in the order of ``routing.data``."""
    return np.repeat(np.arange(routing.shape[0]), np.diff(routing.indptr))


def row_blocks(
    n_rows: int, n_columns: int, n_pairs: int = _BLOCK_PAIRS
) -> Iterator[slice]:
    """Slices of rows whose (rows, n_columns) weights fit in a bounded memory."""
    size = max(1, n_pairs // max(1, n_columns))
    for start in range(0, n_rows, size):
        yield slice(start, min(start + size, n_rows))


def merge_small_cells(
    affinity: NDArray,
    cells: NDArray,
    min_size: int,
    *,
    unclaimed_count: bool = False,
    keep_one: bool = True,
) -> tuple[NDArray, NDArray]:
    """Give up cells with fewer than ``min_size`` rows, the smallest first.

    The rows of a cell that is given up go to the next cell by affinity that is still
    there.

    Parameters
    ----------
    affinity : ndarray of shape (n_rows, n_cells), larger is closer
        Or anything that gives such an array for the rows it is indexed with.
    cells : ndarray of shape (n_rows,)
        The cell of each row, as given by :func:`nearest_cell`.
    min_size : int
    unclaimed_count : bool
        Whether a row that no cell claims counts for every cell, or for none.
    keep_one : bool
        Whether one cell stays in any case.

    Returns
    -------
    live : ndarray of shape (n_live,)
        Ids of the cells that stay, ascending.
    positions : ndarray of shape (n_rows,)
        The position in ``live`` of the cell of each row, -1 if no live cell claims it.
    """
    cells = cells.copy()
    counts = _count(cells, affinity.shape[1], unclaimed_count)
    live = np.arange(affinity.shape[1])
    while len(live) > keep_one:
        smallest = live[np.argmin(counts[live])]
        if counts[smallest] >= min_size:
            break
        live = live[live != smallest]
        moved = np.flatnonzero(cells == smallest)
        if not len(live):
            cells[moved] = -1
            break
        nearest = nearest_cell(affinity[moved][:, live])
        cells[moved] = np.where(nearest >= 0, live[nearest], -1)
        counts = _count(cells, affinity.shape[1], unclaimed_count)
    # Cell -1 of rows that no cell claims is the last entry.
    positions = np.full(affinity.shape[1] + 1, -1, dtype=np.int32)
    positions[live] = np.arange(len(live))
    return live, positions[cells]


def _count(cells: NDArray, n_cells: int, unclaimed_count: bool) -> NDArray:
    claimed = cells[cells >= 0]
    unclaimed = len(cells) - len(claimed) if unclaimed_count else 0
    return np.bincount(claimed, minlength=n_cells) + unclaimed


def nearest_cell(affinity: NDArray) -> NDArray:
    """Cell of largest affinity, ties to the lowest id, -1 where no cell claims."""
    if affinity.shape[0] == 0:
        return np.empty(0, dtype=np.int32)
    cells = affinity.argmax(axis=1).astype(np.int32)
    claimed = np.take_along_axis(affinity, cells[:, None], axis=1)[:, 0] > -np.inf
    return np.where(claimed, cells, -1)
