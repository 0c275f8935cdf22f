"""Quadratic programs on the simplex ``{x : x >= 0, sum_k x_k = 1}``."""

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_factor, cho_solve

_EPS = float(np.finfo(np.float64).eps)


def solve_simplex_qp(
    hessian: NDArray, linear: NDArray, start: NDArray | None = None
) -> NDArray:
    """Minimise a convex quadratic function over the simplex, exactly.

    Solves ``min_x 0.5 x'Hx + c'x  s.t.  x >= 0, sum_k x_k = 1`` by a primal active-set
    method: minimise over the face of the coordinates in use, take in the coordinate of
    the most negative reduced gradient, until there is none. The number of faces is
    finite and the objective falls from one to the next.

    Parameters
    ----------
    hessian : ndarray of shape (n, n), symmetric, positive semi-definite
        May be singular or zero.
    linear : ndarray of shape (n,)
    start : ndarray of shape (n,), optional
        A point of the simplex, default the best vertex. Close to the solution it saves
        time; where the solution is not unique, it decides which one is found.

    Returns
    -------
    x : ndarray of shape (n,)
        With exact zeros outside of its support.

    References
    ----------
    J. Nocedal, S. Wright (2006). Numerical Optimization, section 16.5.
    """
    n = len(linear)
    if start is None:
        x = np.zeros(n)
        x[np.argmin(0.5 * np.diag(hessian) + linear)] = 1.0
    else:
        x = start.astype(np.float64)
    flat = 8 * n * _EPS * np.abs(hessian).max()
    noise = flat + 8 * n * _EPS * np.abs(linear).max()
    free = x > 0
    seen = set()
    while True:
        x = _minimise_on_face(hessian, linear, x, free, flat, noise)
        gradient = hessian @ x + linear
        free = x > 0
        reduced = np.where(free, np.inf, gradient - gradient @ x)
        entering = np.argmin(reduced)
        # No face comes twice as long as the objective falls: that is rounding.
        if reduced[entering] >= -noise or free.tobytes() in seen:
            return x
        seen.add(free.tobytes())
        free[entering] = True


def _minimise_on_face(
    hessian: NDArray,
    linear: NDArray,
    x: NDArray,
    free: NDArray,
    flat: float,
    noise: float,
) -> NDArray:
    """Descend with the free coordinates only; those that reach 0 are free no more."""
    x = x.copy()
    free = free.copy()
    while True:
        face = np.flatnonzero(free)
        gradient = hessian[face] @ x + linear[face]
        curvature = hessian[np.ix_(face, face)]
        direction, full_step = _face_direction(curvature, gradient, flat, noise)
        falling = direction < 0
        room = np.full(len(face), np.inf)
        room[falling] = x[face[falling]] / -direction[falling]
        step = min(full_step, room.min())
        moved = np.maximum(x[face] + step * direction, 0.0)
        moved[room <= step] = 0.0
        x[face] = moved / moved.sum()
        if step == full_step:
            return x
        free[face[room <= step]] = False


def _face_direction(
    hessian: NDArray, gradient: NDArray, flat: float, noise: float
) -> tuple[NDArray, float]:
    """Step to the minimum over ``sum d = 0``, or a ray along which it falls for ever.

    Returns
    -------
    direction : ndarray of shape (n_face,), sums to 0
    full_step : float
        1 for a step to the minimum, infinity for a ray.
    """
    # Centred rows and columns are the quadratic on the directions that sum to 0.
    means = hessian.mean(axis=0)
    centred = hessian - means - means[:, None] + means.mean()
    slopes = gradient.mean() - gradient
    try:
        # The constant makes the remaining direction, of equal steps, regular as well.
        factor, lower = cho_factor(centred + np.diag(hessian).max() / len(hessian))
        if np.diag(factor).min() ** 2 > flat:
            newton = cho_solve((factor, lower), slopes)
            return newton - newton.mean(), 1.0
    except LinAlgError:
        pass
    eigenvalues, vectors = np.linalg.eigh(centred)
    slopes = vectors.T @ slopes
    curved = eigenvalues > flat
    ray = vectors[:, ~curved] @ slopes[~curved]
    ray -= ray.mean()
    if np.abs(ray).max() > noise:
        return ray, np.inf
    newton = vectors[:, curved] @ (slopes[curved] / eigenvalues[curved])
    return newton - newton.mean(), 1.0
