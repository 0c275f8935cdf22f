"""The largest C at which every coefficient of an L1-regularised fit is zero."""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, issparse
from sklearn.utils.extmath import safe_sparse_dot
from sklearn.utils.sparsefuncs import min_max_axis


def best_constant(lower: NDArray, upper: NDArray, weights: NDArray) -> float:
    """Solve ``min over b of sum_i s_i dist(b, [lower_i, upper_i])^2``.

    The derivative is linear between the finite bounds: the first one at which the
    intervals no longer pull upwards ends the piece where they balance.

    Parameters
    ----------
    lower, upper : ndarrays of shape (n_rows,)
        May be infinite.
    weights : ndarray of shape (n_rows,), positive

    Returns
    -------
    b : float
        0 if there is no finite bound.
    """
    below, above = np.isfinite(lower), np.isfinite(upper)
    bounds = np.concatenate([lower[below], upper[above]])
    if not bounds.size:
        return 0.0
    # A lower bound no longer pulls to the right of it, an upper bound does from there.
    change = np.concatenate([-weights[below], weights[above]])
    order = np.argsort(bounds)
    bounds, change = bounds[order], change[order]
    middle = bounds[len(bounds) // 2]
    mass = weights[below].sum() + np.cumsum(change)
    moment = weights[below] @ (lower[below] - middle)
    moment += np.cumsum(change * (bounds - middle))
    balanced = moment <= mass * (bounds - middle)
    end = int(balanced.argmax()) if balanced.any() else len(bounds) - 1
    start = max(end - 1, 0)
    # Afresh from the rows of the piece: sums over sorted bounds carry their rounding.
    point = 0.5 * (bounds[start] + bounds[end])
    nearest = np.clip(point, lower, upper)
    pulling = nearest != point
    if not pulling.any():
        return float(point)
    b = point + np.average((nearest - point)[pulling], weights=weights[pulling])
    return float(np.clip(b, bounds[start], bounds[end]))


def critical_C(
    X: NDArray | csr_array,
    lower: NDArray,
    upper: NDArray,
    weights: NDArray,
    *,
    fit_intercept: bool,
) -> float:
    """Return the largest C at which the coefficients of a problem are all zero.

    With the best constant b and the forces ``u_i = 2 s_i (nearest_i - b)``, where
    ``nearest_i`` is the point of interval i next to b, it is ``1 / max_j |x_j'u|``.

    Parameters
    ----------
    X : ndarray or CSR of shape (n_rows, n_features)
    lower, upper : ndarrays of shape (n_rows,)
        May be infinite.
    weights : ndarray of shape (n_rows,), positive
    fit_intercept : bool
        Without an intercept b is 0.

    Returns
    -------
    C : float
        Infinite if the coefficients are zero at every C: if no column of X is
        correlated with the forces by more than rounding.
    """
    b = best_constant(lower, upper, weights) if fit_intercept else 0.0
    force = 2.0 * weights * (np.clip(b, lower, upper) - b)
    least, most = (
        min_max_axis(X, axis=0) if issparse(X) else (X.min(axis=0), X.max(axis=0))
    )
    slope = np.abs(safe_sparse_dot(force.astype(X.dtype), X))
    rounding = np.sqrt(len(force)) * np.finfo(X.dtype).eps
    noise = rounding * np.maximum(np.abs(least), np.abs(most)) * np.abs(force).sum()
    largest = float(slope[slope > noise].max(initial=0.0))
    return 1.0 / largest if largest > 0 else np.inf
