# The quadratic model of a Newton step:
#
#     min over delta of -r'delta + delta'A delta / 2 + penalty |v + delta|_1
#
# by coordinate descent, which finds the support, and exact steps on it, which finish
# where coordinate descent would crawl.


# What is added to the diagonal of the Hessian, relatively: along flat directions
# rounding is no curvature.
cdef double RIDGE = 1e-7


cdef void make_model(
    int k, const double* gram, double pivot, double* A
) noexcept nogil:
    """Eliminate the intercept, with the second derivative pivot, and mirror."""
    cdef int i, j, top, left
    cdef size_t p = k + 1
    cdef double factor
    cdef const double* last = gram + k * p
    cdef const double* row
    for j in range(k):
        row = gram + j * p
        factor = last[j] / pivot if pivot > 0 else 0.0
        for i in range(j + 1):
            A[<size_t> j * k + i] = row[i] - factor * last[i]
        A[<size_t> j * k + j] += RIDGE * row[j]
    for top in range(0, k, 32):
        for left in range(0, top + 1, 32):
            for j in range(top, min(top + 32, k)):
                for i in range(left, min(left + 32, j)):
                    A[<size_t> i * k + j] = A[<size_t> j * k + i]


cdef inline double shrink(double z, double threshold) noexcept nogil:
    if z > threshold:
        return z - threshold
    return z + threshold if z < -threshold else 0.0


cdef double sweep(
    int k, const double* A, const double* r, const double* v, double* delta,
    double* slope, double penalty, double entry
) noexcept nogil:
    """Descend along the non-zero coordinates and those whose gradient exceeds entry.

    slope is A delta. Returns the largest change of a gradient.
    """
    cdef int j, one = 1
    cdef double curvature, old, new, step, largest = 0
    cdef const double* row
    for j in range(k):
        old = v[j] + delta[j]
        if old == 0 and fabs(slope[j] - r[j]) <= entry:
            continue
        row = A + <size_t> j * k
        curvature = row[j]
        if curvature > 0:
            new = shrink(old - (slope[j] - r[j]) / curvature, penalty / curvature)
        else:
            new = 0
        step = new - old
        if step != 0:
            # Exactly -v where the coordinate is to be exactly zero.
            delta[j] = new - v[j]
            daxpy(&k, &step, <double*> row, &one, slope, &one)
            largest = max(largest, fabs(step) * curvature)
    return largest


cdef void step_on_support(
    int k, const double* A, const double* r, const double* v, double* delta,
    double* slope, double penalty, double* factor, double* rhs, int* face
) noexcept nogil:
    """Go to the minimum with the signs of now; a coordinate that reaches 0 stays."""
    cdef int a, b, j, m = 0, info = 0, one = 1, out
    cdef char upper = b"U"
    cdef double largest = 0, length, value, move
    cdef const double* row
    for j in range(k):
        if v[j] + delta[j] != 0 and A[<size_t> j * k + j] > 0:
            face[m] = j
            m += 1
            largest = max(largest, A[<size_t> j * k + j])
    while m > 0:
        for a in range(m):
            j = face[a]
            row = A + <size_t> j * k
            for b in range(m):
                factor[<size_t> a * m + b] = row[face[b]]
            factor[<size_t> a * m + a] += 1e-11 * largest
            rhs[a] = r[j] - slope[j]
            rhs[a] -= penalty if v[j] + delta[j] > 0 else -penalty
        dposv(&upper, &m, &one, factor, &m, rhs, &m, &info)
        if info != 0:
            return
        length = 1
        out = -1
        for a in range(m):
            value = v[face[a]] + delta[face[a]]
            if value * (value + rhs[a]) < 0 and -value / rhs[a] < length:
                length = -value / rhs[a]
                out = a
        for a in range(m):
            j = face[a]
            move = -v[j] - delta[j] if a == out else length * rhs[a]
            delta[j] = -v[j] if a == out else delta[j] + move
            row = A + <size_t> j * k
            for b in range(k):
                slope[b] += move * row[b]
        if out < 0:
            return
        m -= 1
        for a in range(out, m):
            face[a] = face[a + 1]


cdef void solve_model(
    int k, const double* A, const double* r, const double* v, double penalty,
    double accuracy, double* delta, double* slope, double* factor, double* rhs,
    int* face
) noexcept nogil:
    """Solve to gradients of the given accuracy."""
    cdef int i, _
    memset(delta, 0, k * sizeof(double))
    memset(slope, 0, k * sizeof(double))
    for _ in range(100):
        if sweep(k, A, r, v, delta, slope, penalty, penalty + accuracy) <= accuracy:
            return
        # A factorisation costs as much as k / 6 sweeps.
        for i in range(4 + k // 8):
            if sweep(k, A, r, v, delta, slope, penalty, INFINITY) <= accuracy:
                break
        else:
            step_on_support(k, A, r, v, delta, slope, penalty, factor, rhs,
                            face)
