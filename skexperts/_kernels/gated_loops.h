/* Loss and gradient of a mixture of linear experts, steps of Adam, and answers. Included
 * once for each float type, after gated_forward.h, with EXP and LOG defined. */

#define LOG_LOSS 0
#define SQUARED_HINGE 1
#define SQUARED_ERROR 2

/* exp(f - top) in place, with its sum and the largest value, top. */
INLINE REAL NAME(exp_row)(const struct Gated *m, REAL *f, REAL *total)
{
    const int n = m->n_outputs, width = m->width;
    VEC tops, sums = {0};
    REAL top = f[0];
    int c;
    if (m->narrow) {
        for (c = 1; c < n; c++)
            top = f[c] > top ? f[c] : top;
        for (c = 0; c < n; c++) {
            f[c] = EXP(f[c] - top);
            *total += f[c];
        }
        return top;
    }
    for (c = n; c < width; c++)
        f[c] = -INFINITY;
    tops = *(VEC *)f;
    for (c = LANES; c < width; c += LANES)
        tops = NAME(larger)(tops, *(VEC *)(f + c));
    top = NAME(largest_lane)(tops);
    for (c = 0; c < width; c += LANES) {
        const VEC u = NAME(exp_lanes)(*(VEC *)(f + c) - top);
        *(VEC *)(f + c) = u;
        sums += u;
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
        top = NAME(exp_row)(m, f, &total);
        value = LOG(total) + top - (1 - smoothing) * own - off * sum;
        total = weight / total;
        for (c = 0; c < n_outputs; c++)
            f[c] = total * f[c] - weight * off;
        f[label] -= weight * (1 - smoothing);
    } else if (loss == SQUARED_HINGE) {
        for (c = 0; c < n_outputs; c++) {
            const REAL sign = (n_outputs == 1 ? label == 1 : label == c) ? 1 : -1;
            REAL short_of = 1 - sign * f[c];
            short_of = short_of < 0 ? 0 : short_of; /* NaN stays. */
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

/* The loss of a batch; its derivatives take the place of the outputs. */
INLINE double NAME(find_loss)(const struct Gated *m, BATCH *b)
{
    const int width = m->width, k = m->top_k, n = m->n_outputs, n_pairs = b->n_rows * k;
    const REAL per_pair = (REAL)m->balance * m->n_experts / ((REAL)b->n_rows * n_pairs);
    const REAL *row_weights = m->row_weights;
    REAL *losses = m->losses;
    double total = 0;
    int r, s, c;
    for (r = 0; r < b->n_rows; r++) {
        REAL *f = b->combined + (size_t)r * width;
        REAL mean = 0;
        const size_t q = (size_t)r * k;
        const size_t at = NAME(place_of_row)(m, r);
        const REAL *g = b->weights + at;
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
            b->row_pulls[s] = pull;
            mean += g[s * LANES] * pull;
        }
        for (s = 0; s < k; s++) {
            const int place = b->places[q + s];
            REAL *o = b->outputs + (size_t)place * width;
            const REAL weight = g[s * LANES];
            REAL slope = weight * (b->row_pulls[s] - mean);
            if (m->gate != SOFTMAX)
                slope *= b->slopes[at + s * LANES];
            if (m->narrow) {
                for (c = 0; c < n; c++)
                    o[c] = weight * f[c];
                b->pulls[place] = slope;
            } else {
                for (c = 0; c < width; c += LANES)
                    *(VEC *)(o + c) = weight * *(VEC *)(f + c);
                o[n] = slope;
            }
        }
    }
    return total;
}

/* Add the gradient of an expert, or of the shared one, which comes last. */
INLINE void NAME(backward)(const struct Gated *m, BATCH *b, int e, REAL *gradient)
{
    if (e == m->n_experts)
        NAME(add_gradient)(m, b, b->n_rows, b->rows, NULL, b->combined, NULL, gradient);
    else {
        const int first = b->bounds[e];
        NAME(add_gradient)(
            m, b, b->bounds[e + 1] - first, b->pair_pointers + first,
            b->pair_rows + first, b->outputs + (size_t)first * m->width,
            b->pulls + first, gradient);
    }
}

#ifdef DOUBLE
#define INVERSE_SQRT(x) (1 / sqrt(x))
#else
/* 1 / sqrt(x) of a positive x to 5 parts in 10^6, without a division: from half the
 * exponent, by two steps of Newton. */
INLINE float NAME(inverse_sqrt)(float x)
{
    union {
        float real;
        int32_t bits;
    } y = {x};
    y.bits = 0x5f3759df - (y.bits >> 1);
    y.real *= 1.5f - 0.5f * x * y.real * y.real;
    return y.real * (1.5f - 0.5f * x * y.real * y.real);
}
#define INVERSE_SQRT(x) NAME(inverse_sqrt)(x)
#endif

/* A step of Adam on an expert, whose penalties are applied in the metric of the step:
 * decay, and the proximal step of an L1 norm. The gradient becomes 0. */
INLINE void NAME(adam)(
    size_t n, REAL *restrict w, REAL *restrict gradient, REAL *restrict first,
    REAL *restrict second, const REAL *restrict l1, const REAL *restrict l2, REAL rate,
    REAL correct1, REAL correct2)
{
    const REAL beta1 = (REAL)0.9, beta2 = (REAL)0.999;
    const REAL step = rate * correct2 / correct1;
    const REAL least = (REAL)1e-12 * correct2 * correct2;
    size_t i;
    for (i = 0; i < n; i++) {
        const REAL g = gradient[i], f = beta1 * first[i] + (1 - beta1) * g;
        const REAL s = beta2 * second[i] + (1 - beta2) * g * g;
        const REAL scale = INVERSE_SQRT(s + least);
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
INLINE void NAME(copy_gates)(const struct Gated *m, BATCH *b)
{
    const int p = m->n_features, n = m->n_outputs, width = m->gate_width;
    const size_t size = NAME(size)(m);
    REAL *gates = m->gates;
    int e, j;
    for (e = 0; e < m->n_experts; e++) {
        const REAL *own = (REAL *)m->experts + e * size
            + (m->narrow ? (size_t)n * p : (size_t)n);
        b->gates[e] = gates + (size_t)e * p;
        for (j = 0; j < p; j++)
            gates[m->X ? (size_t)e * p + j : (size_t)j * width + e]
                = own[m->narrow ? j : (size_t)j * m->width];
    }
}

INLINE int NAME(allocate)(const struct Gated *m, BATCH *b, int most_rows)
{
    const size_t n = most_rows, n_pairs = n * m->top_k, n_experts = m->n_experts;
    const size_t n_group = (size_t)m->n_features * LANES, n_gates = m->gate_width;
    const size_t n_some = n_group > n_gates ? n_group : n_gates;
    const size_t n_weights = (n + LANES - 1) / LANES * LANES * m->top_k;
    const size_t n_reals = n * m->n_features + n * m->width + n_pairs * (1 + m->width)
        + 2 * n_weights + n_some + (n_experts + m->top_k + NAME(n_words)(m)) * LANES
        + m->top_k;
    const size_t n_ints = 3 * n_pairs + n_experts + 1;
    /* Sums may be split where a vector is aligned: that must not be up to chance. */
    const size_t n_bytes = 63 + (n + n_pairs + n_experts) * sizeof(REAL *)
        + n_reals * sizeof(REAL) + n_ints * sizeof(int32_t);
    /* Pairs are numbered by int. */
    char *memory = n_pairs > INT32_MAX ? NULL : malloc(n_bytes);
    if (!memory)
        return 0;
    b->memory = memory;
    memory += -(uintptr_t)memory % 64;
    b->rows = (const REAL **)memory;
    b->pair_pointers = b->rows + n;
    b->gates = b->pair_pointers + n_pairs;
    b->some = (REAL *)(b->gates + n_experts);
    b->logits = b->some + n_some;
    b->best = b->logits + n_experts * LANES;
    b->words = (INTEGER *)(b->best + m->top_k * LANES);
    b->weights = (REAL *)b->words + NAME(n_words)(m) * LANES;
    b->slopes = b->weights + n_weights;
    b->outputs = b->slopes + n_weights;
    b->combined = b->outputs + n_pairs * m->width;
    b->block = b->combined + n * m->width;
    b->pulls = b->block + n * m->n_features;
    b->row_pulls = b->pulls + n_pairs;
    b->chosen = (int32_t *)(b->row_pulls + m->top_k);
    b->places = b->chosen + n_pairs;
    b->pair_rows = b->places + n_pairs;
    b->bounds = b->pair_rows + n_pairs;
    /* Of rows that are none. */
    memset(b->weights, 0, n_weights * sizeof(REAL));
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
    unsigned modes;
    int64_t start, step = n_steps;
    int e;
    if (!NAME(allocate)(m, &b, batch_size))
        return -1;
    modes = flush_denormals();
    for (start = 0; start < n_rows; start += batch_size, step++) {
        const int count = n_rows - start < batch_size ? n_rows - start : batch_size;
        NAME(take)(m, &b, order + start, count);
        NAME(copy_gates)(m, &b);
        NAME(forward)(m, &b);
        total += count * NAME(find_loss)(m, &b);
        for (e = 0; e < m->n_experts; e++)
            usage[e] += b.bounds[e + 1] - b.bounds[e];
        const REAL correct1 = (REAL)(1 - pow(0.9, step + 1));
        const REAL correct2 = (REAL)sqrt(1 - pow(0.999, step + 1));
        for (e = 0; e < n_models; e++) {
            NAME(backward)(m, &b, e, gradient);
            NAME(adam)(
                size, experts + e * size, gradient, first + e * size, second + e * size,
                l1, l2, (REAL)rates[step - n_steps], correct1, correct2);
        }
    }
    restore_modes(modes);
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
    int e;
    if (!NAME(allocate)(m, &b, n_rows))
        return -1;
    NAME(take)(m, &b, order, n_rows);
    NAME(copy_gates)(m, &b);
    NAME(forward)(m, &b);
    total = NAME(find_loss)(m, &b);
    for (e = 0; e < m->n_experts + (m->shared != NULL); e++)
        NAME(backward)(m, &b, e, gradient + e * NAME(size)(m));
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
    NAME(copy_gates)(m, &b);
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
        for (r = 0; r < count; r++)
            for (s = 0; s < k; s++)
                weights[(start + r) * k + s]
                    = b.weights[NAME(place_of_row)(m, r) + s * LANES];
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

#undef INVERSE_SQRT
#undef LANES
#undef VEC
#undef BITS
#undef PART
#undef PART_BITS
#undef WORD_BITS
#undef BATCH
