"""A mixture of linear experts: training by steps of Adam, gradients and answers."""

from libc.stdint cimport int32_t, int64_t

cdef extern from *:
    """
    #include <stdint.h>
    #define REAL float
    #define INTEGER int32_t
    #define UNSIGNED uint32_t
    #define EXP expf
    #define LOG logf
    #define NAME(x) x##_float
    #include "gated_lanes.h"
    #include "gated_forward.h"
    #include "gated_loops.h"
    #undef REAL
    #undef INTEGER
    #undef UNSIGNED
    #undef EXP
    #undef LOG
    #undef NAME
    #define REAL double
    #define INTEGER int64_t
    #define UNSIGNED uint64_t
    #define DOUBLE
    #define EXP exp
    #define LOG log
    #define NAME(x) x##_double
    #include "gated_lanes.h"
    #include "gated_forward.h"
    #include "gated_loops.h"
    """
    struct Gated:
        int n_features
        int n_outputs
        int n_experts
        int top_k
        int width
        int gate_width
        int narrow
        int gate
        int loss
        double smoothing
        double delta
        double balance
        const void* X
        const void* values
        const int32_t* columns
        const int32_t* starts
        const int32_t* labels
        const void* targets
        const void* row_weights
        void* losses
        void* experts
        void* shared
        void* gates
    double train_float(
        Gated* m, const int64_t* order, int64_t n_rows, int batch_size,
        const double* rates, int64_t n_steps, const float* l1, const float* l2,
        float* gradient, float* first, float* second, int64_t* usage) nogil
    double train_double(
        Gated* m, const int64_t* order, int64_t n_rows, int batch_size,
        const double* rates, int64_t n_steps, const double* l1, const double* l2,
        double* gradient, double* first, double* second, int64_t* usage) nogil
    double find_gradient_float(
        Gated* m, const int64_t* order, int n_rows, float* gradient) nogil
    double find_gradient_double(
        Gated* m, const int64_t* order, int n_rows, double* gradient) nogil
    int answer_float(
        Gated* m, const int64_t* order, int64_t n_rows, int batch_size,
        float* combined, int32_t* chosen, float* weights, float* outputs) nogil
    int answer_double(
        Gated* m, const int64_t* order, int64_t n_rows, int batch_size,
        double* combined, int32_t* chosen, double* weights, double* outputs) nogil

ctypedef fused floating:
    float
    double


cdef class Problem:
    """Data and model for the loops; keeps what they point to."""

    cdef Gated gated
    cdef object kept

    def __init__(self, *args):
        self.kept = args


def make_problem(
    const floating[:, ::1] experts,     # (n_experts [+ 1 shared], size)
    floating[:, ::1] gates,             # scratch: n_features * gate_width
    const floating[:, ::1] X,           # None for CSR
    const floating[::1] values,
    const int32_t[::1] columns,
    const int32_t[::1] starts,
    const int32_t[::1] labels,          # or None
    const floating[:, ::1] targets,     # or None
    const floating[::1] row_weights,    # or None
    floating[::1] losses,               # or None
    dict sizes,
):
    cdef Problem problem = Problem(
        experts, gates, X, values, columns, starts, labels, targets, row_weights,
        losses,
    )
    cdef Gated* m = &problem.gated
    m.n_features = gates.shape[0]
    m.gate_width = gates.shape[1]
    m.n_outputs = sizes["n_outputs"]
    m.n_experts = sizes["n_experts"]
    m.top_k = sizes["top_k"]
    m.width = sizes["width"]
    m.narrow = sizes["narrow"]
    m.gate = sizes["gate"]
    m.loss = sizes["loss"]
    m.smoothing = sizes["smoothing"]
    m.delta = sizes["delta"]
    m.balance = sizes["balance"]
    m.X = NULL if X is None else &X[0, 0]
    m.values = NULL if values is None else &values[0]
    m.columns = NULL if columns is None else &columns[0]
    m.starts = NULL if starts is None else &starts[0]
    m.labels = NULL if labels is None else &labels[0]
    m.targets = NULL if targets is None else &targets[0, 0]
    m.row_weights = NULL if row_weights is None else &row_weights[0]
    m.losses = NULL if losses is None else &losses[0]
    # Training changes them, and what it is given can be changed.
    m.experts = <void*> &experts[0, 0]
    m.shared = NULL
    if experts.shape[0] > m.n_experts:
        m.shared = <void*> &experts[m.n_experts, 0]
    m.gates = &gates[0, 0]
    return problem


def train(
    Problem problem,
    const int64_t[::1] order,
    int batch_size,
    const double[::1] rates,
    int64_t n_steps,
    const floating[::1] l1,      # (size,), penalties of the numbers of an expert
    const floating[::1] l2,      # (size,)
    floating[::1] gradient,      # (size,), zeros
    floating[:, ::1] first,
    floating[:, ::1] second,
    int64_t[::1] usage,
):
    cdef double total
    with nogil:
        if floating is float:
            total = train_float(
                &problem.gated, &order[0], order.shape[0], batch_size, &rates[0],
                n_steps, &l1[0], &l2[0], &gradient[0], &first[0, 0], &second[0, 0],
                &usage[0])
        else:
            total = train_double(
                &problem.gated, &order[0], order.shape[0], batch_size, &rates[0],
                n_steps, &l1[0], &l2[0], &gradient[0], &first[0, 0], &second[0, 0],
                &usage[0])
    if total == -1:
        raise MemoryError("No memory for a batch of rows: lower batch_size or top_k.")
    return total


def find_gradient(Problem problem, const int64_t[::1] order, floating[:, ::1] gradient):
    cdef double total
    with nogil:
        if floating is float:
            total = find_gradient_float(
                &problem.gated, &order[0], order.shape[0], &gradient[0, 0])
        else:
            total = find_gradient_double(
                &problem.gated, &order[0], order.shape[0], &gradient[0, 0])
    if total == -1:
        raise MemoryError("No memory for so many rows.")
    return total


def answer(
    Problem problem,
    const int64_t[::1] order,
    int batch_size,
    floating[:, ::1] combined,
    int32_t[:, ::1] chosen,      # or None
    floating[:, ::1] weights,    # or None
    floating[:, ::1] outputs,    # or None, (n_pairs, n_outputs)
):
    cdef int state
    cdef int32_t* c = NULL if chosen is None else &chosen[0, 0]
    cdef floating* w = NULL if weights is None else &weights[0, 0]
    cdef floating* o = NULL if outputs is None else &outputs[0, 0]
    with nogil:
        if floating is float:
            state = answer_float(
                &problem.gated, &order[0], order.shape[0], batch_size,
                &combined[0, 0], c, w, o)
        else:
            state = answer_double(
                &problem.gated, &order[0], order.shape[0], batch_size,
                &combined[0, 0], c, w, o)
    if state == -1:
        raise MemoryError("No memory for a block of rows.")
