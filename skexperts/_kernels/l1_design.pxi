# The design matrix of the L1 solver: dense rows or CSR, float or double. All sums are
# in double.

cdef enum:
    BLOCK = 256


cdef struct Design:
    int n
    int d
    int single                # values are float, else double
    int sparse
    int whole                 # all columns are the working set, always
    const void* values        # dense rows, or the values of CSR
    const int32_t* indices
    const int32_t* indptr
    const void* column_values       # the same by columns: CSC
    const int32_t* column_indices
    const int32_t* column_indptr
    int all_columns           # d, before some were chosen
    const double* origin      # near the means of the columns, 0 where sparse
    const int* chosen         # columns that are meant, ascending (not for dense)
    const int* position       # of every column among them, or -1


cdef void dense_gradient(
    const floating* x, int n, int d, const double* u, double* r
) noexcept nogil:
    """r = X'u, of four rows with a force at a time."""
    cdef int i, j, a, m, start
    cdef int[BLOCK + 1] rows
    cdef double u0, u1, u2, u3
    cdef const floating* x0
    cdef const floating* x1
    cdef const floating* x2
    cdef const floating* x3
    memset(r, 0, d * sizeof(double))
    for start in range(0, n, 256):
        m = 0
        for i in range(start, min(start + <int> BLOCK, n)):
            # Overwritten by the next row unless counted.
            rows[m] = i
            m += u[i] != 0
        for a in range(0, m - 3, 4):
            u0, u1, u2, u3 = u[rows[a]], u[rows[a + 1]], u[rows[a + 2]], u[rows[a + 3]]
            x0 = x + <size_t> rows[a] * d
            x1 = x + <size_t> rows[a + 1] * d
            x2 = x + <size_t> rows[a + 2] * d
            x3 = x + <size_t> rows[a + 3] * d
            for j in range(d):
                r[j] += u0 * x0[j] + u1 * x1[j] + (u2 * x2[j] + u3 * x3[j])
        for a in range(m - m % 4, m):
            u0 = u[rows[a]]
            x0 = x + <size_t> rows[a] * d
            for j in range(d):
                r[j] += u0 * x0[j]


cdef void dense_apply(
    const floating* x, int n, int d, const double* v, double* q
) noexcept nogil:
    """q = X v, with sums in double."""
    cdef int i, j, one = 1
    cdef double unit = 1, zero = 0, total
    cdef char transposed = b"T"
    cdef const floating* row
    if floating is double:
        dgemv(&transposed, &d, &n, &unit, <double*> x, &d, <double*> v, &one, &zero, q,
              &one)
    else:
        for i in range(n):
            row = x + <size_t> i * d
            total = 0
            for j in range(d):
                total += row[j] * v[j]
            q[i] = total


cdef void sparse_gradient(
    Design* X, const floating* x, const floating* cx, const double* u, double* r
) noexcept nogil:
    cdef int i, a, p, j, whole = X.d == X.all_columns
    cdef double total
    if whole:
        # By rows: those without a force are left out.
        memset(r, 0, X.d * sizeof(double))
        for i in range(X.n):
            if u[i] != 0:
                for p in range(X.indptr[i], X.indptr[i + 1]):
                    r[X.indices[p]] += u[i] * x[p]
        return
    for a in range(X.d):
        j = X.chosen[a]
        total = 0
        for p in range(X.column_indptr[j], X.column_indptr[j + 1]):
            total += u[X.column_indices[p]] * cx[p]
        r[a] = total


cdef void sparse_apply(
    Design* X, const floating* cx, const double* v, double* q
) noexcept nogil:
    cdef int a, p, j
    memset(q, 0, X.n * sizeof(double))
    for a in range(X.d):
        if v[a] != 0:
            j = X.chosen[a]
            for p in range(X.column_indptr[j], X.column_indptr[j + 1]):
                q[X.column_indices[p]] += v[a] * cx[p]


cdef void gradient(Design* X, const double* u, double* r) noexcept nogil:
    if X.sparse:
        if X.single:
            sparse_gradient(X, <float*> X.values, <float*> X.column_values, u, r)
        else:
            sparse_gradient(X, <double*> X.values, <double*> X.column_values, u, r)
    elif X.single:
        dense_gradient(<float*> X.values, X.n, X.d, u, r)
    else:
        dense_gradient(<double*> X.values, X.n, X.d, u, r)


cdef void apply(Design* X, const double* v, double* q) noexcept nogil:
    if X.sparse:
        if X.single:
            sparse_apply(X, <float*> X.column_values, v, q)
        else:
            sparse_apply(X, <double*> X.column_values, v, q)
    elif X.single:
        dense_apply(<float*> X.values, X.n, X.d, v, q)
    else:
        dense_apply(<double*> X.values, X.n, X.d, v, q)


cdef void dense_add(
    Design* X, const floating* x, const double* c, const int* rows, int m, double sign,
    double* gram, double* pack
) noexcept nogil:
    cdef int a, j, d = X.d, p = d + 1, packed = 0
    cdef double root, one = 1
    cdef char upper = b"U", plain = b"N"
    cdef double* row
    cdef const floating* xi
    for a in range(m):
        root = sqrt(c[rows[a]])
        row = pack + packed * p
        xi = x + <size_t> rows[a] * d
        for j in range(d):
            row[j] = root * (xi[j] - X.origin[j])
        row[d] = root
        packed += 1
        if packed == BLOCK or a == m - 1:
            dsyrk(&upper, &plain, &p, &packed, &sign, pack, &p, &one, gram, &p)
            packed = 0


cdef void sparse_add(
    Design* X, const floating* x, const double* c, const int* rows, int m, double sign,
    double* gram, double* value, int* place
) noexcept nogil:
    cdef int e, i, a, b, few, p = X.d + 1
    cdef double weight
    cdef double* row
    for e in range(m):
        i = rows[e]
        weight = sign * c[i]
        few = 0
        for a in range(X.indptr[i], X.indptr[i + 1]):
            # Overwritten by the next where the column is not chosen.
            place[few] = X.position[X.indices[a]]
            value[few] = x[a]
            few += place[few] >= 0
        row = gram + <size_t> X.d * p
        row[X.d] += weight
        for a in range(few):
            row[place[a]] += weight * value[a]
        for a in range(few):
            row = gram + <size_t> place[a] * p
            for b in range(a + 1):
                row[place[b]] += weight * value[a] * value[b]


cdef void sum_rows(
    const floating* x, int n, int d, int stride, double* total
) noexcept nogil:
    cdef int i, j
    for i in range(n):
        if i % stride == 0:
            for j in range(d):
                total[j] += x[<size_t> i * d + j]


cdef void find_origin(Design* X, double* origin) noexcept nogil:
    """Means of some rows. From there the Gram matrix loses no digits to an offset."""
    cdef int j, stride = 1 + X.n // BLOCK
    if X.sparse:
        return
    if X.single:
        sum_rows(<float*> X.values, X.n, X.d, stride, origin)
    else:
        sum_rows(<double*> X.values, X.n, X.d, stride, origin)
    for j in range(X.d):
        origin[j] /= 1 + (X.n - 1) // stride


cdef void add_rows(
    Design* X, const double* c, const int* rows, int m, double sign, double* gram,
    double* pack, int* place
) noexcept nogil:
    """Add m rows to the lower triangle of the Gram matrix of (X - origin, 1)."""
    if X.sparse:
        if X.single:
            sparse_add(X, <float*> X.values, c, rows, m, sign, gram, pack, place)
        else:
            sparse_add(X, <double*> X.values, c, rows, m, sign, gram, pack, place)
    elif X.single:
        dense_add(X, <float*> X.values, c, rows, m, sign, gram, pack)
    else:
        dense_add(X, <double*> X.values, c, rows, m, sign, gram, pack)


cdef void dense_columns(
    const floating* x, int n, int d, const int* chosen, int k, floating* z
) noexcept nogil:
    cdef int i, j
    for i in range(n):
        for j in range(k):
            z[<size_t> i * k + j] = x[<size_t> i * d + chosen[j]]


cdef void columns(
    Design* X, const int* chosen, const int* position, int k, void* values,
    double* origin, Design* Z
) noexcept nogil:
    """Let Z be the chosen columns of X: a copy if X is dense."""
    cdef int j
    memcpy(Z, X, sizeof(Design))
    if k == X.d:
        return
    for j in range(k):
        origin[j] = X.origin[chosen[j]]
    Z.d, Z.chosen, Z.position, Z.origin = k, chosen, position, origin
    if not X.sparse:
        Z.values = values
        if X.single:
            dense_columns(<float*> X.values, X.n, X.d, chosen, k, <float*> values)
        else:
            dense_columns(<double*> X.values, X.n, X.d, chosen, k, <double*> values)
