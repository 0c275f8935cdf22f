"""How a loss of codes changes with the products of a row and its atoms."""

from libc.math cimport sqrt
from libc.stdint cimport int32_t
from libc.stdlib cimport free, malloc

ctypedef fused floating:
    float
    double

include "coding_active.pxi"


def solve_on_supports(
    const int32_t[::1] indices,     # IN, of the codes, CSR
    const int32_t[::1] indptr,      # IN, (n_rows + 1,)
    const floating[:, ::1] gram,    # IN, (n_atoms, n_atoms)
    double l2,
    floating[::1] values,           # IN and OUT, one for each entry of the codes
):
    """Replace the values of each row by (G_S + l2 I)^-1 times them."""
    cdef Active A
    cdef int i, a, first, k = gram.shape[0], widest = 1
    cdef bint failed
    # What is left at least of an atom that depends on others, as in coding.
    cdef double flat = 1e-5 if floating is float else 1e-10
    with nogil:
        for i in range(indptr.shape[0] - 1):
            widest = max(widest, indptr[i + 1] - indptr[i])
        failed = not reserve(&A, widest, k)
        if not failed:
            for i in range(indptr.shape[0] - 1):
                first = indptr[i]
                A.size = indptr[i + 1] - first
                for a in range(A.size):
                    A.chosen[a] = indices[first + a]
                    A.step[a] = values[first + a]
                    factor_row(&A, a, &gram[0, 0], k, l2, flat)
                solve(&A)
                for a in range(A.size):
                    values[first + a] = <floating> A.step[a]
        release(&A)
    if failed:
        raise MemoryError
