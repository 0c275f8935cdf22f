"""Contraction of a CSR routing with the outputs of the routed pairs."""

from libc.stdint cimport int32_t

ctypedef fused floating:
    float
    double


def contract_pairs(
    const int32_t[::1] indptr,        # IN, (n_rows + 1,)
    const floating[::1] weights,      # IN, (n_pairs,)
    const floating[:, ::1] outputs,   # IN, (n_pairs, n_outputs)
    floating[:, ::1] combined,        # OUT, (n_rows, n_outputs)
):
    """Write combined[i] = sum of weights[p] * outputs[p] over the pairs p of row i."""
    cdef Py_ssize_t n_rows = combined.shape[0], n_outputs = combined.shape[1]
    cdef Py_ssize_t i, p, c
    cdef floating weight

    with nogil:
        for i in range(n_rows):
            for c in range(n_outputs):
                combined[i, c] = 0
            for p in range(indptr[i], indptr[i + 1]):
                weight = weights[p]
                for c in range(n_outputs):
                    combined[i, c] += weight * outputs[p, c]
