"""Linear functions of routed pairs of row and expert, by stacked coefficients."""

from libc.stdint cimport int32_t, int64_t, uint8_t

ctypedef fused floating:
    float
    double


cdef inline void add_feature(
    double x, int64_t start, int64_t stop, const int32_t* outputs,
    const double* coef, double* out
) noexcept nogil:
    cdef int64_t t
    for t in range(start, stop):
        out[outputs[t]] += x * coef[t]


cdef inline void fill_absent(
    Py_ssize_t n_outputs, const uint8_t* absent, double* out
) noexcept nogil:
    """Give absent outputs -1, or the lowest of the others if that is lower."""
    cdef Py_ssize_t c
    cdef double least = -1
    for c in range(n_outputs):
        if not absent[c] and out[c] < least:
            least = out[c]
    for c in range(n_outputs):
        if absent[c]:
            out[c] = least


def dense_pairs(
    const floating[:, ::1] X,        # IN, (n_rows, n_features)
    const int64_t[::1] rows,         # IN, (n_pairs,), row of each pair
    const int64_t[::1] pairs,        # IN, (n_pairs,), where its output goes
    const int64_t[::1] bounds,       # IN, (n_experts + 1,), pairs of each expert
    const int64_t[::1] indptr,       # IN, (n_experts * n_features + 1,), of coef
    const int32_t[::1] indices,      # IN, (n_coef,), output of each coefficient
    const double[::1] coef,          # IN, (n_coef,)
    const double[:, ::1] intercept,  # IN, (n_experts, n_outputs)
    const uint8_t[:, ::1] absent,    # IN, (n_experts, n_outputs)
    const uint8_t[::1] some_absent,  # IN, (n_experts,)
    double[:, ::1] values,           # OUT, (n_pairs, n_outputs)
):
    cdef Py_ssize_t n_features = X.shape[1], n_outputs = values.shape[1]
    cdef Py_ssize_t e, p, j, c
    cdef int64_t first
    cdef const floating* x
    cdef double* out
    with nogil:
        for e in range(intercept.shape[0]):
            first = e * n_features
            for p in range(bounds[e], bounds[e + 1]):
                x = &X[rows[p], 0]
                out = &values[pairs[p], 0]
                for c in range(n_outputs):
                    out[c] = intercept[e, c]
                for j in range(n_features):
                    if x[j] != 0:
                        add_feature(x[j], indptr[first + j], indptr[first + j + 1],
                                    &indices[0], &coef[0], out)
                if some_absent[e]:
                    fill_absent(n_outputs, &absent[e, 0], out)


def sparse_pairs(
    const floating[::1] data,        # IN, of X as CSR
    const int32_t[::1] columns,      # IN
    const int32_t[::1] row_bounds,   # IN, (n_rows + 1,)
    Py_ssize_t n_features,
    const int64_t[::1] rows,         # IN, and so on: as in dense_pairs
    const int64_t[::1] pairs,
    const int64_t[::1] bounds,
    const int64_t[::1] indptr,
    const int32_t[::1] indices,
    const double[::1] coef,
    const double[:, ::1] intercept,
    const uint8_t[:, ::1] absent,
    const uint8_t[::1] some_absent,
    double[:, ::1] values,
):
    cdef Py_ssize_t n_outputs = values.shape[1]
    cdef Py_ssize_t e, p, q, c
    cdef int64_t first
    cdef double* out
    with nogil:
        for e in range(intercept.shape[0]):
            first = e * n_features
            for p in range(bounds[e], bounds[e + 1]):
                out = &values[pairs[p], 0]
                for c in range(n_outputs):
                    out[c] = intercept[e, c]
                for q in range(row_bounds[rows[p]], row_bounds[rows[p] + 1]):
                    add_feature(data[q], indptr[first + columns[q]],
                                indptr[first + columns[q] + 1], &indices[0], &coef[0],
                                out)
                if some_absent[e]:
                    fill_absent(n_outputs, &absent[e, 0], out)
