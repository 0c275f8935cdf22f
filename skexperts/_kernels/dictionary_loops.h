/* The loop over all features. Included once for each float type, with REAL and NAME(x)
 * defined. */

#include "clones.h"

/* y += weight * x */
SKEXPERTS_CLONES
static void NAME(add_scaled)(int d, REAL weight, const REAL *x, REAL *restrict y)
{
    int j;
    for (j = 0; j < d; j++)
        y[j] += weight * x[j];
}
