/* The loops over the entries of a patch, and over all atoms. Included once for each
 * float type, with REAL and NAME(x) defined. */

#include "clones.h"

/* The patch that begins at x: n_runs runs of pixels, stride apart. With eps >= 0 less
 * its mean, over its deviation; patches of equal entries are exactly zero. */
SKEXPERTS_CLONES
static void NAME(copy_patch)(
    int n_runs, int length, int stride, const REAL *x, double eps, REAL *restrict patch)
{
    const int d = n_runs * length;
    const REAL first = eps < 0 ? 0 : x[0];
    double total = 0, squares = 0;
    REAL mean, scale;
    int r, j;
    for (r = 0; r < n_runs; r++)
        for (j = 0; j < length; j++)
            patch[r * length + j] = x[(size_t)r * stride + j] - first;
    if (eps < 0)
        return;
    for (j = 0; j < d; j++)
        total += (double)patch[j];
    mean = (REAL)(total / d);
    for (j = 0; j < d; j++) {
        patch[j] -= mean;
        squares += (double)patch[j] * (double)patch[j];
    }
    scale = squares > 0 ? (REAL)(1 / sqrt(squares / d + eps)) : 0;
    for (j = 0; j < d; j++)
        patch[j] *= scale;
}

/* Add what exceeds the threshold in m rows of products, above it to up, and below the
 * negative threshold to down. */
SKEXPERTS_CLONES
static void NAME(add_excess)(
    int m, int k, const REAL *b, REAL alpha, REAL *restrict up, REAL *restrict down)
{
    int i = 0, j;
    for (; i + 4 <= m; i += 4, b += 4 * (size_t)k)
        for (j = 0; j < k; j++) {
            const REAL b0 = b[j], b1 = b[j + k], b2 = b[j + 2 * k], b3 = b[j + 3 * k];
            const REAL u0 = b0 > alpha ? b0 - alpha : 0;
            const REAL u1 = b1 > alpha ? b1 - alpha : 0;
            const REAL u2 = b2 > alpha ? b2 - alpha : 0;
            const REAL u3 = b3 > alpha ? b3 - alpha : 0;
            const REAL d0 = b0 < -alpha ? -b0 - alpha : 0;
            const REAL d1 = b1 < -alpha ? -b1 - alpha : 0;
            const REAL d2 = b2 < -alpha ? -b2 - alpha : 0;
            const REAL d3 = b3 < -alpha ? -b3 - alpha : 0;
            up[j] += (u0 + u1) + (u2 + u3);
            down[j] += (d0 + d1) + (d2 + d3);
        }
    for (; i < m; i++, b += k)
        for (j = 0; j < k; j++) {
            up[j] += b[j] > alpha ? b[j] - alpha : 0;
            down[j] += b[j] < -alpha ? -b[j] - alpha : 0;
        }
}

/* The same, but up and down keep the largest. */
SKEXPERTS_CLONES
static void NAME(keep_excess)(
    int m, int k, const REAL *b, REAL alpha, REAL *restrict up, REAL *restrict down)
{
    int i, j;
    for (i = 0; i < m; i++, b += k)
        for (j = 0; j < k; j++) {
            const REAL u = b[j] - alpha, d = -b[j] - alpha;
            up[j] = u > up[j] ? u : up[j];
            down[j] = d > down[j] ? d : down[j];
        }
}
