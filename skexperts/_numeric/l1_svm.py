"""L1-regularised linear fits whose loss is a squared distance to an interval.

The squared hinge is the squared distance of f to [1, inf) or (-inf, -1], the squared
epsilon-insensitive loss that to [y - epsilon, y + epsilon]. One solver serves both.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csc_array, csr_array

from skexperts._kernels.l1_svm import solve_dense, solve_sparse

# Rows of a thinned sample that gives the start, and how many rows make it worthwhile.
_STRIDE = 16
_MANY_ROWS = 8192


def class_intervals(y: NDArray, classes: NDArray) -> tuple[NDArray, NDArray]:
    """Intervals of one-vs-rest squared hinge losses.

    Parameters
    ----------
    y : ndarray of shape (n_rows,)
    classes : ndarray of shape (n_problems,), the positive class of each problem

    Returns
    -------
    lower, upper : ndarrays of shape (n_problems, n_rows)
    """
    positive = y == classes[:, None]
    return np.where(positive, 1.0, -np.inf), np.where(positive, np.inf, -1.0)


def solve_intervals(
    X: NDArray | csr_array,
    lower: NDArray,
    upper: NDArray,
    cost: NDArray,
    penalties: NDArray,
    coef: NDArray,
    intercept: NDArray,
    *,
    fit_intercept: bool,
    tol: float,
    max_iter: int,
) -> tuple[NDArray, NDArray, NDArray]:
    """Solve problems at one penalty after the other, in place.

    Problem p at penalty k is, over v = coef[k, p] and b = intercept[k, p],

        min penalties_k |v|_1 + 1/2 sum_i cost_i dist(x_i'v + b, [lower_pi, upper_pi])^2

    Parameters
    ----------
    X : ndarray or CSR of shape (n_rows, n_features)
        In C order, or canonical with 32-bit indices.
    lower, upper : ndarrays of shape (n_problems, n_rows), float64
        May be infinite.
    cost : ndarray of shape (n_rows,), float64, positive
    penalties : ndarray of shape (n_penalties,), float64, positive, descending
    coef : ndarray of shape (n_penalties, n_problems, n_features), float64
        At the first penalty the start, and on return the solutions.
    intercept : ndarray of shape (n_penalties, n_problems), float64
        The same; without ``fit_intercept`` that of the start.
    fit_intercept : bool
    tol : float
        Stop at a duality gap of ``tol`` times the objective.
    max_iter : int
        Newton steps at each penalty.

    Returns
    -------
    objective, gap : ndarrays of shape (n_penalties, n_problems)
    n_iter : ndarray of shape (n_penalties, n_problems), int32
    """
    n_rows, n_features = X.shape
    many_rows = n_rows >= _MANY_ROWS and n_rows >= 8 * _STRIDE * n_features
    # A path begins near zero: what a sample adds to that would be noise.
    thin_start = many_rows and isinstance(X, np.ndarray) and len(penalties) == 1
    cold = np.flatnonzero(~coef[0].any(axis=1))
    if thin_start and len(cold):
        thin = slice(None, None, _STRIDE)
        start, start_intercept = coef[0, cold][None], intercept[0, cold][None]
        solve_intervals(
            np.ascontiguousarray(X[thin]),
            np.ascontiguousarray(lower[cold, thin]),
            np.ascontiguousarray(upper[cold, thin]),
            _STRIDE * cost[thin],
            penalties[:1],
            start,
            start_intercept,
            fit_intercept=fit_intercept,
            tol=max(1e-2, tol),
            max_iter=min(20, max_iter),
        )
        coef[0, cold], intercept[0, cold] = start[0], start_intercept[0]
    shape = intercept.shape
    objective, gap = np.empty(shape), np.empty(shape)
    n_iter = np.empty(shape, dtype=np.int32)
    rest: Any = (lower, upper, cost, penalties, coef, intercept)
    share_rows = len(cold) > 0 and not thin_start
    rest += (fit_intercept, share_rows, tol, max_iter, objective, gap, n_iter)
    if isinstance(X, np.ndarray):
        solve_dense(X, *rest)
    else:
        solve_sparse(*_arrays_of(X), *_arrays_of(X.tocsc()), *rest)
    return objective, gap, n_iter


def _arrays_of(X: csr_array | csc_array) -> tuple[NDArray, NDArray, NDArray]:
    if X.nnz:
        return X.data, X.indices, X.indptr
    # An entry that no row owns: there is no pointer to an empty array.
    return np.zeros(1, X.dtype), np.zeros(1, np.int32), X.indptr
