"""Proximal Newton method for L1-penalised squared distances to intervals.

    min over v, b of penalty |v|_1 + 1/2 sum_i c_i dist(x_i'v + b, [lo_i, hi_i])^2

Every row pulls with the force u_i = c_i (nearest point of its interval - f_i). A scaled
u with |X'u| <= penalty and sum_i u_i = 0 is feasible for the dual,

    max over u of sum_i u_i (lo_i if u_i > 0 else hi_i) - 1/2 sum_i u_i^2 / c_i.

The Hessian is the Gram matrix of the rows outside of their intervals, kept up to date
as rows come and go, with the intercept eliminated.
"""

from libc.math cimport INFINITY, fabs, sqrt
from libc.stdint cimport int32_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memset
from scipy.linalg.cython_blas cimport daxpy, dgemv, dsyrk
from scipy.linalg.cython_lapack cimport dposv

ctypedef fused floating:
    float
    double

include "l1_design.pxi"
include "l1_model.pxi"
include "l1_problem.pxi"


cdef int update_gram(Design* Z, const double* c, Work* ws) noexcept nogil:
    """Make it that of the rows outside of their intervals, which are counted."""
    cdef int i, outside, total = 0, enter = 0, leave = 0
    cdef size_t p = Z.d + 1
    for i in range(Z.n):
        outside = ws.u[i] != 0
        # Overwritten by the next row unless counted.
        ws.enter[enter] = ws.leave[leave] = i
        enter += outside > ws.inside[i]
        leave += outside < ws.inside[i]
        total += outside
    if enter + leave > total:
        memset(ws.gram, 0, p * p * sizeof(double))
        memset(ws.inside, 0, Z.n)
        enter = leave = 0
        for i in range(Z.n):
            ws.enter[enter] = i
            enter += ws.u[i] != 0
    add_rows(Z, c, ws.enter, enter, 1, ws.gram, ws.pack, ws.face)
    add_rows(Z, c, ws.leave, leave, -1, ws.gram, ws.pack, ws.face)
    for i in range(enter):
        ws.inside[ws.enter[i]] = 1
    for i in range(leave):
        ws.inside[ws.leave[i]] = 0
    return total


cdef double direction(
    Design* Z, Work* ws, Problem* P, const double* r, const double* v, double accuracy
) noexcept nogil:
    """Fill delta and q = Z delta + the change of the intercept, which is returned."""
    cdef int i, j, k = Z.d
    cdef double shift = 0
    cdef double* last = ws.gram + <size_t> k * (k + 1)
    cdef double pivot = last[k] if P.intercept else 0
    make_model(k, ws.gram, pivot, ws.model)
    solve_model(k, ws.model, r, v, P.stage, accuracy, ws.delta, ws.slope, ws.factor,
                ws.rhs, ws.face)
    apply(Z, ws.delta, ws.q)
    if pivot > 0:
        for j in range(k):
            shift -= (Z.origin[j] + last[j] / pivot) * ws.delta[j]
    for i in range(Z.n):
        ws.q[i] += shift
    return shift


cdef double newton_step(
    Design* Z, Work* ws, Problem* P, const double* r, double* v, double accuracy
) noexcept nogil:
    """Go one step; returns its length, 0 if rounding leaves no way down."""
    cdef int i, j
    cdef double t, shift
    if update_gram(Z, P.c, ws):
        shift = direction(Z, ws, P, r, v, accuracy)
    else:
        for j in range(Z.d):
            ws.delta[j] = -v[j]
        apply(Z, ws.delta, ws.q)
        shift = even_shift(ws, P, Z.n) if P.intercept else 0
        for i in range(Z.n):
            ws.q[i] += shift
    t = line_search(ws, P, Z.n, Z.d, r, v)
    for j in range(Z.d):
        v[j] = moved(v[j], t, ws.delta[j])
    P.b += t * shift
    center(ws, P, Z.n)
    return t


cdef int all_pay(Design* X) noexcept nogil:
    """Whether passes over X are dear next to a Gram matrix of all columns."""
    cdef size_t d = X.d, n_entries = X.indptr[X.n] if X.sparse else X.n * d
    return d <= 1024 and n_entries >= 16 * d * d


cdef void begin(
    Design* X, Work* ws, Problem* P, const double* all_rows
) noexcept nogil:
    """Take the margins of the start, and the Gram matrix of all rows if it is known."""
    cdef int j, at_zero = 1
    cdef size_t p = X.d + 1
    apply(X, P.v, ws.f)
    memset(ws.q, 0, X.n * sizeof(double))
    move(ws, P, X.n, 0, P.b)
    center(ws, P, X.n)
    for j in range(X.d):
        at_zero = at_zero and P.v[j] == 0
        ws.position[j] = -2
    P.stage = P.penalty
    if X.whole:
        memcpy(&ws.Z, X, sizeof(Design))
        for j in range(X.d):
            ws.position[j] = ws.chosen[j] = j
        if all_rows != NULL and at_zero:
            memcpy(ws.gram, all_rows, p * p * sizeof(double))
            memset(ws.inside, 1, X.n)
        else:
            memset(ws.gram, 0, p * p * sizeof(double))
            memset(ws.inside, 0, X.n)
    elif at_zero:
        # Come down from the penalty at which zero is the solution.
        gradient(X, ws.u, ws.r)
        for j in range(X.d):
            P.stage = max(P.stage, fabs(ws.r[j]))


cdef int solve_one(
    Design* X, Work* ws, Problem* P, double tol, int max_iter, double* objective,
    double* gap
) noexcept nogil:
    """Go on to the solution; returns the Newton steps done, -1 if memory ran out."""
    cdef int j, k, _, changed, steps = 0, d = X.d
    cdef size_t p
    cdef double lowest, worst, local, covered, length = 0
    while True:
        gradient(X, ws.u, ws.r)
        gap[0] = gap_of(ws, P, d, objective)
        if gap[0] <= tol * objective[0] or steps >= max_iter:
            return steps
        # As far down as the working set holds all violators, but by no tiny steps.
        lowest = max(P.penalty, 0.25 * P.stage)
        k = choose(X, P.v, ws, lowest, &changed, &covered)
        P.stage = max(lowest, min(covered, 0.5 * P.stage))
        if k == 0:
            return steps
        if not reserve(ws, X, k):
            return -1
        if changed:
            columns(X, ws.chosen, ws.position, k, ws.values, ws.origin, &ws.Z)
            p = k + 1
            memset(ws.gram, 0, p * p * sizeof(double))
            memset(ws.inside, 0, X.n)
        for j in range(k):
            ws.v[j] = P.v[ws.chosen[j]]
            ws.r[j] = ws.r[ws.chosen[j]]
        worst = local = violation(k, ws.r, ws.v, P.stage)
        for _ in range(10):
            length = newton_step(
                &ws.Z, ws, P, ws.r, ws.v, max(0.05 * tol * P.stage, 0.05 * local)
            )
            steps += 1
            if k == d or length == 0 or steps >= max_iter:
                break
            gradient(&ws.Z, ws.u, ws.r)
            local = violation(k, ws.r, ws.v, P.stage)
            if local <= max(0.1 * tol * P.stage, 0.3 * worst):
                break
        for j in range(k):
            P.v[ws.chosen[j]] = ws.v[j]
        if length == 0 and local <= worst and P.stage == P.penalty:
            max_iter = steps


cdef int solve_all(
    Design* X, const double[:, ::1] lower, const double[:, ::1] upper,
    const double[::1] cost, const double[::1] penalty, double[:, :, ::1] coef,
    double[:, ::1] intercept, int fit_intercept, int share_rows, double tol,
    int max_iter, double[:, ::1] objective, double[:, ::1] gap, int32_t[:, ::1] n_iter
) noexcept nogil:
    cdef Work ws
    cdef Problem P
    cdef int i, k, failed
    cdef size_t p = X.d + 1
    cdef double* all_rows = NULL
    cdef int* every = <int*> malloc(X.d * sizeof(int))
    cdef double* origin = <double*> calloc(X.d, sizeof(double))
    memset(&ws, 0, sizeof(Work))
    ws.f = <double*> malloc(X.n * sizeof(double))
    ws.u = <double*> malloc(X.n * sizeof(double))
    ws.q = <double*> malloc(X.n * sizeof(double))
    ws.r = <double*> malloc(X.d * sizeof(double))
    ws.enter = <int*> malloc(X.n * sizeof(int))
    ws.leave = <int*> malloc(X.n * sizeof(int))
    ws.inside = <char*> calloc(X.n, 1)
    ws.chosen = <int*> malloc(X.d * sizeof(int))
    ws.position = <int*> malloc(X.d * sizeof(int))
    failed = (
        ws.f == NULL or ws.u == NULL or ws.q == NULL or ws.r == NULL
        or ws.enter == NULL or ws.leave == NULL or ws.inside == NULL
        or ws.chosen == NULL or ws.position == NULL or every == NULL or origin == NULL
    )
    if not failed:
        for i in range(X.d):
            every[i] = i
        X.chosen = X.position = every
        X.all_columns = X.d
        if fit_intercept:
            find_origin(X, origin)
        X.origin = origin
        X.whole = X.d <= SMALL or all_pay(X)
        if X.whole:
            failed = not reserve(&ws, X, X.d)
    if not failed and X.whole and share_rows:
        # At zero almost all rows are outside of their intervals, in all problems.
        all_rows = <double*> calloc(p * p, sizeof(double))
        failed = all_rows == NULL
        if not failed:
            for i in range(X.n):
                ws.enter[i] = i
            add_rows(X, &cost[0], ws.enter, X.n, 1, all_rows, ws.pack, ws.face)
    for k in range(lower.shape[0]):
        P.lo, P.hi, P.c = &lower[k, 0], &upper[k, 0], &cost[0]
        P.b, P.intercept = intercept[0, k], fit_intercept
        for i in range(penalty.shape[0]):
            if failed:
                break
            P.v, P.penalty = &coef[i, k, 0], penalty[i]
            if i == 0:
                begin(X, &ws, &P, all_rows)
            else:
                memcpy(P.v, &coef[i - 1, k, 0], X.d * sizeof(double))
                P.stage = P.penalty
            n_iter[i, k] = solve_one(
                X, &ws, &P, tol, max_iter, &objective[i, k], &gap[i, k]
            )
            intercept[i, k] = P.b
            failed = n_iter[i, k] < 0
    release(&ws)
    free(every)
    free(origin)
    free(all_rows)
    free(ws.f)
    free(ws.u)
    free(ws.q)
    free(ws.r)
    free(ws.enter)
    free(ws.leave)
    free(ws.inside)
    free(ws.chosen)
    free(ws.position)
    return failed


def solve_dense(
    const floating[:, ::1] X,           # IN, (n_rows, n_features)
    const double[:, ::1] lower,         # IN, (n_problems, n_rows)
    const double[:, ::1] upper,         # IN, (n_problems, n_rows)
    const double[::1] cost,             # IN, (n_rows,), positive
    const double[::1] penalty,          # IN, (n_penalties,), positive, descending
    double[:, :, ::1] coef,             # OUT, (n_penalties, n_problems, n_features)
    double[:, ::1] intercept,           # OUT, (n_penalties, n_problems); [0] is also IN
    bint fit_intercept,
    bint share_rows,                    # make the Gram matrix of all rows once
    double tol,
    int max_iter,
    double[:, ::1] objective,           # OUT, (n_penalties, n_problems)
    double[:, ::1] gap,                 # OUT, (n_penalties, n_problems)
    int32_t[:, ::1] n_iter,             # OUT, (n_penalties, n_problems)
):
    cdef Design D
    cdef int failed
    memset(&D, 0, sizeof(Design))
    D.n, D.d, D.single = X.shape[0], X.shape[1], sizeof(floating) == sizeof(float)
    D.values = &X[0, 0]
    with nogil:
        failed = solve_all(&D, lower, upper, cost, penalty, coef, intercept,
                           fit_intercept, share_rows, tol, max_iter, objective, gap,
                           n_iter)
    if failed:
        raise MemoryError


def solve_sparse(
    const floating[::1] data,           # IN, (nnz,), not empty
    const int32_t[::1] indices,         # IN, (nnz,), sorted within rows
    const int32_t[::1] indptr,          # IN, (n_rows + 1,)
    const floating[::1] column_data,    # IN, the same matrix by columns
    const int32_t[::1] column_indices,
    const int32_t[::1] column_indptr,   # IN, (n_features + 1,)
    const double[:, ::1] lower,
    const double[:, ::1] upper,
    const double[::1] cost,
    const double[::1] penalty,
    double[:, :, ::1] coef,
    double[:, ::1] intercept,
    bint fit_intercept,
    bint share_rows,
    double tol,
    int max_iter,
    double[:, ::1] objective,
    double[:, ::1] gap,
    int32_t[:, ::1] n_iter,
):
    cdef Design D
    cdef int failed
    memset(&D, 0, sizeof(Design))
    D.n, D.d, D.sparse = indptr.shape[0] - 1, column_indptr.shape[0] - 1, 1
    D.single = sizeof(floating) == sizeof(float)
    D.values, D.indices, D.indptr = &data[0], &indices[0], &indptr[0]
    D.column_values, D.column_indices, D.column_indptr = (
        &column_data[0], &column_indices[0], &column_indptr[0]
    )
    with nogil:
        failed = solve_all(&D, lower, upper, cost, penalty, coef, intercept,
                           fit_intercept, share_rows, tol, max_iter, objective, gap,
                           n_iter)
    if failed:
        raise MemoryError
