"""Sparse codes of rows on a dictionary, from products and a Gram matrix.

With the products b = D x and the Gram matrix G = D D', the code of a row is

    min over z of  z'(G + l2 I) z / 2 - b'z + l1 |z|_1

by an active set: one Newton step on the atoms in use, up to the first that gets to
zero, then the atom of the largest correlation g = b - (G + l2 I) z enters. The Cholesky
factor of the atoms in use grows by a row with each. Where rounding breaks that, rows
are coded by coordinate descent.
"""

from libc.math cimport fabs, sqrt
from libc.stdint cimport int32_t
from libc.stdlib cimport free, malloc

cdef extern from *:
    """
    #include <stdint.h>
    #include <string.h>
    #define REAL float
    #define BITS int32_t
    #define SIGN INT32_MIN
    #define NAME(x) x##_float
    #include "coding_loops.h"
    #undef REAL
    #undef BITS
    #undef SIGN
    #undef NAME
    #define REAL double
    #define BITS int64_t
    #define SIGN INT64_MIN
    #define NAME(x) x##_double
    #include "coding_loops.h"
    """
    void correlate_float(int k, const float* b, const float* gram, int m,
                         const int* chosen, const double* z, float* g) nogil
    void correlate_double(int k, const double* b, const double* gram, int m,
                          const int* chosen, const double* z, double* g) nogil
    int find_largest_float(int k, const float* g, int positive) nogil
    int find_largest_double(int k, const double* g, int positive) nogil
    double sum_squares_float(int d, const float* x) nogil
    double sum_squares_double(int d, const double* x) nogil

ctypedef fused floating:
    float
    double

include "coding_active.pxi"


cdef inline void correlate(
    int k, const floating* b, const floating* gram, Active* A, floating* g
) noexcept nogil:
    if floating is float:
        correlate_float(k, b, gram, A.size, A.chosen, A.z, g)
    else:
        correlate_double(k, b, gram, A.size, A.chosen, A.z, g)


cdef inline int find_largest(int k, const floating* g, int positive) noexcept nogil:
    if floating is float:
        return find_largest_float(k, g, positive)
    else:
        return find_largest_double(k, g, positive)


cdef struct Report:
    double value       # the objective
    double residual    # |x - zD|^2 + l2 |z|^2
    double largest     # product of the row with an atom


cdef double gap_of(
    double norm2, double bz, double gz, double penalty, double largest, double l1,
    Report* report
) noexcept nogil:
    """Duality gap of z, for the largest correlation."""
    cdef double cross = norm2 - bz, residual = max(norm2 - bz - gz, 0.0)
    cdef double scale = l1 / largest if largest > l1 else 1.0
    if cross < scale * residual:
        scale = cross / residual if cross > 0 else 0.0
    report.residual = residual
    report.value = 0.5 * residual + l1 * penalty
    return report.value - scale * cross + 0.5 * scale * scale * residual


cdef int code_row(
    int k, const floating* b, double norm2, const floating* gram, double l1, double l2,
    int positive, double tol, int max_iter, Active* A, floating* g, Report* report
) noexcept nogil:
    """Fill the active set; returns whether the duality gap is at most tol * norm2."""
    cdef int a, j, step, enter
    cdef double largest, penalty, bz, gz, off, least = 0
    cdef double lowest = 0.5 * norm2
    # As exact as the type: what is left of an atom, or of a correlation, by rounding.
    cdef double rounding = 1e-6 if floating is float else 1e-14
    cdef double flat = 1e-5 if floating is float else 1e-10
    A.size = 0
    for step in range(max_iter + 1):
        correlate(k, b, gram, A, g)
        penalty = bz = gz = off = 0
        for a in range(A.size):
            j = A.chosen[a]
            g[j] -= <floating> (l2 * A.z[a])
            penalty += fabs(A.z[a])
            bz += b[j] * A.z[a]
            gz += g[j] * A.z[a]
            A.step[a] = g[j] - l1 * A.sign[a]
            off = max(off, fabs(A.step[a]))
        enter = find_largest(k, g, positive)
        largest = g[enter] if positive else fabs(g[enter])
        if step == 0:
            report.largest = max(largest, 0.0)
        if A.size == 0:
            least = max(least, rounding * largest)
        if gap_of(norm2, bz, gz, penalty, largest, l1, report) <= tol * norm2:
            return 1
        if not report.value <= lowest + rounding * norm2:
            # The factor is not that of the atoms, by rounding.
            return 0
        lowest = report.value
        if off <= 0.1 * (largest - l1) and A.size < A.capacity:
            for a in range(A.size):
                if A.chosen[a] == enter:
                    break
            else:
                A.chosen[A.size] = enter
                A.z[A.size] = 0
                A.sign[A.size] = 1.0 if g[enter] > 0 else -1.0
                A.step[A.size] = g[enter] - l1 * A.sign[A.size]
                off = max(off, fabs(A.step[A.size]))
                factor_row(A, A.size, gram, k, l2, flat)
                A.size += 1
        if off <= least:
            return 0
        solve(A)
        if walk(A, gram, k, l2, flat) == 0:
            return 0
    return 0


cdef void pursue_row(
    int k, const floating* b, double norm2, const floating* gram, int n_nonzero,
    int positive, double tol, Active* A, floating* g
) noexcept nogil:
    """Orthogonal matching pursuit for atoms of norm 1."""
    cdef int a, enter, _
    cdef double left, length = 1
    cdef double rounding = 1e-5 if floating is float else 1e-10
    A.size = 0
    for _ in range(4 * n_nonzero):
        correlate(k, b, gram, A, g)
        if length == 1:
            left = norm2
            for a in range(A.size):
                left -= A.z[a] * (b[A.chosen[a]] + g[A.chosen[a]])
            enter = find_largest(k, g, positive)
            if left <= tol * norm2 or (
                (g[enter] if positive else fabs(g[enter])) <= rounding * sqrt(norm2)
            ):
                return
            A.chosen[A.size], A.z[A.size], A.sign[A.size] = enter, 0, 1
            if factor_row(A, A.size, gram, k, 0.0, 0.0) <= rounding:
                return
            A.size += 1
        for a in range(A.size):
            A.step[a] = g[A.chosen[a]]
        solve(A)
        if positive:
            length = walk(A, gram, k, 0.0, 0.0)
        else:
            for a in range(A.size):
                A.z[a] += A.step[a]
        if length == 1 and A.size == n_nonzero:
            return


cdef int descend(
    int k, const floating* b, double norm2, const floating* gram, double l1, double l2,
    int positive, double tol, int max_iter, Active* A, floating* g, Report* report
) noexcept nogil:
    """Coordinate descent from zero over all atoms: slow, but it only goes down.

    Returns whether the duality gap is at most tol * norm2.
    """
    cdef int i, j, sweep
    cdef double own, old, new, largest, penalty, bz, gz
    cdef floating change
    cdef const floating* row
    A.size = k
    for j in range(k):
        A.chosen[j], A.z[j] = j, 0
    for sweep in range(max_iter + 1):
        if sweep % 50 == 0:
            # Afresh, so that rounding does not add up.
            correlate(k, b, gram, A, g)
            for j in range(k):
                g[j] -= <floating> (l2 * A.z[j])
        penalty = bz = gz = largest = 0
        for j in range(k):
            penalty += fabs(A.z[j])
            bz += b[j] * A.z[j]
            gz += g[j] * A.z[j]
            largest = max(largest, g[j] if positive else fabs(g[j]))
        if gap_of(norm2, bz, gz, penalty, largest, l1, report) <= tol * norm2:
            return 1
        if sweep == max_iter:
            return 0
        for j in range(k):
            row = gram + <size_t> j * k
            own, old = row[j] + l2, A.z[j]
            if own <= 0:
                continue
            new = old * own + g[j]
            if new > l1:
                new = (new - l1) / own
            elif new < -l1 and not positive:
                new = (new + l1) / own
            else:
                new = 0
            if new != old:
                A.z[j] = new
                change = <floating> (new - old)
                for i in range(k):
                    g[i] -= change * row[i]
                g[j] -= <floating> (l2 * change)
    return 0


cdef int write_row(
    Active* A, floating* values, int32_t* indices, int start
) noexcept nogil:
    """Append the code, ascending; returns where the next row begins."""
    cdef int a, place, m = start
    cdef int32_t atom
    cdef floating value
    for a in range(A.size):
        value, atom = <floating> A.z[a], A.chosen[a]
        if value == 0:
            continue
        m += 1
        place = m - 1
        while place > start and indices[place - 1] > atom:
            values[place], indices[place] = values[place - 1], indices[place - 1]
            place -= 1
        values[place], indices[place] = value, atom
    return m


def squared_norms(
    const floating[:, ::1] X,           # IN, (n_rows, n_features)
    double[::1] norms2,                 # OUT, (n_rows,)
):
    cdef int i, d = X.shape[1]
    with nogil:
        for i in range(X.shape[0]):
            if floating is float:
                norms2[i] = sum_squares_float(d, &X[i, 0])
            else:
                norms2[i] = sum_squares_double(d, &X[i, 0])


def code_lasso(
    const floating[:, ::1] products,    # IN, (n_rows, n_atoms)
    const double[::1] norms2,           # IN, (n_rows,), squared norms of the rows
    const floating[:, ::1] gram,        # IN, (n_atoms, n_atoms)
    double l1,
    double l2,
    bint positive,
    double tol,
    int max_iter,
    int capacity,                       # of the active set
    floating[::1] values,               # OUT, room for n_rows * n_atoms
    int32_t[::1] indices,               # OUT, the same
    int32_t[::1] indptr,                # OUT, (n_rows + 1,)
    double[::1] objectives,             # OUT, (n_rows,)
    double[::1] losses,                 # OUT, (n_rows,), objectives without l1 |z|_1
    double[::1] largest,                # OUT, (n_rows,), products, at least 0
):
    """Return how many rows missed the duality gap."""
    cdef Active A
    cdef Report report
    cdef int i, failed, missed = 0, k = gram.shape[0]
    cdef floating* g
    with nogil:
        failed = not reserve(&A, capacity, k)
        g = <floating*> malloc(k * sizeof(floating))
        if not (failed or g == NULL):
            indptr[0] = 0
            for i in range(products.shape[0]):
                if not code_row(k, &products[i, 0], norms2[i], &gram[0, 0], l1, l2,
                                positive, tol, max_iter, &A, g, &report):
                    missed += not descend(
                        k, &products[i, 0], norms2[i], &gram[0, 0], l1, l2, positive,
                        tol, max_iter, &A, g, &report
                    )
                objectives[i] = report.value
                losses[i] = 0.5 * report.residual
                largest[i] = report.largest
                indptr[i + 1] = write_row(&A, &values[0], &indices[0], indptr[i])
        release(&A)
        failed = failed or g == NULL
        free(g)
    if failed:
        raise MemoryError
    return missed


def code_pursuit(
    const floating[:, ::1] products,    # IN, (n_rows, n_atoms)
    const double[::1] norms2,           # IN, (n_rows,), squared norms of the rows
    const floating[:, ::1] gram,        # IN, (n_atoms, n_atoms), of atoms of norm 1
    int n_nonzero,
    bint positive,
    double tol,
    floating[::1] values,               # OUT, room for n_rows * n_nonzero
    int32_t[::1] indices,               # OUT, the same
    int32_t[::1] indptr,                # OUT, (n_rows + 1,)
):
    cdef Active A
    cdef int i, failed, k = gram.shape[0]
    cdef floating* g
    with nogil:
        failed = not reserve(&A, n_nonzero, k)
        g = <floating*> malloc(k * sizeof(floating))
        if not (failed or g == NULL):
            indptr[0] = 0
            for i in range(products.shape[0]):
                pursue_row(k, &products[i, 0], norms2[i], &gram[0, 0], n_nonzero,
                           positive, tol, &A, g)
                indptr[i + 1] = write_row(&A, &values[0], &indices[0], indptr[i])
        release(&A)
        failed = failed or g == NULL
        free(g)
    if failed:
        raise MemoryError
