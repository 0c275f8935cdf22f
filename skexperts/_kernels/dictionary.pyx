"""Sums over codes, and block coordinate descent on the atoms of a dictionary."""

from libc.math cimport sqrt
from libc.stdint cimport int32_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy
from scipy.linalg.cython_blas cimport dgemm, sgemm

cdef extern from *:
    """
    #define REAL float
    #define NAME(x) x##_float
    #include "dictionary_loops.h"
    #undef REAL
    #undef NAME
    #define REAL double
    #define NAME(x) x##_double
    #include "dictionary_loops.h"
    """
    void add_scaled_float(int d, float weight, const float* x, float* y) nogil
    void add_scaled_double(int d, double weight, const double* x, double* y) nogil

ctypedef fused floating:
    float
    double

cdef enum:
    BLOCK = 16


cdef inline void add_scaled(
    int d, floating weight, const floating* x, floating* y
) noexcept nogil:
    if floating is float:
        add_scaled_float(d, weight, x, y)
    else:
        add_scaled_double(d, weight, x, y)


cdef void subtract_product(
    int m, int k, int d, floating* a, floating* x, floating* r
) noexcept nogil:
    """r -= a x, with a of shape (m, k), x of shape (k, d), in C order."""
    cdef char plain = b"N"
    cdef floating minus = -1, one = 1
    if floating is float:
        sgemm(&plain, &plain, &d, &m, &k, &minus, x, &d, a, &k, &one, r, &d)
    else:
        dgemm(&plain, &plain, &d, &m, &k, &minus, x, &d, a, &k, &one, r, &d)


cdef void update_block(
    int first, int m, int k, int d, floating* A, floating* D, floating* R
) noexcept nogil:
    """Update atoms in turn; R holds B - A D for them and is kept up to date."""
    cdef int a, c, j
    cdef double norm2, own, shrink
    cdef floating weight
    cdef floating* atom
    cdef floating* change
    for a in range(m):
        own = A[<size_t> (first + a) * k + first + a]
        if own <= 0:
            continue
        atom = D + <size_t> (first + a) * d
        change = R + <size_t> a * d
        norm2 = 0
        for j in range(d):
            change[j] = <floating> (atom[j] + change[j] / own)
            norm2 += <double> change[j] * change[j]
        shrink = 1 / sqrt(norm2) if norm2 > 1 else 1.0
        for j in range(d):
            change[j] = <floating> (change[j] * shrink) - atom[j]
            atom[j] += change[j]
        for c in range(a + 1, m):
            weight = A[<size_t> (first + c) * k + first + a]
            if weight != 0:
                add_scaled(d, -weight, change, R + <size_t> c * d)


def add_products(
    const floating[::1] values,     # IN, of the codes z, CSR
    const int32_t[::1] indices,     # IN
    const int32_t[::1] indptr,      # IN, (n_rows + 1,)
    const double[::1] weights,      # IN, (n_rows,), or None
    const floating[:, ::1] X,       # IN, (n_rows, n_features)
    floating[:, ::1] total,         # IN and OUT, (n_atoms, n_features)
):
    """Add the weighted sum of z'x over rows x."""
    cdef int i, a, d = total.shape[1]
    cdef bint weighted = weights is not None
    cdef floating z
    with nogil:
        for i in range(X.shape[0]):
            for a in range(indptr[i], indptr[i + 1]):
                z = values[a]
                if weighted:
                    z = <floating> (z * weights[i])
                add_scaled(d, z, &X[i, 0], &total[indices[a], 0])


def add_sparse_products(
    const floating[::1] values,     # IN, of the codes z, CSR
    const int32_t[::1] indices,     # IN
    const int32_t[::1] indptr,      # IN, (n_rows + 1,)
    const double[::1] weights,      # IN, (n_rows,), or None
    const floating[::1] x_values,   # IN, of the rows x, CSR
    const int32_t[::1] x_indices,   # IN
    const int32_t[::1] x_indptr,    # IN, (n_rows + 1,)
    floating[:, ::1] total,         # IN and OUT, (n_atoms, n_features)
):
    """Add the weighted sum of z'x over rows x."""
    cdef int i, a, c
    cdef bint weighted = weights is not None
    cdef floating z
    cdef floating* to
    with nogil:
        for i in range(indptr.shape[0] - 1):
            for a in range(indptr[i], indptr[i + 1]):
                z = values[a]
                if weighted:
                    z = <floating> (z * weights[i])
                to = &total[indices[a], 0]
                for c in range(x_indptr[i], x_indptr[i + 1]):
                    to[x_indices[c]] += z * x_values[c]


def update_atoms(
    floating[:, ::1] A,    # IN, (n_atoms, n_atoms), sum of z'z over the codes z
    floating[:, ::1] B,    # IN, (n_atoms, n_features), sum of z'x
    floating[:, ::1] D,    # IN and OUT, (n_atoms, n_features)
):
    """One round of exact updates, each atom within the unit ball."""
    cdef int first, m, k = D.shape[0], d = D.shape[1]
    cdef floating* R
    with nogil:
        R = <floating*> malloc(<size_t> BLOCK * d * sizeof(floating))
        if R != NULL:
            for first in range(0, k, 16):
                m = min(<int> BLOCK, k - first)
                memcpy(R, &B[first, 0], <size_t> m * d * sizeof(floating))
                subtract_product(m, k, d, &A[first, 0], &D[0, 0], R)
                update_block(first, m, k, d, &A[0, 0], &D[0, 0], R)
        free(R)
    if R == NULL:
        raise MemoryError
