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
#define PART NAME(part)
#define PART_BITS NAME(part_bits)

typedef REAL VEC __attribute__((vector_size(64), aligned(sizeof(REAL)), may_alias));
typedef INTEGER BITS __attribute__((vector_size(64), aligned(sizeof(REAL)), may_alias));

/* Half of the lanes: where no wider vectors are compared, they would be so one by one. */
typedef REAL PART __attribute__((vector_size(32), aligned(sizeof(REAL)), may_alias));
typedef INTEGER PART_BITS
    __attribute__((vector_size(32), aligned(sizeof(REAL)), may_alias));

INLINE PART NAME(larger_part)(PART x, PART y)
{
    int c;
    for (c = 0; c < LANES / 2; c++)
        x[c] = x[c] > y[c] ? x[c] : y[c];
    return x;
}

INLINE PART NAME(smaller_part)(PART x, PART y)
{
    int c;
    for (c = 0; c < LANES / 2; c++)
        x[c] = x[c] < y[c] ? x[c] : y[c];
    return x;
}

/* The larger of two numbers, in every lane. */
INLINE VEC NAME(larger)(VEC x, VEC y)
{
    const BITS mask = x > y;
    return (VEC)((mask & (BITS)x) | (~mask & (BITS)y));
}

INLINE REAL NAME(largest_lane)(VEC x)
{
    REAL lanes[sizeof(VEC) / sizeof(REAL)];
    int half, c;
    memcpy(lanes, &x, sizeof(VEC));
#pragma GCC unroll 4
    for (half = LANES / 2; half > 0; half /= 2)
        for (c = 0; c < half; c++)
            lanes[c] = lanes[c] > lanes[c + half] ? lanes[c] : lanes[c + half];
    return lanes[0];
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
    /* By its bits: sums may be reordered, so that subtracting it could undo that. */
    const BITS power = (BITS)(x * 1.44269504f + shift) - (BITS)(least + shift);
    n = __builtin_convertvector(power, VEC);
    r = x - n * 0.693145752f - n * 1.42860677e-6f;
    y = r * (1 / 5040.0f) + 1 / 720.0f;
    y = y * r + 1 / 120.0f;
    y = y * r + 1 / 24.0f;
    y = y * r + 1 / 6.0f;
    y = y * r + 0.5f;
    y = y * r + 1.0f;
    y = y * r + 1.0f;
    return y * (VEC)((power + 127) << 23);
}
#endif

/* Some rows (tile of them, a constant) of C = rows B, on LANES columns. */
INLINE void NAME(multiply_tile)(
    const int tile, int p, const REAL *const *rows, const REAL *b, int ldb, REAL *C,
    int ldc)
{
    VEC sums[6] = {{0}};
    int t, j;
    for (j = 0; j < p; j++) {
        const VEC v = *(const VEC *)(b + (size_t)j * ldb);
#pragma GCC unroll 6
        for (t = 0; t < tile; t++)
            sums[t] += rows[t][j] * v;
    }
#pragma GCC unroll 6
    for (t = 0; t < tile; t++)
        *(VEC *)(C + (size_t)t * ldc) = sums[t];
}

/* C = rows B, with width a multiple of LANES. The bits of a row of C do not depend on
 * the other rows. */
INLINE void NAME(multiply)(
    int n, int p, const REAL *const *rows, const REAL *B, int ldb, int width, REAL *C,
    int ldc)
{
    int i, c;
    for (c = 0; c < width; c += LANES) {
        const REAL *b = B + c;
        for (i = 0; i + 6 <= n; i += 6)
            NAME(multiply_tile)(6, p, rows + i, b, ldb, C + (size_t)i * ldc + c, ldc);
        REAL *out = C + (size_t)i * ldc + c;
        switch (n - i) {
        case 5: NAME(multiply_tile)(5, p, rows + i, b, ldb, out, ldc); break;
        case 4: NAME(multiply_tile)(4, p, rows + i, b, ldb, out, ldc); break;
        case 3: NAME(multiply_tile)(3, p, rows + i, b, ldb, out, ldc); break;
        case 2: NAME(multiply_tile)(2, p, rows + i, b, ldb, out, ldc); break;
        case 1: NAME(multiply_tile)(1, p, rows + i, b, ldb, out, ldc); break;
        }
    }
}

/* Add some lines of rows' G, from feature j on, on LANES columns. */
INLINE void NAME(transposed_tile)(
    const int tile, int n, int j, const REAL *const *rows, const REAL *g, int width,
    REAL *out)
{
    VEC sums[6] = {{0}};
    int t, i;
    for (i = 0; i < n; i++) {
        const REAL *x = rows[i] + j;
        const VEC v = *(const VEC *)(g + (size_t)i * width);
#pragma GCC unroll 6
        for (t = 0; t < tile; t++)
            sums[t] += x[t] * v;
    }
#pragma GCC unroll 6
    for (t = 0; t < tile; t++)
        *(VEC *)(out + (size_t)t * width) += sums[t];
}

/* out += rows' G */
INLINE void NAME(multiply_transposed)(
    int n, int p, const REAL *const *rows, const REAL *G, int width, REAL *out)
{
    int j, c;
    for (c = 0; c < width; c += LANES) {
        const REAL *g = G + c;
        for (j = 0; j + 6 <= p; j += 6)
            NAME(transposed_tile)(
                6, n, j, rows, g, width, out + (size_t)j * width + c);
        REAL *o = out + (size_t)j * width + c;
        switch (p - j) {
        case 5: NAME(transposed_tile)(5, n, j, rows, g, width, o); break;
        case 4: NAME(transposed_tile)(4, n, j, rows, g, width, o); break;
        case 3: NAME(transposed_tile)(3, n, j, rows, g, width, o); break;
        case 2: NAME(transposed_tile)(2, n, j, rows, g, width, o); break;
        case 1: NAME(transposed_tile)(1, n, j, rows, g, width, o); break;
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
