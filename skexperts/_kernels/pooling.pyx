"""Patches of images, and their codes pooled over the cells of a grid.

An image is a row of pixels, channel by channel of a pixel; a patch is ``n_runs`` runs
of ``length`` entries, ``stride`` apart. Pools have the sums, or largest values, of the
positive parts of codes, and then those of the negative parts.
"""

from libc.math cimport fabs
from libc.stdint cimport int32_t
from libc.stdlib cimport free, malloc
from scipy.linalg.cython_blas cimport dgemm, sgemm

cdef extern from *:
    """
    #include <math.h>
    #define REAL float
    #define NAME(x) x##_float
    #include "pooling_loops.h"
    #undef REAL
    #undef NAME
    #define REAL double
    #define NAME(x) x##_double
    #include "pooling_loops.h"
    """
    void copy_patch_float(int n_runs, int length, int stride, const float* x,
                          double eps, float* patch) nogil
    void copy_patch_double(int n_runs, int length, int stride, const double* x,
                           double eps, double* patch) nogil
    void add_excess_float(int m, int k, const float* b, float alpha, float* up,
                          float* down) nogil
    void add_excess_double(int m, int k, const double* b, double alpha, double* up,
                           double* down) nogil
    void keep_excess_float(int m, int k, const float* b, float alpha, float* up,
                           float* down) nogil
    void keep_excess_double(int m, int k, const double* b, double alpha, double* up,
                            double* down) nogil

ctypedef fused floating:
    float
    double

cdef enum:
    # Patches of one matrix product.
    BLOCK = 256


cdef inline void copy_patch(
    int n_runs, int length, int stride, const floating* x, double eps, floating* patch
) noexcept nogil:
    if floating is float:
        copy_patch_float(n_runs, length, stride, x, eps, patch)
    else:
        copy_patch_double(n_runs, length, stride, x, eps, patch)


cdef inline void pool_excess(
    int m, int k, const floating* b, floating alpha, bint largest, floating* up,
    floating* down
) noexcept nogil:
    if floating is float:
        if largest:
            keep_excess_float(m, k, b, alpha, up, down)
        else:
            add_excess_float(m, k, b, alpha, up, down)
    else:
        if largest:
            keep_excess_double(m, k, b, alpha, up, down)
        else:
            add_excess_double(m, k, b, alpha, up, down)


cdef inline void multiply(
    int m, int k, int d, floating* x, floating* a, floating* product
) noexcept nogil:
    """product = x a, with x of shape (m, d), a of shape (d, k), in C order."""
    cdef char plain = b"N"
    cdef floating zero = 0, one = 1
    if floating is float:
        sgemm(&plain, &plain, &k, &m, &d, &one, a, &k, x, &d, &zero, product, &k)
    else:
        dgemm(&plain, &plain, &k, &m, &d, &one, a, &k, x, &d, &zero, product, &k)


def copy_patches(
    const floating[::1] pixels,         # IN
    const Py_ssize_t[::1] starts,       # IN, (n_patches,), the first entry of each
    int n_runs,
    int length,
    int stride,
    double eps,                         # negative: patches as they are
    floating[:, ::1] patches,           # OUT, (n_patches, n_runs * length)
):
    cdef Py_ssize_t i
    with nogil:
        for i in range(starts.shape[0]):
            copy_patch(n_runs, length, stride, &pixels[starts[i]], eps, &patches[i, 0])


def pool_thresholds(
    const floating[:, ::1] images,      # IN, (n_images, n_pixels)
    const Py_ssize_t[::1] starts,       # IN, (n_patches,), of the patches of an image
    const int32_t[::1] cells,           # IN, (n_patches,)
    int n_runs,
    int length,
    int stride,
    double eps,
    const floating[:, ::1] filters,     # IN, (n_runs * length, n_atoms)
    double alpha,
    bint largest,
    floating[:, :, :, ::1] pools,       # INOUT, (n_images, n_cells, 2, n_atoms)
):
    """Pool the soft thresholds of the products of patches and filters."""
    cdef Py_ssize_t i
    cdef int a, b, first, m, failed, n = starts.shape[0]
    cdef int d = filters.shape[0], k = filters.shape[1]
    cdef floating* patches
    cdef floating* products
    with nogil:
        patches = <floating*> malloc(<size_t> BLOCK * d * sizeof(floating))
        products = <floating*> malloc(<size_t> BLOCK * k * sizeof(floating))
        failed = patches == NULL or products == NULL
        if not failed:
            for i in range(images.shape[0]):
                first = 0
                while first < n:
                    m = min(<int> BLOCK, n - first)
                    for a in range(m):
                        copy_patch(n_runs, length, stride,
                                   &images[i, 0] + starts[first + a], eps,
                                   patches + <size_t> a * d)
                    multiply(m, k, d, patches, <floating*> &filters[0, 0],
                             products)
                    a = 0
                    while a < m:
                        b = a + 1
                        while b < m and cells[first + b] == cells[first + a]:
                            b += 1
                        pool_excess(b - a, k, products + <size_t> a * k,
                                    <floating> alpha, largest,
                                    &pools[i, cells[first + a], 0, 0],
                                    &pools[i, cells[first + a], 1, 0])
                        a = b
                    first += m
        free(patches)
        free(products)
    if failed:
        raise MemoryError


def pool_codes(
    const floating[::1] values,         # IN, codes of patches as CSR
    const int32_t[::1] atoms,           # IN
    const int32_t[::1] bounds,          # IN, (n_patches + 1,)
    const int32_t[::1] cells,           # IN, (n_patches,)
    bint largest,
    floating[:, :, ::1] pools,          # INOUT, (n_cells, 2, n_atoms)
):
    """Pool codes of patches."""
    cdef Py_ssize_t i, j
    cdef floating value
    cdef floating* pool
    with nogil:
        for i in range(cells.shape[0]):
            for j in range(bounds[i], bounds[i + 1]):
                value = values[j]
                pool = &pools[cells[i], value < 0, atoms[j]]
                value = <floating> fabs(value)
                if not largest:
                    pool[0] += value
                elif value > pool[0]:
                    pool[0] = value
