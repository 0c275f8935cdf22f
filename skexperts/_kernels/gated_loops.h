/* A mixture of linear experts on a batch of rows: outputs, loss and gradient, by the
 * routed pairs of row and expert only. Included once for each float type, with REAL,
 * EXP, LOG and NAME(x) defined.
 *
 * Experts are stored wide, as (n_features + 1, width), a column for each output and
 * then one for the gate; or, if there are few outputs, narrow, as (n_outputs + 1,
 * n_features + 1). The last feature is the constant 1.
 */

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "clones.h"

#ifndef SKEXPERTS_GATED
#define SKEXPERTS_GATED
#define INLINE static inline __attribute__((always_inline))
#define SOFTMAX 0
#define LOG_LOSS 0
#define SQUARED_HINGE 1
#define SQUARED_ERROR 2

/* Data and model; void is REAL. */
struct Gated {
    int n_features;         /* with the constant */
    int n_outputs, n_experts, top_k;
    int width;              /* of outputs: a multiple of LANES, or n_outputs */
    int gate_width;         /* n_experts, rounded up to a multiple of LANES */
    int narrow;             /* how experts are stored */
    int gate, loss;
    double smoothing, delta, balance;
    const void *X;          /* (n_rows, n_features - 1), or NULL for CSR: */
    const void *values;
    const int32_t *columns, *starts;
    const int32_t *labels;  /* (n_rows,), or NULL */
    const void *targets;    /* (n_rows, n_outputs), or NULL */
    const void *row_weights;
    void *losses;           /* (n_rows,), of each row when it was last seen */
    void *experts;          /* (n_experts, n_features * stride) */
    void *shared;           /* (n_features * stride,), or NULL */
    void *gates;            /* (n_features, gate_width), a copy from the experts */
};
#endif

#define LANES ((int)(64 / sizeof(REAL)))
#define VEC NAME(vec)
#define BITS NAME(bits)
#define BATCH struct NAME(Batch)

typedef REAL VEC __attribute__((vector_size(64), aligned(sizeof(REAL)), may_alias));
typedef INTEGER BITS __attribute__((vector_size(64), aligned(sizeof(REAL)), may_alias));

BATCH {
    void *memory;           /* of all arrays */
    int n_rows;
    const int64_t *numbers; /* (n_rows,) which rows */
    REAL *block;            /* (n_rows, n_features) of dense rows */
    const REAL **rows;      /* (n_rows,) */
    REAL *logits;           /* (n_rows, gate_width) */
    int32_t *chosen;        /* (n_rows, top_k) experts, ascending */
    REAL *weights;          /* (n_rows, top_k) */
    REAL *slopes;           /* (n_rows, top_k): of the log of a weight in its logit */
    int32_t *bounds;        /* (n_experts + 1) pairs of each expert */
    int32_t *places;        /* (n_rows, top_k) where a pair is in the order of experts */
    int32_t *pair_rows;     /* (n_pairs,) row of a pair in the order of experts */
    const REAL **pair_pointers; /* (n_pairs,) */
    REAL *outputs;          /* (n_pairs, width) in the order of experts */
    REAL *combined;         /* (n_rows, width) */
    REAL *pulls;            /* (n_pairs,): derivatives of the loss in the logits */
};

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

/* Logits of all experts for all rows. */
INLINE void NAME(find_logits)(const struct Gated *m, BATCH *b)
{
    const int p = m->n_features, width = m->gate_width;
    const REAL *gates = m->gates, *x = m->values;
    int r;
    int32_t t;
    if (m->X) {
        NAME(multiply)(b->n_rows, p, b->rows, gates, width, width, b->logits, width);
        return;
    }
    for (r = 0; r < b->n_rows; r++) {
        REAL *z = b->logits + (size_t)r * width;
        const int32_t *start = m->starts + b->numbers[r];
        memcpy(z, gates + (size_t)(p - 1) * width, width * sizeof(REAL));
        for (t = start[0]; t < start[1]; t++)
            NAME(add_lanes)(width, x[t], gates + (size_t)m->columns[t] * width, z);
    }
}

/* How many of n values are greater than a number. */
INLINE int NAME(count_above)(int n, const REAL *z, REAL number)
{
    int e, count = 0;
    for (e = 0; e < n; e++)
        count += z[e] > number;
    return count;
}

/* The k-th largest of n values some of which are not finite. Those that are not numbers
 * come last: it is -INFINITY if there are fewer than k others. */
INLINE REAL NAME(find_kth_slowly)(int n, const REAL *z, int k)
{
    REAL kth = INFINITY;
    while (1) {
        REAL next = -INFINITY;
        int e, count = 0;
        for (e = 0; e < n; e++) {
            count += z[e] >= kth;
            next = z[e] < kth && z[e] > next ? z[e] : next;
        }
        if (count >= k || kth == -INFINITY)
            return kth;
        kth = next;
    }
}

/* A number that k of n values are greater than, or else the k-th largest of them; with
 * the number of values that are greater. */
INLINE REAL NAME(find_kth)(int n, const REAL *z, int k, int *n_greater)
{
    REAL low, high, kth, nothing = 0;
    int e = 0, count;
    if (n >= LANES && k <= LANES) {
        /* Of LANES disjoint parts each has a value of at least the least maximum. */
        VEC tops = *(const VEC *)z;
        for (e = LANES; e + LANES <= n; e += LANES)
            tops = NAME(larger)(tops, *(const VEC *)(z + e));
        high = NAME(largest_lane)(tops);
        low = -NAME(largest_lane)(-tops);
    } else
        low = high = z[0];
    for (; e < n; e++) {
        high = z[e] > high ? z[e] : high;
        if (k > LANES || n < LANES)
            low = z[e] < low ? z[e] : low;
    }
    for (e = 0; e < n; e++)
        nothing += 0 * z[e];
    if (!(nothing == 0 && high - low < INFINITY)) {
        kth = NAME(find_kth_slowly)(n, z, k);
        *n_greater = NAME(count_above)(n, z, kth);
        return kth;
    }
    /* At least k values reach low, less than k are above high. */
    while (1) {
        const REAL middle = low + (high - low) / 2;
        if (!(low < middle && middle < high))
            break;
        count = NAME(count_above)(n, z, middle);
        if (count == k) {
            *n_greater = k;
            return middle;
        }
        if (count > k)
            low = middle;
        else
            high = middle;
    }
    /* There is no number in between. */
    for (e = 0, count = 0; e < n; e++)
        count += z[e] >= high;
    kth = count >= k ? high : low;
    *n_greater = NAME(count_above)(n, z, kth);
    return kth;
}

/* The experts of the top_k largest logits of a row, with weights that sum to 1. */
INLINE void NAME(choose)(const struct Gated *m, BATCH *b)
{
    const int k = m->top_k, n_experts = m->n_experts, width = m->gate_width;
    int r, e, s, n, ties;
    for (r = 0; r < b->n_rows; r++) {
        const REAL *z = b->logits + (size_t)r * width;
        int32_t *chosen = b->chosen + (size_t)r * k;
        REAL *g = b->weights + (size_t)r * k, *slopes = b->slopes + (size_t)r * k;
        REAL total = 0, top = -INFINITY;
        const REAL least = NAME(find_kth)(n_experts, z, k, &ties);
        ties = k - ties;
        if (ties == 0)
            for (e = 0, n = 0; n < k && e < n_experts; e++) {
                chosen[n] = e;
                n += z[e] > least;
            }
        else
            for (e = 0, n = 0; n < k && e < n_experts; e++) {
                const int tie = z[e] == least && ties > 0;
                chosen[n] = e;
                n += z[e] > least || tie;
                ties -= tie;
            }
        if (n < k) { /* There are logits that are not numbers. */
            int others = k - n;
            for (e = 0, n = 0; n < k && e < n_experts; e++) {
                const int other = !(z[e] >= least) && others > 0;
                chosen[n] = e;
                n += z[e] >= least || other;
                others -= other;
            }
        }
        for (s = 0; s < k; s++) {
            g[s] = z[chosen[s]];
            top = g[s] > top ? g[s] : top;
        }
        if (m->gate == SOFTMAX)
            for (s = 0; s < k; s += LANES) {
                const int stop = k - s < LANES ? k - s : LANES;
                VEC u = {0};
                memcpy(&u, g + s, stop * sizeof(REAL));
                u = NAME(exp_lanes)(u - top);
                memcpy(g + s, &u, stop * sizeof(REAL));
                /* Not read from g: where a row lies would say how they are summed. */
                for (e = 0; e < LANES; e++)
                    total += e < stop ? u[e] : 0;
                for (e = 0; e < stop; e++)
                    slopes[s + e] = 1;
            }
        else {
            /* sigmoid(z) over that of the top: no weight underflows with all others. */
            const REAL all = top > 0 ? 1 + EXP(-top) : 1;
            for (s = 0; s < k; s++) {
                const REAL u = g[s];
                const REAL e_u = EXP(u > 0 ? -u : u);
                slopes[s] = u > 0 ? e_u / (1 + e_u) : 1 / (1 + e_u);
                g[s] = top > 0 ? (u > 0 ? 1 / (1 + e_u) : e_u / (1 + e_u)) * all
                               : EXP(u - top) / (1 + e_u);
                total += g[s];
            }
        }
        for (s = 0; s < k; s++)
            g[s] /= total;
    }
}

/* Put the pairs in the order of experts. */
INLINE void NAME(group)(const struct Gated *m, BATCH *b)
{
    const int k = m->top_k, n_pairs = b->n_rows * k;
    int32_t *bounds = b->bounds;
    int r, q, s;
    memset(bounds, 0, (m->n_experts + 1) * sizeof(int32_t));
    for (q = 0; q < n_pairs; q++)
        bounds[b->chosen[q] + 1]++;
    for (q = 0; q < m->n_experts; q++)
        bounds[q + 1] += bounds[q];
    for (r = 0, q = 0; r < b->n_rows; r++)
        for (s = 0; s < k; s++, q++) {
            const int place = bounds[b->chosen[q]]++;
            b->places[q] = place;
            b->pair_rows[place] = r;
            if (m->X)
                b->pair_pointers[place] = b->rows[r];
        }
    for (q = m->n_experts; q > 0; q--)
        bounds[q] = bounds[q - 1];
    bounds[0] = 0;
}

/* Outputs of one expert for some rows. */
INLINE void NAME(read_expert)(
    const struct Gated *m, const BATCH *b, const REAL *expert, int n, const REAL *const *rows,
    const int32_t *places, REAL *out)
{
    const int p = m->n_features, width = m->width;
    const REAL *x = m->values;
    int i, c;
    int32_t t;
    if (m->X && !m->narrow) {
        NAME(multiply)(n, p, rows, expert, width, width, out, width);
        return;
    }
    for (i = 0; i < n; i++) {
        const int64_t r = b->numbers[places ? places[i] : i];
        const int32_t *start = m->X ? NULL : m->starts + r;
        REAL *o = out + (size_t)i * width;
        if (m->X)
            for (c = 0; c < m->n_outputs; c++)
                o[c] = NAME(dot)(p, rows[i], expert + (size_t)c * p);
        else if (m->narrow)
            for (c = 0; c < m->n_outputs; c++) {
                const REAL *w = expert + (size_t)c * p;
                o[c] = w[p - 1];
                for (t = start[0]; t < start[1]; t++)
                    o[c] += x[t] * w[m->columns[t]];
            }
        else {
            memcpy(o, expert + (size_t)(p - 1) * width, width * sizeof(REAL));
            for (t = start[0]; t < start[1]; t++)
                NAME(add_lanes)(
                    width, x[t], expert + (size_t)m->columns[t] * width, o);
        }
    }
}

/* Add rows' G to the gradient of one expert; G has a column more than outputs. */
INLINE void NAME(add_gradient)(
    const struct Gated *m, const BATCH *b, int n, const REAL *const *rows,
    const int32_t *places, const REAL *G, const REAL *gate, REAL *gradient)
{
    const int p = m->n_features, width = m->width;
    const REAL *x = m->values;
    int i, c;
    int32_t t;
    if (m->X && !m->narrow) {
        NAME(multiply_transposed)(n, p, rows, G, width, gradient);
        return;
    }
    for (i = 0; i < n; i++) {
        const int64_t r = b->numbers[places ? places[i] : i];
        const int32_t *start = m->X ? NULL : m->starts + r;
        const REAL *g = G + (size_t)i * width;
        if (!m->narrow) {
            NAME(add_lanes)(width, 1, g, gradient + (size_t)(p - 1) * width);
            for (t = start[0]; t < start[1]; t++)
                NAME(add_lanes)(
                    width, x[t], g, gradient + (size_t)m->columns[t] * width);
            continue;
        }
        for (c = 0; c <= m->n_outputs; c++) {
            const REAL one = c < m->n_outputs ? g[c] : (gate ? gate[i] : 0);
            REAL *out = gradient + (size_t)c * p;
            if (m->X)
                NAME(add)(p, one, rows[i], out);
            else {
                out[p - 1] += one;
                for (t = start[0]; t < start[1]; t++)
                    out[m->columns[t]] += one * x[t];
            }
        }
    }
}

/* Numbers of an expert. */
INLINE size_t NAME(size)(const struct Gated *m)
{
    return (size_t)m->n_features * (m->narrow ? m->n_outputs + 1 : m->width);
}

/* Route the rows of a batch and combine the outputs of their experts. */
INLINE void NAME(forward)(const struct Gated *m, BATCH *b)
{
    const int width = m->width, k = m->top_k;
    const size_t size = NAME(size)(m);
    const REAL *experts = m->experts;
    int e, r, s;
    NAME(find_logits)(m, b);
    NAME(choose)(m, b);
    NAME(group)(m, b);
    for (e = 0; e < m->n_experts; e++) {
        const int first = b->bounds[e], n = b->bounds[e + 1] - first;
        if (n)
            NAME(read_expert)(
                m, b, experts + e * size, n, b->pair_pointers + first,
                b->pair_rows + first, b->outputs + (size_t)first * width);
    }
    if (m->shared)
        NAME(read_expert)(m, b, m->shared, b->n_rows, b->rows, NULL, b->combined);
    else
        memset(b->combined, 0, (size_t)b->n_rows * width * sizeof(REAL));
    for (r = 0; r < b->n_rows; r++)
        for (s = 0; s < k; s++) {
            const size_t q = (size_t)r * k + s;
            const REAL *o = b->outputs + (size_t)b->places[q] * width;
            REAL *f = b->combined + (size_t)r * width;
            if (m->narrow)
                NAME(add)(width, b->weights[q], o, f);
            else
                NAME(add_lanes)(width, b->weights[q], o, f);
        }
}

/* exp(f - top) in place, with its sum and the largest value, top. */
INLINE REAL NAME(exp_row)(int n, REAL *f, REAL *total)
{
    VEC tops, sums = {0};
    REAL top = f[0];
    int c, start, stop;
    for (start = 0; start < n; start += LANES) {
        stop = n - start < LANES ? n - start : LANES;
        tops = (VEC){0} + f[start];
        memcpy(&tops, f + start, stop * sizeof(REAL));
        tops[0] = NAME(largest_lane)(tops);
        top = tops[0] > top ? tops[0] : top;
    }
    for (start = 0; start < n; start += LANES) {
        VEC u = (VEC){0} - INFINITY;
        stop = n - start < LANES ? n - start : LANES;
        memcpy(&u, f + start, stop * sizeof(REAL));
        u = NAME(exp_lanes)(u - top);
        for (c = stop; c < LANES; c++)
            u[c] = 0;
        sums += u;
        memcpy(f + start, &u, stop * sizeof(REAL));
    }
    for (c = 0; c < LANES; c++)
        *total += sums[c];
    return top;
}

/* Loss of a row, times its weight; the derivatives take the place of the outputs. */
INLINE double NAME(row_loss)(const struct Gated *m, REAL *f, int64_t row, REAL weight)
{
    const int n_outputs = m->n_outputs, loss = m->loss;
    const int32_t label = m->labels ? m->labels[row] : 0;
    const REAL *y = m->targets ? (const REAL *)m->targets + row * n_outputs : NULL;
    const REAL smoothing = (REAL)m->smoothing, delta = (REAL)m->delta;
    double value = 0;
    int c;
    if (loss == LOG_LOSS && n_outputs == 1) {
        const REAL target = label ? 1 - smoothing / 2 : smoothing / 2;
        const REAL z = f[0], small = EXP(z > 0 ? -z : z);
        value = (z > 0 ? z : 0) + LOG(1 + small) - target * z;
        f[0] = weight * ((z > 0 ? 1 / (1 + small) : small / (1 + small)) - target);
    } else if (loss == LOG_LOSS) {
        const REAL off = smoothing / n_outputs;
        REAL top, total = 0, sum = 0;
        const REAL own = f[label];
        for (c = 0; c < n_outputs; c++)
            sum += f[c];
        top = NAME(exp_row)(n_outputs, f, &total);
        value = LOG(total) + top - (1 - smoothing) * own - off * sum;
        total = weight / total;
        for (c = 0; c < n_outputs; c++)
            f[c] = total * f[c] - weight * off;
        f[label] -= weight * (1 - smoothing);
    } else if (loss == SQUARED_HINGE) {
        for (c = 0; c < n_outputs; c++) {
            const REAL sign = (n_outputs == 1 ? label == 1 : label == c) ? 1 : -1;
            const REAL short_of = 1 - sign * f[c] > 0 ? 1 - sign * f[c] : 0;
            value += short_of * short_of;
            f[c] = -2 * weight * sign * short_of;
        }
    } else
        for (c = 0; c < n_outputs; c++) {
            const REAL error = f[c] - y[c], size = error < 0 ? -error : error;
            if (loss == SQUARED_ERROR || size <= delta) {
                value += error * error / 2;
                f[c] = weight * error;
            } else {
                value += delta * (size - delta / 2);
                f[c] = weight * (error < 0 ? -delta : delta);
            }
        }
    return value * weight;
}

/* Add the gradient of the loss of a batch to that of experts, gates and shared. */
INLINE double NAME(backward)(
    const struct Gated *m, BATCH *b, REAL *gradient, REAL *shared_gradient)
{
    const int width = m->width, k = m->top_k, n = m->n_outputs, n_pairs = b->n_rows * k;
    const REAL per_pair = (REAL)m->balance * m->n_experts / ((REAL)b->n_rows * n_pairs);
    const REAL *row_weights = m->row_weights;
    REAL *losses = m->losses;
    const size_t size = NAME(size)(m);
    double total = 0;
    int r, s, c, e;
    for (r = 0; r < b->n_rows; r++) {
        REAL *f = b->combined + (size_t)r * width;
        REAL mean = 0;
        const size_t q = (size_t)r * k;
        const int64_t row = b->numbers[r];
        const double value = NAME(row_loss)(m, f, row, row_weights[row] / b->n_rows);
        losses[row] = (REAL)(value * b->n_rows);
        total += value;
        for (c = n; c < width; c++)
            f[c] = 0;
        for (s = 0; s < k; s++) {
            REAL *o = b->outputs + (size_t)b->places[q + s] * width;
            const int32_t own = b->chosen[q + s];
            REAL pull = m->narrow ? NAME(dot)(n, f, o) : NAME(dot_lanes)(width, f, o);
            pull += per_pair * (b->bounds[own + 1] - b->bounds[own]);
            b->logits[q + s] = pull; /* as scratch: gate_width is at least top_k */
            mean += b->weights[q + s] * pull;
        }
        for (s = 0; s < k; s++) {
            const int place = b->places[q + s];
            REAL *o = b->outputs + (size_t)place * width;
            const REAL g = b->weights[q + s];
            const REAL slope = g * b->slopes[q + s] * (b->logits[q + s] - mean);
            if (m->narrow) {
                for (c = 0; c < n; c++)
                    o[c] = g * f[c];
                b->pulls[place] = slope;
            } else {
                for (c = 0; c < width; c += LANES)
                    *(VEC *)(o + c) = g * *(VEC *)(f + c);
                o[n] = slope;
            }
        }
    }
    for (e = 0; e < m->n_experts; e++) {
        const int first = b->bounds[e], count = b->bounds[e + 1] - first;
        if (count)
            NAME(add_gradient)(
                m, b, count, b->pair_pointers + first, b->pair_rows + first,
                b->outputs + (size_t)first * width, b->pulls + first,
                gradient + e * size);
    }
    if (m->shared)
        NAME(add_gradient)(
            m, b, b->n_rows, b->rows, NULL, b->combined, NULL, shared_gradient);
    return total;
}

/* A step of Adam on an expert, whose penalties are applied in the metric of the step:
 * decay, and the proximal step of an L1 norm. The gradient becomes 0. */
INLINE void NAME(adam)(
    size_t n, REAL *restrict w, REAL *restrict gradient, REAL *restrict first,
    REAL *restrict second, const REAL *restrict l1, const REAL *restrict l2, REAL rate,
    REAL correct1, REAL correct2)
{
    const REAL beta1 = (REAL)0.9, beta2 = (REAL)0.999;
    const REAL step = rate * correct2 / correct1, least = (REAL)1e-6 * correct2;
    size_t i;
    for (i = 0; i < n; i++) {
        const REAL g = gradient[i], f = beta1 * first[i] + (1 - beta1) * g;
        const REAL s = beta2 * second[i] + (1 - beta2) * g * g;
        const REAL scale = 1 / (SQRT(s) + least);
        const REAL v = w[i] * (1 - rate * l2[i]) - step * f * scale;
        const REAL size = (v < 0 ? -v : v) - rate * correct2 * l1[i] * scale;
        first[i] = f;
        second[i] = s;
        gradient[i] = 0;
        /* What is not a number stays so, to be found. */
        w[i] = size > 0 ? (v < 0 ? -size : size) : (size <= 0 ? 0 : size);
    }
}

/* Copy the gates out of the experts. */
INLINE void NAME(copy_gates)(const struct Gated *m)
{
    const int p = m->n_features, n = m->n_outputs, width = m->gate_width;
    const size_t size = NAME(size)(m);
    const REAL *experts = m->experts;
    REAL *gates = m->gates;
    int e, j;
    for (e = 0; e < m->n_experts; e++)
        for (j = 0; j < p; j++)
            gates[(size_t)j * width + e] = experts[
                e * size + (m->narrow ? (size_t)n * p + j : (size_t)j * m->width + n)];
}

INLINE int NAME(allocate)(const struct Gated *m, BATCH *b, int most_rows)
{
    const size_t n = most_rows, n_pairs = n * m->top_k;
    const size_t n_reals = n * m->n_features + n * m->gate_width + n * m->width
        + n_pairs * (3 + m->width);
    const size_t n_ints = 3 * n_pairs + m->n_experts + 2;
    /* Sums may be split where a vector is aligned: that must not be up to chance. */
    char *memory = malloc(
        63 + (n + n_pairs) * sizeof(REAL *) + n_reals * sizeof(REAL)
        + n_ints * sizeof(int32_t));
    if (!memory)
        return 0;
    b->memory = memory;
    memory += -(uintptr_t)memory % 64;
    b->rows = (const REAL **)memory;
    b->pair_pointers = b->rows + n;
    b->block = (REAL *)(b->pair_pointers + n_pairs);
    b->logits = b->block + n * m->n_features;
    b->combined = b->logits + n * m->gate_width;
    b->outputs = b->combined + n * m->width;
    b->weights = b->outputs + n_pairs * m->width;
    b->slopes = b->weights + n_pairs;
    b->pulls = b->slopes + n_pairs;
    b->chosen = (int32_t *)(b->pulls + n_pairs);
    b->places = b->chosen + n_pairs + 1;
    b->pair_rows = b->places + n_pairs;
    b->bounds = b->pair_rows + n_pairs;
    return 1;
}

/* Take the rows of a batch, with the constant at the end. */
INLINE void NAME(take)(
    const struct Gated *m, BATCH *b, const int64_t *numbers, int n_rows)
{
    const int p = m->n_features;
    const REAL *X = m->X;
    int r;
    b->n_rows = n_rows;
    b->numbers = numbers;
    if (!X)
        return;
    for (r = 0; r < n_rows; r++) {
        REAL *x = b->block + (size_t)r * p;
        memcpy(x, X + (size_t)numbers[r] * (p - 1), (p - 1) * sizeof(REAL));
        x[p - 1] = 1;
        b->rows[r] = x;
    }
}

/* Steps of Adam on batches of rows. Returns the sum of the losses, -1 if no memory. */
SKEXPERTS_CLONES
static double NAME(train)(
    struct Gated *m, const int64_t *order, int64_t n_rows, int batch_size,
    const double *rates, int64_t n_steps, const REAL *l1, const REAL *l2,
    REAL *gradient, REAL *first, REAL *second, int64_t *usage)
{
    const size_t size = NAME(size)(m);
    const int n_models = m->n_experts + (m->shared != NULL);
    REAL *experts = m->experts;
    BATCH b;
    double total = 0;
    int64_t start, step = n_steps;
    int e;
    if (!NAME(allocate)(m, &b, batch_size))
        return -1;
    for (start = 0; start < n_rows; start += batch_size, step++) {
        const int count = n_rows - start < batch_size ? n_rows - start : batch_size;
        NAME(take)(m, &b, order + start, count);
        NAME(copy_gates)(m);
        NAME(forward)(m, &b);
        total += count * NAME(backward)(m, &b, gradient, gradient + size * m->n_experts);
        for (e = 0; e < m->n_experts; e++)
            usage[e] += b.bounds[e + 1] - b.bounds[e];
        for (e = 0; e < n_models; e++)
            NAME(adam)(
                size, experts + e * size, gradient + e * size, first + e * size,
                second + e * size, l1, l2, (REAL)rates[step - n_steps],
                (REAL)(1 - pow(0.9, step + 1)), (REAL)sqrt(1 - pow(0.999, step + 1)));
    }
    free(b.memory);
    return total;
}

/* Loss of some rows, and its gradient, which is added to. */
SKEXPERTS_CLONES
static double NAME(find_gradient)(
    struct Gated *m, const int64_t *order, int n_rows, REAL *gradient)
{
    BATCH b;
    double total;
    if (!NAME(allocate)(m, &b, n_rows))
        return -1;
    NAME(take)(m, &b, order, n_rows);
    NAME(copy_gates)(m);
    NAME(forward)(m, &b);
    total = NAME(backward)(m, &b, gradient, gradient + NAME(size)(m) * m->n_experts);
    free(b.memory);
    return total;
}

/* Combined outputs of rows in turn, and, if wanted, which experts they come from. */
SKEXPERTS_CLONES
static int NAME(answer)(
    struct Gated *m, const int64_t *order, int64_t n_rows, int batch_size,
    REAL *combined, int32_t *chosen, REAL *weights, REAL *outputs)
{
    const int k = m->top_k, n = m->n_outputs;
    int64_t start;
    int r, s;
    BATCH b;
    if (!NAME(allocate)(m, &b, batch_size))
        return -1;
    NAME(copy_gates)(m);
    for (start = 0; start < n_rows; start += batch_size) {
        const int count = n_rows - start < batch_size ? n_rows - start : batch_size;
        NAME(take)(m, &b, order + start, count);
        NAME(forward)(m, &b);
        for (r = 0; r < count; r++)
            memcpy(
                combined + (start + r) * n, b.combined + (size_t)r * m->width,
                n * sizeof(REAL));
        if (!chosen)
            continue;
        memcpy(chosen + start * k, b.chosen, (size_t)count * k * sizeof(int32_t));
        memcpy(weights + start * k, b.weights, (size_t)count * k * sizeof(REAL));
        for (r = 0; r < count; r++)
            for (s = 0; s < k; s++)
                memcpy(
                    outputs + ((start + r) * k + s) * n,
                    b.outputs + (size_t)b.places[r * k + s] * m->width,
                    n * sizeof(REAL));
    }
    free(b.memory);
    return 0;
}

#undef LANES
#undef VEC
#undef BITS
#undef BATCH
