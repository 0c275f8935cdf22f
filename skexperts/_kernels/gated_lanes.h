/* Products of rows with tables, and exponentials, on many lanes at a time. Included once
 * for each float type, with REAL, INTEGER (of its size), NAME(x) and, for double, DOUBLE
 * defined. */

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "clones.h"

#ifndef INLINE
#define INLINE static inline __attribute__((always_inline))
#endif

#define LANES ((int)(64 / sizeof(REAL)))
#define VEC NAME(vec)
#define BITS NAME(bits)

typedef REAL VEC __attribute__((vector_size(64), aligned(sizeof(REAL)), may_alias));
typedef INTEGER BITS __attribute__((vector_size(64), aligned(sizeof(REAL)), may_alias));

/* The larger of two numbers, in every lane. */
INLINE VEC NAME(larger)(VEC x, VEC y)
{
    const BITS mask = x > y;
    return (VEC)((mask & (BITS)x) | (~mask & (BITS)y));
}

INLINE REAL NAME(largest_lane)(VEC x)
{
    REAL largest = x[0];
    int c;
    for (c = 1; c < LANES; c++)
        largest = x[c] > largest ? x[c] : largest;
    return largest;
}

#ifdef DOUBLE
INLINE VEC NAME(exp_lanes)(VEC x)
{
    int c;
    for (c = 0; c < LANES; c++)
        x[c] = exp(x[c]);
    return x;
}
#else
/* exp(x) of x <= 0 to a few units in the last place: 2^n exp(r), |r| <= log(2) / 2, by
 * the Taylor polynomial of degree 7. */
INLINE VEC NAME(exp_lanes)(VEC x)
{
    const float shift = 12582912.0f; /* Adding it rounds to an integer. */
    const VEC least = {0};
    VEC n, r, y;
    x = NAME(larger)(x, least - 87.0f);
    n = x * 1.44269504f + shift;
    const BITS power = ((BITS)n + 127) << 23;
    n -= shift;
    r = x - n * 0.693145752f - n * 1.42860677e-6f;
    y = r * (1 / 5040.0f) + 1 / 720.0f;
    y = y * r + 1 / 120.0f;
    y = y * r + 1 / 24.0f;
    y = y * r + 1 / 6.0f;
    y = y * r + 0.5f;
    y = y * r + 1.0f;
    y = y * r + 1.0f;
    return y * (VEC)power;
}
#endif

/* C = rows B, with width a multiple of LANES. The bits of a row of C do not depend on
 * the other rows. */
INLINE void NAME(multiply)(
    int n, int p, const REAL *const *rows, const REAL *B, int ldb, int width, REAL *C,
    int ldc)
{
    int i, j, c;
    for (c = 0; c < width; c += LANES) {
        const REAL *b = B + c;
        for (i = 0; i + 6 <= n; i += 6) {
            const REAL *x0 = rows[i], *x1 = rows[i + 1], *x2 = rows[i + 2];
            const REAL *x3 = rows[i + 3], *x4 = rows[i + 4], *x5 = rows[i + 5];
            VEC a0 = {0}, a1 = {0}, a2 = {0}, a3 = {0}, a4 = {0}, a5 = {0};
            for (j = 0; j < p; j++) {
                const VEC v = *(const VEC *)(b + (size_t)j * ldb);
                a0 += x0[j] * v;
                a1 += x1[j] * v;
                a2 += x2[j] * v;
                a3 += x3[j] * v;
                a4 += x4[j] * v;
                a5 += x5[j] * v;
            }
            *(VEC *)(C + (size_t)i * ldc + c) = a0;
            *(VEC *)(C + (size_t)(i + 1) * ldc + c) = a1;
            *(VEC *)(C + (size_t)(i + 2) * ldc + c) = a2;
            *(VEC *)(C + (size_t)(i + 3) * ldc + c) = a3;
            *(VEC *)(C + (size_t)(i + 4) * ldc + c) = a4;
            *(VEC *)(C + (size_t)(i + 5) * ldc + c) = a5;
        }
        for (; i + 3 <= n; i += 3) {
            const REAL *x0 = rows[i], *x1 = rows[i + 1], *x2 = rows[i + 2];
            VEC a0 = {0}, a1 = {0}, a2 = {0};
            for (j = 0; j < p; j++) {
                const VEC v = *(const VEC *)(b + (size_t)j * ldb);
                a0 += x0[j] * v;
                a1 += x1[j] * v;
                a2 += x2[j] * v;
            }
            *(VEC *)(C + (size_t)i * ldc + c) = a0;
            *(VEC *)(C + (size_t)(i + 1) * ldc + c) = a1;
            *(VEC *)(C + (size_t)(i + 2) * ldc + c) = a2;
        }
        for (; i < n; i++) {
            const REAL *x = rows[i];
            VEC a = {0};
            for (j = 0; j < p; j++)
                a += x[j] * *(const VEC *)(b + (size_t)j * ldb);
            *(VEC *)(C + (size_t)i * ldc + c) = a;
        }
    }
}

/* out += rows' G */
INLINE void NAME(multiply_transposed)(
    int n, int p, const REAL *const *rows, const REAL *G, int width, REAL *out)
{
    int i, j, c;
    for (c = 0; c < width; c += LANES) {
        const REAL *g = G + c;
        for (j = 0; j + 6 <= p; j += 6) {
            VEC a0 = {0}, a1 = {0}, a2 = {0}, a3 = {0}, a4 = {0}, a5 = {0};
            REAL *o = out + (size_t)j * width + c;
            for (i = 0; i < n; i++) {
                const REAL *x = rows[i] + j;
                const VEC v = *(const VEC *)(g + (size_t)i * width);
                a0 += x[0] * v;
                a1 += x[1] * v;
                a2 += x[2] * v;
                a3 += x[3] * v;
                a4 += x[4] * v;
                a5 += x[5] * v;
            }
            *(VEC *)o += a0;
            *(VEC *)(o + width) += a1;
            *(VEC *)(o + 2 * width) += a2;
            *(VEC *)(o + 3 * width) += a3;
            *(VEC *)(o + 4 * width) += a4;
            *(VEC *)(o + 5 * width) += a5;
        }
        for (; j < p; j++) {
            VEC a = {0};
            for (i = 0; i < n; i++)
                a += rows[i][j] * *(const VEC *)(g + (size_t)i * width);
            *(VEC *)(out + (size_t)j * width + c) += a;
        }
    }
}

INLINE REAL NAME(dot)(int p, const REAL *x, const REAL *w)
{
    REAL sum = 0;
    int j;
    for (j = 0; j < p; j++)
        sum += x[j] * w[j];
    return sum;
}

INLINE void NAME(add)(int p, REAL g, const REAL *x, REAL *restrict out)
{
    int j;
    for (j = 0; j < p; j++)
        out[j] += g * x[j];
}

/* The product of two vectors of a multiple of LANES. */
INLINE REAL NAME(dot_lanes)(int n, const REAL *x, const REAL *y)
{
    VEC sums = {0};
    REAL sum = 0;
    int c;
    for (c = 0; c < n; c += LANES)
        sums += *(const VEC *)(x + c) * *(const VEC *)(y + c);
    for (c = 0; c < LANES; c++)
        sum += sums[c];
    return sum;
}

/* out += g x, for a multiple of LANES */
INLINE void NAME(add_lanes)(int n, REAL g, const REAL *x, REAL *out)
{
    int c;
    for (c = 0; c < n; c += LANES)
        *(VEC *)(out + c) += g * *(const VEC *)(x + c);
}
