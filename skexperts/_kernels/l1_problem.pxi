# One problem, its workspace, and what is one-dimensional about it: the intercept, the
# step length, the duality gap.

cdef enum:
    # Up to so many columns all are the working set; of more it may always have so many.
    SMALL = 64

# Relative sum of the forces at which the intercept is at its best.
cdef double BALANCED = 1e-12


cdef struct Problem:
    const double* lo
    const double* hi
    const double* c
    int intercept
    double penalty
    double stage       # penalty of now, on the way down to the one above
    double* v
    double b
    double loss
    double total       # sum of the forces u
    double size        # and of their absolute values
    double mass        # sum of c over the rows outside of their intervals
    double work        # u'f
    double along       # u'q, and the second derivative of the loss in that direction
    double bend


cdef struct Work:
    Design Z           # the working set
    double* f
    double* u
    double* q
    double* r
    char* inside       # rows that the Gram matrix has
    int* enter         # rows that it is to get, and to lose
    int* leave
    int* chosen        # columns of the working set, ascending
    int* position      # of every column in the working set, or -1
    int capacity       # columns that there is room for
    double* gram       # (k + 1, k + 1), the intercept last
    double* model      # (k, k), the intercept eliminated
    double* factor     # (k, k)
    double* delta
    double* slope
    double* rhs
    double* v
    int* face
    double* pack       # (BLOCK, k + 1)
    void* values       # the working set's columns, if dense
    double* origin     # and theirs


cdef void move(Work* ws, Problem* P, int n, double t, double shift) noexcept nogil:
    """Move f by t q + shift, and fill in all that depends on it."""
    cdef int i
    cdef double f, q, c, u, below, above, e, inside
    cdef double loss = 0, total = 0, size = 0, mass = 0, work = 0, along = 0, bend = 0
    for i in range(n):
        q = ws.q[i]
        f = ws.f[i] + (t * q + shift)
        ws.f[i] = f
        below = P.lo[i] - f
        above = f - P.hi[i]
        below = below if below > 0 else 0.0
        above = above if above > 0 else 0.0
        e = below - above
        u = P.c[i] * e
        ws.u[i] = u
        c = P.c[i] if e != 0 else 0.0
        loss += u * e
        total += u
        size += fabs(u)
        mass += c
        work += u * f
        along += u * q
        bend += c * q * q
    P.loss, P.total, P.size, P.mass = 0.5 * loss, total, size, mass
    P.work, P.along, P.bend = work, along, bend


cdef void center(Work* ws, Problem* P, int n) noexcept nogil:
    """Move f and the intercept to the best intercept."""
    cdef int _
    cdef double at = 0, shift, least = -INFINITY, most = INFINITY
    for _ in range(100):
        if not P.intercept or P.mass <= 0 or fabs(P.total) <= BALANCED * P.size:
            return
        # The sum of the forces falls with the intercept, but in pieces: keep Newton's
        # steps between the intercepts known to be too low and too high.
        if P.total > 0:
            least = at
        else:
            most = at
        shift = P.total / P.mass
        if not least < at + shift < most:
            if not most - least < INFINITY:
                return
            shift = 0.5 * (least + most) - at
        move(ws, P, n, 0, shift)
        P.b += shift
        at += shift


cdef inline double moved(double v, double t, double delta) noexcept nogil:
    """v + t delta, exactly zero where only rounding keeps it from that."""
    cdef double z = v + t * delta
    return z if fabs(z) > 1e-15 * fabs(v) else 0.0


cdef double penalty_slope(
    int k, double t, const double* v, const double* delta, double penalty
) noexcept nogil:
    """Derivative of the penalty at v + t delta: at t = 0 to the right, else left."""
    cdef int j
    cdef double z, g = 0
    for j in range(k):
        z = moved(v[j], t, delta[j])
        if z > 0:
            g += delta[j]
        elif z < 0:
            g -= delta[j]
        elif t == 0:
            g += fabs(delta[j])
        else:
            g -= fabs(delta[j])
    return penalty * g


cdef double longest_step(
    int k, const double* v, const double* delta
) noexcept nogil:
    """Where beyond 1 the first coordinate gets to zero, 1 if one is at zero by then."""
    cdef int j
    cdef double t = INFINITY
    for j in range(k):
        if v[j] * delta[j] < 0:
            t = min(t, max(1.0, -v[j] / delta[j]))
    return t


cdef double line_search(
    Work* ws, Problem* P, int n, int k, const double* r, const double* v
) noexcept nogil:
    """Move f to where along q the objective stops to fall, to 1 if nearly so.

    Returns how far that is. A coordinate that is zero at 1 is not sent on to the other
    side.
    """
    cdef double first, g, z, at = 0, t = 1, left = 0, right = -1
    cdef double longest = longest_step(k, v, ws.delta)
    cdef int j, _
    first = penalty_slope(k, 0, v, ws.delta, P.stage)
    for j in range(k):
        first -= r[j] * ws.delta[j]
    if first >= 0:
        return 0
    for _ in range(40):
        move(ws, P, n, t - at, 0)
        at = t
        g = penalty_slope(k, t, v, ws.delta, P.stage) - P.along
        if fabs(g) <= -0.1 * first or (g < 0 and t == longest):
            return t
        if g > 0:
            right = t
        else:
            left = t
        z = t - g / P.bend if P.bend > 0 else -1
        if right < 0:
            t = min(longest, z if left < z < 10 * t else 2 * t)
        elif right - left <= 1e-9 * right:
            t = left if left > 0 else right
            break
        else:
            t = z if left < z < right else 0.5 * (left + right)
    else:
        t = left
    move(ws, P, n, t - at, 0)
    return t


cdef double even_shift(Work* ws, Problem* P, int n) noexcept nogil:
    """Where there is no loss: the shift with which f + t (q + shift) meets lower and
    upper bounds at the same t, so that no intercept evades them.
    """
    cdef int i, _
    cdef double low = 0, high = 0, shift, move, lower, upper
    for i in range(n):
        low = min(low, -2 * fabs(ws.q[i]))
    high = -low
    for _ in range(60):
        shift = 0.5 * (low + high)
        lower = upper = INFINITY
        for i in range(n):
            move = ws.q[i] + shift
            if move < 0:
                lower = min(lower, (P.lo[i] - ws.f[i]) / move)
            elif move > 0:
                upper = min(upper, (P.hi[i] - ws.f[i]) / move)
        if lower < upper:
            low = shift
        else:
            high = shift
    return 0.5 * (low + high)


cdef double violation(
    int k, const double* r, const double* v, double penalty
) noexcept nogil:
    """Largest distance of -gradient to the subdifferential of the penalty."""
    cdef int j
    cdef double z, largest = 0
    for j in range(k):
        if v[j] != 0:
            z = fabs(r[j] - penalty) if v[j] > 0 else fabs(r[j] + penalty)
        else:
            z = fabs(r[j]) - penalty
        largest = max(largest, z)
    return largest


cdef double gap_of(
    Work* ws, Problem* P, int d, double* objective
) noexcept nogil:
    """Duality gap of v, with u scaled as the constraints allow and as is best."""
    cdef int j
    cdef double largest = 0, norm = 0, scale, gap
    # With u = c e the dual objective is u'(f + e) - u'e / 2, and u'e is twice the loss.
    cdef double quadratic = 2 * P.loss, linear = P.work + quadratic
    for j in range(d):
        norm += fabs(P.v[j])
        largest = max(largest, fabs(ws.r[j]))
    scale = P.penalty / largest if largest > P.penalty else 1.0
    if quadratic > 0 and linear < scale * quadratic:
        scale = linear / quadratic if linear > 0 else 0.0
    objective[0] = P.loss + P.penalty * norm
    gap = objective[0] - scale * linear + 0.5 * scale * scale * quadratic
    if gap > 0:
        return gap
    # Below zero is rounding, not a number is overflow.
    return 0.0 if gap <= 0 else INFINITY


cdef int choose(
    Design* X, const double* v, Work* ws, double penalty, int* changed, double* covered
) noexcept nogil:
    """Take the support and about as many of the worst violators, or all columns.

    At the penalty ``covered`` no other column violates; ``changed`` says whether the
    choice differs from the last one.
    """
    cdef int j, k = 0, violators = 0, wanted, count, place, _
    cdef double low = penalty, high = penalty, bound
    for j in range(X.d):
        if v[j] != 0:
            k += 1
        elif fabs(ws.r[j]) > penalty:
            violators += 1
            high = max(high, fabs(ws.r[j]))
    wanted = max(<int> SMALL, 2 * k) - k
    if violators > wanted:
        for _ in range(40):
            bound = 0.5 * (low + high)
            count = 0
            for j in range(X.d):
                count += v[j] == 0 and fabs(ws.r[j]) > bound
            if count > wanted:
                low = bound
            else:
                high = bound
                if 5 * count >= 4 * wanted:
                    break
        low = high if high < 1e300 else penalty
    covered[0] = max(low, penalty)
    k = changed[0] = 0
    for j in range(X.d):
        place = -1
        if X.whole or v[j] != 0 or fabs(ws.r[j]) > low:
            ws.chosen[k] = j
            place = k
            k += 1
        if ws.position[j] != place:
            ws.position[j] = place
            changed[0] = 1
    return k


cdef int reserve(Work* ws, Design* X, int k) noexcept nogil:
    """Make room for a working set of k columns; returns whether there is some."""
    cdef size_t p, size = 0
    if k <= ws.capacity:
        return 1
    release(ws)
    k = min(X.d, 2 * k)
    p = k + 1
    if not (X.sparse or X.whole):
        size = <size_t> X.n * k
    ws.gram = <double*> malloc(p * p * sizeof(double))
    ws.model = <double*> malloc(p * p * sizeof(double))
    ws.factor = <double*> malloc(p * p * sizeof(double))
    ws.delta = <double*> malloc(p * sizeof(double))
    ws.slope = <double*> malloc(p * sizeof(double))
    ws.rhs = <double*> malloc(p * sizeof(double))
    ws.v = <double*> malloc(p * sizeof(double))
    ws.face = <int*> malloc(p * sizeof(int))
    ws.pack = <double*> malloc(BLOCK * p * sizeof(double))
    ws.origin = <double*> malloc(p * sizeof(double))
    ws.values = malloc((size + 1) * (sizeof(float) if X.single else sizeof(double)))
    ws.capacity = k
    return (
        ws.gram != NULL and ws.model != NULL and ws.factor != NULL
        and ws.delta != NULL and ws.slope != NULL and ws.rhs != NULL
        and ws.v != NULL and ws.face != NULL and ws.pack != NULL
        and ws.origin != NULL and ws.values != NULL
    )


cdef void release(Work* ws) noexcept nogil:
    free(ws.gram)
    free(ws.model)
    free(ws.factor)
    free(ws.delta)
    free(ws.slope)
    free(ws.rhs)
    free(ws.v)
    free(ws.face)
    free(ws.pack)
    free(ws.origin)
    free(ws.values)
