/* Routing of the rows of a batch: the experts of their largest logits, and the weights of
 * these. Rows are taken in groups of LANES, each in a lane of its own, so that sums,
 * orders and exponentials of a row need no other lane. Part of gated_forward.h. */

#define WORD_BITS ((int)sizeof(REAL) * 8)

/* Words of the bits of all experts. */
INLINE int NAME(n_words)(const struct Gated *m)
{
    return (m->n_experts + WORD_BITS - 1) / WORD_BITS;
}

/* Where the weights of a row begin; they are LANES apart. */
INLINE size_t NAME(place_of_row)(const struct Gated *m, int r)
{
    return (size_t)(r / LANES) * m->top_k * LANES + r % LANES;
}

/* Logits of all experts for a group of rows. */
INLINE void NAME(find_logits)(const struct Gated *m, BATCH *b, int first, int n_rows)
{
    const int p = m->n_features, width = m->gate_width;
    const REAL *gates = m->gates, *x = m->values;
    REAL *some = b->some, *logits = b->logits;
    int r, e, j;
    int32_t t;
    if (m->X) {
        for (r = 0; r < LANES; r++) {
            /* The last row stands for those that are none. */
            x = b->rows[first + (r < n_rows ? r : n_rows - 1)];
            for (j = 0; j < p; j++)
                some[(size_t)j * LANES + r] = x[j];
        }
        NAME(multiply)(m->n_experts, p, b->gates, some, LANES, LANES, logits, LANES);
        return;
    }
    for (r = 0; r < LANES; r++) {
        const int32_t *start
            = m->starts + b->numbers[first + (r < n_rows ? r : n_rows - 1)];
        memcpy(some, gates + (size_t)(p - 1) * width, width * sizeof(REAL));
        for (t = start[0]; t < start[1]; t++)
            NAME(add_lanes)(width, x[t], gates + (size_t)m->columns[t] * width, some);
        for (e = 0; e < m->n_experts; e++)
            logits[(size_t)e * LANES + r] = some[e];
    }
}

/* Read logits; those that are not numbers become the last ones, also in place. */
INLINE PART NAME(take_number)(PART *place, PART last)
{
    const PART_BITS number = *place == *place;
    *place = (PART)((number & (PART_BITS)*place) | (~number & (PART_BITS)last));
    return *place;
}

/* Sort the largest logits of each row of a group into best, by insertion. Sets low to the
 * least logit; what is not a number becomes -INFINITY. */
INLINE void NAME(sort_best)(const struct Gated *m, BATCH *b, REAL *low)
{
    const int n_experts = m->n_experts, k = m->top_k;
    const PART last = (PART){0} - INFINITY;
    int part, e, s;
    for (part = 0; part < LANES; part += LANES / 2) {
        REAL *best = b->best + part, *logits = b->logits + part;
        PART least = -last;
        for (s = 0; s < k; s++)
            *(PART *)(best + s * LANES) = last;
        for (e = 0; e < n_experts; e += 2, logits += 2 * LANES) {
            /* Two at a time, to load and store less. */
            PART x = NAME(take_number)((PART *)logits, last), y = last;
            least = NAME(smaller_part)(least, x);
            if (e + 1 < n_experts) {
                y = NAME(take_number)((PART *)(logits + LANES), last);
                least = NAME(smaller_part)(least, y);
            }
            for (s = 0; s < k && s <= e + 1; s++) {
                PART *place = (PART *)(best + s * LANES);
                const PART old = *place, larger = NAME(larger_part)(x, old);
                *place = NAME(larger_part)(y, larger);
                x = NAME(smaller_part)(x, old);
                y = NAME(smaller_part)(y, larger);
            }
        }
        *(PART *)(low + part) = least;
    }
}

/* Choose the experts of the top_k largest logits of each row of a group, of equal logits
 * the first ones. Sets top to the largest logit, to NaN if any is not finite. */
INLINE void NAME(choose)(
    const struct Gated *m, BATCH *b, int first, int n_rows, REAL *top)
{
    const int n_experts = m->n_experts, k = m->top_k;
    const REAL *kth = b->best + (size_t)(k - 1) * LANES, *best = b->best;
    INTEGER *words = b->words, ties[LANES] = {0};
    REAL low[LANES];
    int r, e, s, c;
    NAME(sort_best)(m, b, low);
    for (c = 0; c < LANES; c++)
        top[c] = best[c] < INFINITY && low[c] > -INFINITY ? best[c] : NAN;
    for (s = 0; s < k; s++)
        for (c = 0; c < LANES; c++)
            ties[c] += best[s * LANES + c] == kth[c];
    memset(words, 0, NAME(n_words)(m) * LANES * sizeof(INTEGER));
    for (e = 0; e < n_experts; e++) {
        const REAL *restrict z = b->logits + (size_t)e * LANES;
        INTEGER *restrict word = words + e / WORD_BITS * LANES;
        for (c = 0; c < LANES; c++) {
            const INTEGER tie = (z[c] == kth[c]) & (ties[c] > 0);
            word[c] |= (tie | (z[c] > kth[c])) << e % WORD_BITS;
            ties[c] -= tie;
        }
    }
    for (r = 0; r < n_rows; r++) {
        int32_t *chosen = b->chosen + (size_t)(first + r) * k;
        const UNSIGNED *word = (const UNSIGNED *)words + r;
        UNSIGNED bits = *word;
        for (s = 0, e = 0; s < k; s++) {
            for (; !bits; e += WORD_BITS)
                bits = *(word += LANES);
            chosen[s] = e + __builtin_ctzll(bits);
            bits &= bits - 1;
        }
    }
}

/* Weights of the chosen experts of each row of a group, which sum to 1, or are NaN if a
 * logit is not finite. */
INLINE void NAME(weigh)(
    const struct Gated *m, BATCH *b, int first, int n_rows, const REAL *top)
{
    const int k = m->top_k;
    const size_t place = NAME(place_of_row)(m, first);
    const VEC tops = *(const VEC *)top, zero = {0};
    REAL *g = b->weights + place;
    VEC total;
    int r, s;
    for (r = 0; r < LANES; r++)
        total[r] = isnan(top[r]) ? NAN : 0;
    for (r = 0; r < n_rows; r++) {
        const int32_t *chosen = b->chosen + (size_t)(first + r) * k;
        for (s = 0; s < k; s++)
            g[s * LANES + r] = b->logits[(size_t)chosen[s] * LANES + r];
    }
    for (s = 0; s < k; s++) {
        VEC *own = (VEC *)(g + s * LANES);
        if (m->gate == SOFTMAX)
            *own = NAME(exp_lanes)(*own - tops);
        else {
            /* Sigmoids, over exp(top) if that is less than 1: no weight underflows with
             * all others. */
            const VEC u = *own, below = NAME(larger)(-u, zero);
            const VEC one = 1 + NAME(exp_lanes)(-NAME(larger)(u, -u));
            *own = NAME(exp_lanes)(NAME(larger)(-tops, zero) - below) / one;
            *(VEC *)(b->slopes + place + s * LANES)
                = NAME(exp_lanes)(-NAME(larger)(u, zero)) / one;
        }
        total += *own;
    }
    total = 1 / total;
    for (s = 0; s < k; s++)
        *(VEC *)(g + s * LANES) *= total;
}

/* Choose the experts of the rows of a batch, and weigh them. */
INLINE void NAME(route)(const struct Gated *m, BATCH *b)
{
    REAL top[LANES];
    int first;
    for (first = 0; first < b->n_rows; first += LANES) {
        const int left = b->n_rows - first, n_rows = left < LANES ? left : LANES;
        NAME(find_logits)(m, b, first, n_rows);
        NAME(choose)(m, b, first, n_rows, top);
        NAME(weigh)(m, b, first, n_rows, top);
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

