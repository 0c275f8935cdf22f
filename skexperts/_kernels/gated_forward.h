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
    void *gates;            /* a copy from the experts: of CSR (n_features, gate_width),
                               else (n_experts, n_features) */
};
#endif

#define BATCH struct NAME(Batch)

BATCH {
    void *memory;           /* of all arrays */
    int n_rows;
    const int64_t *numbers; /* (n_rows,) which rows */
    REAL *block;            /* (n_rows, n_features) of dense rows */
    const REAL **rows;      /* (n_rows,) */
    const REAL **gates;     /* (n_experts,) */
    REAL *some;             /* (n_features, LANES) of a group of rows, or (gate_width,) */
    REAL *logits;           /* (n_experts, LANES) of a group of rows */
    REAL *best;             /* (top_k, LANES) the largest of these, from the largest on */
    INTEGER *words;         /* (n_words, LANES) bits of the experts chosen of these */
    int32_t *chosen;        /* (n_rows, top_k) experts, ascending */
    REAL *weights;          /* (n_groups, top_k, LANES) */
    REAL *slopes;           /* the same: of the log of a sigmoid in its logit */
    int32_t *bounds;        /* (n_experts + 1) pairs of each expert */
    int32_t *places;        /* (n_rows, top_k) where a pair is in the order of experts */
    int32_t *pair_rows;     /* (n_pairs,) row of a pair in the order of experts */
    const REAL **pair_pointers; /* (n_pairs,) */
    REAL *outputs;          /* (n_pairs, width) in the order of experts */
    REAL *combined;         /* (n_rows, width) */
    REAL *pulls;            /* (n_pairs,): derivatives of the loss in the logits */
    REAL *row_pulls;        /* (top_k,) */
};

#include "gated_routing.h"


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
    NAME(route)(m, b);
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
        const REAL *g = b->weights + NAME(place_of_row)(m, r);
        const int32_t *places = b->places + (size_t)r * k;
        REAL *f = b->combined + (size_t)r * width;
        if (m->narrow) {
            for (s = 0; s < k; s++)
                NAME(add)(
                    width, g[s * LANES], b->outputs + (size_t)places[s] * width, f);
            continue;
        }
        for (c = 0; c < width; c += LANES) {
            const REAL *o = b->outputs + c;
            VEC sum = *(VEC *)(f + c);
            for (s = 0; s < k; s++)
                sum += g[s * LANES] * *(const VEC *)(o + (size_t)places[s] * width);
            *(VEC *)(f + c) = sum;
        }
    }
}
