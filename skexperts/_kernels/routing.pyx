"""Selection of the k largest gate weights of every row, with and without limits."""

from libc.stdint cimport int32_t, uint8_t

ctypedef fused floating:
    float
    double


# A weight below this part of the largest of its row is none.
cdef double NEGLIGIBLE = 1e-6


def select_top_k(
    const floating[:, ::1] weights,  # IN, (n_rows, n_experts)
    Py_ssize_t k,
    floating[::1] data,              # OUT, (capacity,)
    int32_t[::1] indices,            # OUT, (capacity,)
    int32_t[::1] indptr,             # OUT, (n_rows + 1,)
):
    """Write the k largest weights of each row, normalised, as CSR."""
    cdef Py_ssize_t n_rows = weights.shape[0], n_experts = weights.shape[1]
    cdef Py_ssize_t i, j, p, q, start, stop = 0
    cdef floating weight, total, largest

    with nogil:
        indptr[0] = 0
        for i in range(n_rows):
            start = stop
            largest = 0
            for j in range(n_experts):
                weight = weights[i, j]
                if not weight > 0:
                    continue
                if k >= n_experts:
                    data[stop] = weight
                    indices[stop] = <int32_t> j
                    largest = weight if weight > largest else largest
                    stop += 1
                    continue
                if stop - start == k:
                    # Strict comparison: a tie for the last place keeps the lower id.
                    if not weight > data[stop - 1]:
                        continue
                    stop -= 1
                p = stop
                while p > start and weight > data[p - 1]:
                    data[p] = data[p - 1]
                    indices[p] = indices[p - 1]
                    p -= 1
                data[p] = weight
                indices[p] = <int32_t> j
                stop += 1
            if stop == start:
                for j in range(n_experts):
                    data[stop] = <floating> 1
                    indices[stop] = <int32_t> j
                    stop += 1
            elif k < n_experts:
                largest = data[start]
                _sort_by_index(&data[start], &indices[start], stop - start)
            p = start
            for q in range(start, stop):
                if data[q] >= NEGLIGIBLE * largest:
                    data[p] = data[q]
                    indices[p] = indices[q]
                    p += 1
            stop = p
            total = 0
            for p in range(start, stop):
                total += data[p]
            for p in range(start, stop):
                data[p] /= total
            indptr[i + 1] = <int32_t> stop


cdef inline void _sort_by_index(
    floating* data, int32_t* indices, Py_ssize_t length
) noexcept nogil:
    cdef Py_ssize_t p, q
    cdef int32_t index
    cdef floating value
    for p in range(1, length):
        index = indices[p]
        value = data[p]
        q = p
        while q > 0 and indices[q - 1] > index:
            indices[q] = indices[q - 1]
            data[q] = data[q - 1]
            q -= 1
        indices[q] = index
        data[q] = value


# What has become of a pair of row and expert.
cdef uint8_t HELD = 1
cdef uint8_t REFUSED = 2


def refuse_overflow(
    const double[:, ::1] weights,  # IN, (n_rows, n_experts)
    Py_ssize_t k,
    uint8_t[:, ::1] state,         # IN zeros, OUT, (n_rows, n_experts)
    int32_t[:, ::1] rows,          # scratch, (n_experts, capacity)
    double[:, ::1] ranks,          # scratch, (n_experts, capacity)
    int32_t[::1] loads,            # IN zeros, OUT, (n_experts,)
    int32_t[::1] stack,            # scratch, (n_rows,)
    uint8_t[::1] waits,            # IN zeros, scratch, (n_rows,)
):
    """Mark with 2 the pairs for which an expert has no room.

    A row applies to experts in the order of its weights. An expert that is full keeps
    the rows of largest weight, in a heap with the smallest on top; a row that is put
    out waits on the stack, and applies to its next expert.
    """
    cdef Py_ssize_t n_rows = weights.shape[0], n_experts = weights.shape[1]
    cdef Py_ssize_t capacity = rows.shape[1]
    cdef Py_ssize_t i, j, p, best, n_held, height
    cdef int32_t row, out
    cdef double weight, largest

    with nogil:
        for i in range(n_rows):
            stack[0] = <int32_t> i
            waits[i] = 1
            height = 1
            while height:
                row = stack[height - 1]
                best = -1
                n_held = 0
                weight = 0
                largest = 0
                for j in range(n_experts):
                    if state[row, j] == HELD:
                        n_held += 1
                        largest = max(largest, weights[row, j])
                    elif state[row, j] != REFUSED and weights[row, j] > weight:
                        weight = weights[row, j]
                        best = j
                if n_held == k or best < 0 or weight < NEGLIGIBLE * largest:
                    height -= 1
                    waits[row] = 0
                    continue
                if loads[best] < capacity:
                    state[row, best] = HELD
                    p = loads[best]
                    loads[best] += 1
                    _rise(&rows[best, 0], &ranks[best, 0], p, row, weight)
                    continue
                out = rows[best, 0]
                if not _is_worse(ranks[best, 0], out, weight, row):
                    state[row, best] = REFUSED
                    continue
                state[row, best] = HELD
                state[out, best] = REFUSED
                _sink(&rows[best, 0], &ranks[best, 0], capacity, row, weight)
                if not waits[out]:
                    waits[out] = 1
                    stack[height] = out
                    height += 1


cdef inline bint _is_worse(
    double weight, int32_t row, double other, int32_t other_row
) noexcept nogil:
    """Whether a row has less right to an expert than another row."""
    return weight < other or (weight == other and row > other_row)


cdef inline void _rise(
    int32_t* rows, double* ranks, Py_ssize_t p, int32_t row, double weight
) noexcept nogil:
    """Put a row into the heap, whose free place is p."""
    cdef Py_ssize_t parent
    while p > 0:
        parent = (p - 1) // 2
        if not _is_worse(weight, row, ranks[parent], rows[parent]):
            break
        rows[p] = rows[parent]
        ranks[p] = ranks[parent]
        p = parent
    rows[p] = row
    ranks[p] = weight


cdef inline void _sink(
    int32_t* rows, double* ranks, Py_ssize_t size, int32_t row, double weight
) noexcept nogil:
    """Replace the row on top of the heap."""
    cdef Py_ssize_t p = 0, child = 1
    while child < size:
        if child + 1 < size and _is_worse(
            ranks[child + 1], rows[child + 1], ranks[child], rows[child]
        ):
            child += 1
        if not _is_worse(ranks[child], rows[child], weight, row):
            break
        rows[p] = rows[child]
        ranks[p] = ranks[child]
        p = child
        child = 2 * p + 1
    rows[p] = row
    ranks[p] = weight
