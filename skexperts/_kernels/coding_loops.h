/* The loops over all atoms, compiled for several instruction sets where the compiler
 * can do that. Included once for each float type, with REAL, BITS (the integer of its
 * size) and NAME(x) defined. */

#include "clones.h"

#define SKEXPERTS_CHUNK 64

/* g = b - sum_a z[a] * (row chosen[a] of the Gram matrix) */
SKEXPERTS_CLONES
static void NAME(correlate)(
    int k, const REAL *b, const REAL *gram, int m, const int *chosen, const double *z,
    REAL *g)
{
    int a = 0, j;
    const REAL *from = b;
    for (; a + 4 <= m; a += 4) {
        const REAL *r0 = gram + (size_t)chosen[a] * k;
        const REAL *r1 = gram + (size_t)chosen[a + 1] * k;
        const REAL *r2 = gram + (size_t)chosen[a + 2] * k;
        const REAL *r3 = gram + (size_t)chosen[a + 3] * k;
        const REAL z0 = (REAL)z[a], z1 = (REAL)z[a + 1];
        const REAL z2 = (REAL)z[a + 2], z3 = (REAL)z[a + 3];
        for (j = 0; j < k; j++)
            g[j] = from[j] - (z0 * r0[j] + z1 * r1[j]) - (z2 * r2[j] + z3 * r3[j]);
        from = g;
    }
    for (; a < m; a++) {
        const REAL *r0 = gram + (size_t)chosen[a] * k;
        const REAL z0 = (REAL)z[a];
        for (j = 0; j < k; j++)
            g[j] = from[j] - z0 * r0[j];
        from = g;
    }
    if (m == 0)
        memcpy(g, b, k * sizeof(REAL));
}

/* The first of the largest values, of the largest absolute values unless positive.
 * Floats of one sign are ordered as the integers of the same bits. */
SKEXPERTS_CLONES
static int NAME(find_largest)(int k, const REAL *g, int positive)
{
    const BITS *bits = (const BITS *)g;
    const BITS mask = positive ? (BITS)-1 : (BITS)(((BITS)-1) & ~SIGN);
    BITS largest = SIGN, chunk_largest;
    int first = 0, start, stop, j;
    for (start = 0; start < k; start += SKEXPERTS_CHUNK) {
        stop = start + SKEXPERTS_CHUNK < k ? start + SKEXPERTS_CHUNK : k;
        chunk_largest = SIGN;
        for (j = start; j < stop; j++) {
            BITS value = bits[j] & mask;
            chunk_largest = value > chunk_largest ? value : chunk_largest;
        }
        if (chunk_largest > largest) {
            largest = chunk_largest;
            first = start;
        }
    }
    for (j = first; j < k; j++)
        if ((bits[j] & mask) == largest)
            return j;
    return 0;
}

/* The sum of squares, in double. */
SKEXPERTS_CLONES
static double NAME(sum_squares)(int d, const REAL *x)
{
    double total = 0;
    int j;
    for (j = 0; j < d; j++)
        total += (double)x[j] * (double)x[j];
    return total;
}
