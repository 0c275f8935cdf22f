# The atoms in use of a row, their coefficients, and the Cholesky factor of their Gram
# matrix.


cdef struct Active:
    int capacity       # atoms that the factor has room for
    int size
    int* chosen        # atoms in use
    double* z          # their coefficients
    double* sign
    double* step
    double* factor     # lower Cholesky factor, (capacity, capacity), 1 / its diagonal


cdef int reserve(Active* A, int capacity, int k) noexcept nogil:
    A.capacity = capacity
    A.chosen = <int*> malloc(k * sizeof(int))
    A.z = <double*> malloc(k * sizeof(double))
    A.sign = <double*> malloc(k * sizeof(double))
    A.step = <double*> malloc(k * sizeof(double))
    A.factor = <double*> malloc(<size_t> capacity * capacity * sizeof(double))
    return (
        A.chosen != NULL and A.z != NULL and A.sign != NULL and A.step != NULL
        and A.factor != NULL
    )


cdef void release(Active* A) noexcept nogil:
    free(A.chosen)
    free(A.z)
    free(A.sign)
    free(A.step)
    free(A.factor)


cdef double factor_row(
    Active* A, int m, const floating* gram, int k, double l2, double flat
) noexcept nogil:
    """Fill row m of the factor; returns the squared distance of the atom from the rest.

    At least ``flat`` of its squared norm is taken for it.
    """
    cdef int a, c
    cdef double total, rest
    cdef double* row = A.factor + <size_t> m * A.capacity
    cdef double* other
    cdef const floating* products = gram + <size_t> A.chosen[m] * k
    cdef double own = products[A.chosen[m]] + l2
    rest = own
    for a in range(m):
        other = A.factor + <size_t> a * A.capacity
        total = products[A.chosen[a]]
        for c in range(a):
            total -= row[c] * other[c]
        row[a] = total * other[a]
        rest -= row[a] * row[a]
    row[m] = 1 / sqrt(max(rest, flat * own))
    return rest


cdef void solve(Active* A) noexcept nogil:
    """Replace step by the solution for it as right-hand side."""
    cdef int a, c
    cdef double total
    cdef double* row
    for a in range(A.size):
        row = A.factor + <size_t> a * A.capacity
        total = A.step[a]
        for c in range(a):
            total -= row[c] * A.step[c]
        A.step[a] = total * row[a]
    for a in range(A.size - 1, -1, -1):
        row = A.factor + <size_t> a * A.capacity
        total = A.step[a] * row[a]
        A.step[a] = total
        for c in range(a):
            A.step[c] -= row[c] * total


cdef double walk(
    Active* A, const floating* gram, int k, double l2, double flat
) noexcept nogil:
    """Go along the step up to the first atom that gets to zero, which leaves.

    Returns the length, 1 if none got there.
    """
    cdef int a, m = 0, first = A.size
    cdef double length = 1, value
    for a in range(A.size):
        value = A.z[a] + A.step[a]
        if value * A.sign[a] < 0 and -A.z[a] / A.step[a] < length:
            length = -A.z[a] / A.step[a]
    for a in range(A.size):
        value = A.z[a] + length * A.step[a]
        if length < 1 and (A.z[a] + A.step[a]) * A.sign[a] < 0 and (
            -A.z[a] / A.step[a] <= length
        ):
            first = min(first, m)
            continue
        A.z[m], A.sign[m], A.chosen[m] = value, A.sign[a], A.chosen[a]
        m += 1
    A.size = m
    for a in range(first, m):
        factor_row(A, a, gram, k, l2, flat)
    return length
