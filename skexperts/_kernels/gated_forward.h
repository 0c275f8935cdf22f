/* A mixture of linear experts on a batch of rows: which experts serve a row, and what
 * they say. Included once for each float type, after gated_lanes.h.
 *
 * Experts are stored wide, as (n_features + 1, width), a column for each output and
 * then one for the gate; or, if there are few outputs, narrow, as (n_outputs + 1,
 * n_features + 1). The last feature is the constant 1.
 */

#ifndef SKEXPERTS_GATED
#define SKEXPERTS_GATED
#define SOFTMAX 0

/* Numbers too small for all digits become 0 in this thread: they come with every far
 * expert, and processors take a hundred times as long for them. */
#ifdef __SSE2__
#include <xmmintrin.h>
static inline unsigned flush_denormals(void)
{
    const unsigned modes = _mm_getcsr();
    _mm_setcsr(modes | 0x8040);
    return modes;
}
#define restore_modes(modes) _mm_setcsr(modes)
#else
#define flush_denormals() 0
#define restore_modes(modes) ((void)(modes))
#endif

/* Data and model; void is REAL. */
struct Gated {
    int n_features;         /* with the constant */
    int n_outputs, n_experts, top_k;
    int width;              /* of outputs: a multiple of LANES, or n_outputs */
    int gate_width;         /* n_experts, rounded up to a multiple of LANES */
    int top_width;          /* top_k, the same */
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

#define BATCH struct NAME(Batch)

BATCH {
    void *memory;           /* of all arrays */
    int n_rows;
    const int64_t *numbers; /* (n_rows,) which rows */
    REAL *block;            /* (n_rows, n_features) of dense rows */
    const REAL **rows;      /* (n_rows,) */
    REAL *logits;           /* (n_rows, gate_width) */
    int32_t *chosen;        /* (n_rows, top_k) experts, ascending */
    REAL *weights;          /* (n_rows, top_width) */
    REAL *slopes;           /* (n_rows, top_k): of the log of a sigmoid in its logit */
    int32_t *bounds;        /* (n_experts + 1) pairs of each expert */
    int32_t *places;        /* (n_rows, top_k) where a pair is in the order of experts */
    int32_t *pair_rows;     /* (n_pairs,) row of a pair in the order of experts */
    const REAL **pair_pointers; /* (n_pairs,) */
    REAL *outputs;          /* (n_pairs, width) in the order of experts */
    REAL *combined;         /* (n_rows, width) */
    REAL *pulls;            /* (n_pairs,): derivatives of the loss in the logits */
};

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

/* The k-th largest of n values some of which are not finite. Those that are not numbers
 * come last: it is -INFINITY if there are fewer than k others. */
static REAL NAME(find_kth_slowly)(int n, const REAL *z, int k)
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

/* A number that k of n values are greater than, or, if several equal the k-th largest,
 * that one. Sets the largest value, too, to NaN if any value is not finite. */
INLINE REAL NAME(find_kth)(int n, const REAL *z, int k, REAL *top)
{
    REAL low, high;
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
    /* By comparisons: that 0 * z is 0 for all but these is optimised away. */
    for (e = 0, count = 0; e < n; e++)
        count += z[e] > -INFINITY && z[e] < INFINITY;
    *top = count == n ? high : NAN;
    if (count < n || !(high - low < INFINITY))
        return NAME(find_kth_slowly)(n, z, k);
    /* At least k values reach low, less than k are above high. */
    while (1) {
        const REAL middle = low + (high - low) / 2;
        if (!(low < middle && middle < high))
            break;
        for (e = 0, count = 0; e < n; e++)
            count += z[e] > middle;
        if (count == k)
            return middle;
        if (count > k)
            low = middle;
        else
            high = middle;
    }
    /* There is no number in between. */
    for (e = 0, count = 0; e < n; e++)
        count += z[e] >= high;
    return count >= k ? high : low;
}

/* Choose the k experts whose logits are greater than the k-th largest, then those whose
 * logits equal it, in their order, then the last ones, whose logits are not numbers. */
static void NAME(choose_slowly)(
    int n_experts, const REAL *z, REAL least, int n_greater, int k, int32_t *chosen)
{
    int ties = k - n_greater, e, n;
    for (e = 0, n = 0; n < k; e++)
        if (z[e] > least || (z[e] == least && ties-- > 0) || n_experts - e <= k - n)
            chosen[n++] = e;
}

/* The experts of the top_k largest logits of a row, with weights that sum to 1, or that
 * are NaN if a logit is not finite. */
INLINE void NAME(choose)(const struct Gated *m, BATCH *b)
{
    const int k = m->top_k, n_experts = m->n_experts, width = m->gate_width;
    int r, e, s, n;
    for (r = 0; r < b->n_rows; r++) {
        const REAL *z = b->logits + (size_t)r * width;
        int32_t *chosen = b->chosen + (size_t)r * k;
        REAL *g = b->weights + (size_t)r * m->top_width;
        REAL total = 0, top;
        const REAL least = NAME(find_kth)(n_experts, z, k, &top);
        for (e = 0, n = 0; e < n_experts && n < k; e += LANES) {
            uint32_t bits = 0;
            for (s = 0; s < LANES; s++)
                bits |= (uint32_t)(z[e + s] > least) << s;
            if (e + LANES > n_experts)
                bits &= (1u << (n_experts - e)) - 1;
            for (; bits && n < k; bits &= bits - 1)
                chosen[n++] = e + __builtin_ctz(bits);
        }
        if (n < k)
            NAME(choose_slowly)(n_experts, z, least, n, k, chosen);
        for (s = 0; s < k; s++)
            g[s] = z[chosen[s]];
        for (; s < m->top_width; s++)
            g[s] = -INFINITY;
        if (m->gate == SOFTMAX) {
            total = isnan(top) ? top : 0;
            for (s = 0; s < k; s += LANES) {
                VEC *own = (VEC *)(g + s);
                *own = NAME(exp_lanes)(*own - top);
                for (e = 0; e < LANES; e++)
                    total += s + e < k ? (*own)[e] : 0;
            }
        }
        else {
            REAL *slopes = b->slopes + (size_t)r * k;
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
        for (s = 0; s < k; s += LANES)
            *(VEC *)(g + s) *= 1 / total;
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
    int e, r, s, c;
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
    for (r = 0; r < b->n_rows; r++) {
        const REAL *g = b->weights + (size_t)r * m->top_width;
        const int32_t *places = b->places + (size_t)r * k;
        REAL *f = b->combined + (size_t)r * width;
        if (m->narrow) {
            for (s = 0; s < k; s++)
                NAME(add)(width, g[s], b->outputs + (size_t)places[s] * width, f);
            continue;
        }
        for (c = 0; c < width; c += LANES) {
            const REAL *o = b->outputs + c;
            VEC sum = *(VEC *)(f + c);
            for (s = 0; s < k; s++)
                sum += g[s] * *(const VEC *)(o + (size_t)places[s] * width);
            *(VEC *)(f + c) = sum;
        }
    }
}
