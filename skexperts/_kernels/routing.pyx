"""Selection of the k largest gate weights of every row."""

from libc.stdint cimport int32_t

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
