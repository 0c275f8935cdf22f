"""The largest C at which every coefficient of L1-regularised fits is zero."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, issparse
from sklearn.utils.sparsefuncs import min_max_axis

_BALANCED = 1e-14


def best_constant(lower: NDArray, upper: NDArray, weights: NDArray) -> float:
    """Solve ``min over b of sum_i s_i dist(b, [lower_i, upper_i])^2``.

    Parameters
    ----------
    lower, upper : ndarrays of shape (n_rows,)
        May be infinite.
    weights : ndarray of shape (n_rows,), positive

    Returns
    -------
    b : float
        One of them, if there are several.
    """
    b, least, most = 0.0, -np.inf, np.inf
    while True:
        distance = np.clip(b, lower, upper) - b
        pull = weights @ distance
        if abs(pull) <= _BALANCED * (weights @ np.abs(distance)):
            return b
        # The pull falls with b, but in pieces: keep Newton's steps in the bracket.
        least, most = (b, most) if pull > 0 else (least, b)
        b += pull / weights[distance != 0].sum()
        if not least < b < most:
            b = 0.5 * (least + most)
            if not least < b < most:
                return least if np.isfinite(least) else most


def critical_C(
    X: NDArray | csr_array,
    intervals: Callable,
    n_problems: int,
    weights: NDArray,
    *,
    fit_intercept: bool,
) -> float:
    """Return the largest C at which the coefficients of all problems are zero.

    With the best constant b of a problem and the forces ``u_i = 2 s_i (nearest_i - b)``
    where ``nearest_i`` is the point of interval i next to b, its coefficients are zero
    up to ``C = 1 / max_j |x_j'u|``.

    Parameters
    ----------
    X : ndarray or CSR of shape (n_rows, n_features)
    intervals : callable
        ``intervals(problems)`` gives (lower, upper) of shape (n_chosen, n_rows) for a
        slice of the problems.
    n_problems : int
    weights : ndarray of shape (n_rows,), positive
    fit_intercept : bool
        Without an intercept b is 0.

    Returns
    -------
    C : float
        Infinite if the coefficients are zero at every C: if no column of X is
        correlated with any forces by more than rounding. 0 if that overflows.
    """
    least, most = (
        min_max_axis(X, axis=0) if issparse(X) else (X.min(axis=0), X.max(axis=0))
    )
    size = np.maximum(np.abs(least), np.abs(most)).astype(np.float64)
    rounding = (100 + np.sqrt(X.shape[0])) * np.finfo(X.dtype).eps
    steepest = 0.0
    for p in range(n_problems):
        lower, upper = (bounds[0] for bounds in intervals(slice(p, p + 1)))
        b = best_constant(lower, upper, weights) if fit_intercept else 0.0
        force = 2.0 * weights * (np.clip(b, lower, upper) - b)
        slope = np.abs(X.T @ force if issparse(X) else np.einsum("i,ij", force, X))
        if not np.isfinite(slope).all():
            return 0.0
        beyond = slope > rounding * size * np.abs(force).sum()
        steepest = max(steepest, float(slope[beyond].max(initial=0.0)))
    return 1.0 / steepest if steepest > 0 else np.inf
