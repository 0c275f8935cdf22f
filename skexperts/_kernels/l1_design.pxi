# The design matrix of the L1 solver: dense rows or CSR, float or double. All sums are
# kept in double; only the products of a block of float rows are float.

cdef enum:
    BLOCK = 256


cdef struct Design:
    int n
    int d
    int single                # values are float, else double
    const void* values        # dense rows, or the values of CSR
    const int32_t* indices    # NULL for dense
    const int32_t* indptr


cdef void dense_gradient(
    floating* x, int n, int d, const double* u, double* r, floating* buffer
) noexcept nogil:
    """r = X'u; buffer holds d + BLOCK values."""
    cdef int i, j, m, start = 0, one = 1
    cdef floating unit = 1, zero = 0
    cdef char plain = b"N"
    cdef floating* part = buffer
    cdef floating* u_block = buffer + d
    if floating is double:
        dgemv(&plain, &d, &n, &unit, x, &d, <double*> u, &one, &zero, r, &one)
    else:
        memset(r, 0, d * sizeof(double))
        while start < n:
            m = min(<int> BLOCK, n - start)
            for i in range(m):
                u_block[i] = <floating> u[start + i]
            sgemv(&plain, &d, &m, &unit, x + <size_t> start * d, &d, u_block, &one,
                  &zero, part, &one)
            for j in range(d):
                r[j] += part[j]
            start += m


cdef void dense_apply(
    floating* x, int n, int d, const double* v, double* q, floating* buffer
) noexcept nogil:
    """q = X v; buffer holds d + BLOCK values."""
    cdef int i, j, m, start = 0, one = 1
    cdef floating unit = 1, zero = 0
    cdef char transposed = b"T"
    cdef floating* part = buffer + d
    if floating is double:
        dgemv(&transposed, &d, &n, &unit, x, &d, <double*> v, &one, &zero, q, &one)
    else:
        for j in range(d):
            buffer[j] = <floating> v[j]
        while start < n:
            m = min(<int> BLOCK, n - start)
            sgemv(&transposed, &d, &m, &unit, x + <size_t> start * d, &d, buffer, &one,
                  &zero, part, &one)
            for i in range(m):
                q[start + i] = part[i]
            start += m


cdef void sparse_gradient(
    const floating* x, const int32_t* indices, const int32_t* indptr, int n, int d,
    const double* u, double* r
) noexcept nogil:
    cdef int i, p
    memset(r, 0, d * sizeof(double))
    for i in range(n):
        if u[i] != 0:
            for p in range(indptr[i], indptr[i + 1]):
                r[indices[p]] += u[i] * x[p]


cdef void sparse_apply(
    const floating* x, const int32_t* indices, const int32_t* indptr, int n,
    const double* v, double* q
) noexcept nogil:
    cdef int i, p
    cdef double total
    for i in range(n):
        total = 0
        for p in range(indptr[i], indptr[i + 1]):
            total += v[indices[p]] * x[p]
        q[i] = total


cdef void gradient(Design* X, const double* u, double* r, void* buffer) noexcept nogil:
    if X.indices == NULL:
        if X.single:
            dense_gradient(<float*> X.values, X.n, X.d, u, r, <float*> buffer)
        else:
            dense_gradient(<double*> X.values, X.n, X.d, u, r, <double*> buffer)
    elif X.single:
        sparse_gradient(<float*> X.values, X.indices, X.indptr, X.n, X.d, u, r)
    else:
        sparse_gradient(<double*> X.values, X.indices, X.indptr, X.n, X.d, u, r)


cdef void apply(Design* X, const double* v, double* q, void* buffer) noexcept nogil:
    if X.indices == NULL:
        if X.single:
            dense_apply(<float*> X.values, X.n, X.d, v, q, <float*> buffer)
        else:
            dense_apply(<double*> X.values, X.n, X.d, v, q, <double*> buffer)
    elif X.single:
        sparse_apply(<float*> X.values, X.indices, X.indptr, X.n, v, q)
    else:
        sparse_apply(<double*> X.values, X.indices, X.indptr, X.n, v, q)


cdef void dense_add(
    const floating* x, int n, int d, const double* c, const char* active, char* inside,
    int enter, double* gram, double* pack
) noexcept nogil:
    """Add to the Gram matrix of (X, 1), or take away, the rows that changed sides."""
    cdef int i, j, m = 0, p = d + 1
    cdef double root, sign = 1.0 if enter else -1.0, one = 1
    cdef char upper = b"U", plain = b"N"
    cdef double* row
    cdef const floating* xi
    for i in range(n):
        if active[i] == enter and inside[i] != enter:
            inside[i] = <char> enter
            root = sqrt(c[i])
            row = pack + m * p
            xi = x + <size_t> i * d
            for j in range(d):
                row[j] = root * xi[j]
            row[d] = root
            m += 1
        if m == BLOCK or (m > 0 and i == n - 1):
            dsyrk(&upper, &plain, &p, &m, &sign, pack, &p, &one, gram, &p)
            m = 0


cdef void sparse_add(
    const floating* x, const int32_t* indices, const int32_t* indptr, int n, int d,
    const double* c, const char* active, char* inside, int enter, double* gram
) noexcept nogil:
    cdef int i, a, b, p = d + 1
    cdef double weight
    cdef double* row
    for i in range(n):
        if active[i] == enter and inside[i] != enter:
            inside[i] = <char> enter
            weight = c[i] if enter else -c[i]
            gram[<size_t> d * p + d] += weight
            for a in range(indptr[i], indptr[i + 1]):
                gram[<size_t> d * p + indices[a]] += weight * x[a]
                row = gram + <size_t> indices[a] * p
                for b in range(indptr[i], a + 1):
                    row[indices[b]] += weight * x[a] * x[b]


cdef void add_rows(
    Design* X, const double* c, const char* active, char* inside, int enter,
    double* gram, double* pack
) noexcept nogil:
    """Lower triangle of the Gram matrix, in C order; the last row is the intercept."""
    if X.indices == NULL:
        if X.single:
            dense_add(<float*> X.values, X.n, X.d, c, active, inside, enter, gram,
                      pack)
        else:
            dense_add(<double*> X.values, X.n, X.d, c, active, inside, enter, gram,
                      pack)
    elif X.single:
        sparse_add(<float*> X.values, X.indices, X.indptr, X.n, X.d, c, active, inside,
                   enter, gram)
    else:
        sparse_add(<double*> X.values, X.indices, X.indptr, X.n, X.d, c, active, inside,
                   enter, gram)


cdef void dense_columns(
    const floating* x, int n, int d, const int* chosen, int k, floating* z
) noexcept nogil:
    cdef int i, j
    for i in range(n):
        for j in range(k):
            z[<size_t> i * k + j] = x[<size_t> i * d + chosen[j]]


cdef void sparse_columns(
    const floating* x, const int32_t* indices, const int32_t* indptr, int n,
    const int* position, floating* z, int32_t* z_indices, int32_t* z_indptr
) noexcept nogil:
    cdef int i, p, m = 0
    z_indptr[0] = 0
    for i in range(n):
        for p in range(indptr[i], indptr[i + 1]):
            if position[indices[p]] >= 0:
                z[m] = x[p]
                z_indices[m] = position[indices[p]]
                m += 1
        z_indptr[i + 1] = m


cdef void columns(
    Design* X, const int* chosen, const int* position, int k, void* values,
    int32_t* indices, int32_t* indptr, Design* Z
) noexcept nogil:
    """Copy the chosen columns of X, in ascending order, to Z."""
    Z.n, Z.d, Z.single = X.n, k, X.single
    Z.values, Z.indices, Z.indptr = values, indices, indptr
    if X.indices == NULL:
        if X.single:
            dense_columns(<float*> X.values, X.n, X.d, chosen, k, <float*> values)
        else:
            dense_columns(<double*> X.values, X.n, X.d, chosen, k, <double*> values)
    elif X.single:
        sparse_columns(<float*> X.values, X.indices, X.indptr, X.n, position,
                       <float*> values, indices, indptr)
    else:
        sparse_columns(<double*> X.values, X.indices, X.indptr, X.n, position,
                       <double*> values, indices, indptr)
