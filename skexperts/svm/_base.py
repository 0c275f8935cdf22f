"""What the L1 classifier and the L1 regressor have in common."""

import warnings

import numpy as np
from scipy.sparse import csr_array, issparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_array
from sklearn.utils.extmath import safe_sparse_dot

from skexperts._numeric.l1_svm import solve_intervals
from skexperts._parallel import run_tasks
from skexperts._threads import one_blas_thread
from skexperts._warnings import users_stacklevel

# Intervals of at most so many entries are made at a time.
_BLOCK_ENTRIES = 1 << 22
_BLOCKS_IN_PARALLEL = 8


def fit_linear(
    X,
    intervals,
    n_problems,
    weights,
    *,
    Cs,
    fit_intercept,
    tol,
    max_iter,
    start=None,
    coef_center=None,
    offset=None,
    n_jobs=None,
):
    """Fit linear functions f_p(x) = w_p'x + b_p to intervals, at one C after the other.

    It does not warn: the caller knows how many fits one warning should speak for.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features), C order, or canonical CSR
    intervals : callable
        ``intervals(problems)`` gives (lower, upper) of shape (n_chosen, n_samples) for
        a slice of the problems.
    n_problems : int
    weights : ndarray of shape (n_samples,) or None
        Positive.
    Cs : sequence of float, ascending
    fit_intercept, tol, max_iter : as in the estimators
    start : (coef, intercept) to begin at, optional
    coef_center : ndarray of shape (n_problems, n_features), optional
    offset : ndarray of shape (n_samples, n_problems), optional
    n_jobs : int or None

    Returns
    -------
    coefs : ndarray of shape (n_Cs, n_problems, n_features), dtype of X
    intercepts : ndarray of shape (n_Cs, n_problems), dtype of X
    relative_gaps : ndarray of shape (n_Cs, n_problems)
    n_iter : ndarray of shape (n_Cs, n_problems)
    """
    n_samples = X.shape[0]
    if issparse(X) and X.indices.dtype != np.int32:
        raise ValueError(
            f"X has {X.nnz} stored entries, more than the 2147483647 that 32-bit "
            "indices can number. Fit on fewer rows."
        )
    Cs = np.asarray(Cs, dtype=np.float64)
    cost = np.full(n_samples, 2.0 * Cs[0])
    if weights is not None:
        with np.errstate(over="ignore"):
            cost *= weights
    size = max(1, _BLOCK_ENTRIES // n_samples)
    if n_jobs not in (None, 1):
        size = min(size, -(-n_problems // _BLOCKS_IN_PARALLEL))
    tasks = []
    for first in range(0, n_problems, size):
        chosen = slice(first, min(first + size, n_problems))
        tasks.append(
            (
                chosen,
                None if start is None else (start[0][chosen], start[1][chosen]),
                None if coef_center is None else coef_center[chosen],
                None if offset is None else offset[:, chosen],
            )
        )
    options = {"fit_intercept": fit_intercept, "tol": tol, "max_iter": max_iter}
    common = (X, intervals, cost, Cs[0] / Cs, options)
    if len(tasks) == 1:
        with one_blas_thread():
            return _fit_block(*common, *tasks[0])
    results = run_tasks(_fit_block, tasks, common=common, n_jobs=n_jobs)
    return tuple(np.concatenate(parts, axis=1) for parts in zip(*results, strict=True))


def _fit_block(X, intervals, cost, penalties, options, chosen, start, center, offset):
    lower, upper = intervals(chosen)
    if center is not None:
        shift = np.asarray((X @ center.T).T, dtype=np.float64)
        lower, upper = lower - shift, upper - shift
    if offset is not None:
        lower, upper = lower - offset.T, upper - offset.T
    shape = len(penalties), len(lower)
    coef, intercept = np.zeros((*shape, X.shape[1])), np.zeros(shape)
    if start is not None:
        coef[0] = start[0]
        if options["fit_intercept"]:
            intercept[0] = start[1]
        if center is not None:
            coef[0] -= center
    objective, gap, n_iter = solve_intervals(
        X,
        np.ascontiguousarray(lower),
        np.ascontiguousarray(upper),
        cost,
        penalties,
        coef,
        intercept,
        **options,
    )
    finite = np.isfinite(objective + intercept) & np.isfinite(coef).all(axis=2)
    relative_gap = np.full(shape, np.inf)
    np.divide(gap, np.where(objective > 0, objective, 1), relative_gap, where=finite)
    if center is not None:
        coef += center
    return coef.astype(X.dtype), intercept.astype(X.dtype), relative_gap, n_iter


def warn_of_gaps(relative_gaps, tol):
    """Issue one ConvergenceWarning if any relative gap is above tol."""
    missed = np.count_nonzero(relative_gaps > tol)
    if missed:
        warnings.warn(
            f"{missed} of {relative_gaps.size} linear fits did not reach tol={tol:g}: "
            f"the largest relative duality gap is {relative_gaps.max():.3g}. Scale X, "
            "use smaller C, or increase max_iter or tol.",
            ConvergenceWarning,
            stacklevel=users_stacklevel(),
        )


def check_center_and_offset(coef_center, offset, coef_shape, n_samples):
    """Return both as 2-D float64 arrays, None where not given.

    Parameters
    ----------
    coef_center, offset : as given by the user
    coef_shape : tuple, (n_problems, n_features), or (n_features,) for one problem
    n_samples : int
    """
    n_problems = coef_shape[0] if len(coef_shape) == 2 else 1
    offset_shape = (n_samples, n_problems) if n_problems > 1 else (n_samples,)
    coef_center = _check_shape(coef_center, "coef_center", coef_shape)
    offset = _check_shape(offset, "offset", offset_shape)
    return (
        None if coef_center is None else coef_center.reshape(n_problems, -1),
        None if offset is None else offset.reshape(n_samples, -1),
    )


def _check_shape(value, name, shape):
    if value is None:
        return None
    value = check_array(value, ensure_2d=False, dtype=np.float64, input_name=name)
    flat = tuple(length for length in value.shape if length != 1)
    if value.shape != shape and flat != tuple(n for n in shape if n != 1):
        raise ValueError(f"{name} must have shape {shape}. Got {value.shape}.")
    return value


def linear_values(X, coef, intercept):
    """Return ``X coef' + intercept`` of shape (n_samples, n_problems), dense."""
    return safe_sparse_dot(X, _as_rows(coef).T, dense_output=True) + intercept


def start_of(estimator, shape):
    """Coefficients and intercepts to begin at, None if there are none of this shape."""
    coef = getattr(estimator, "coef_", None)
    if not estimator.warm_start or coef is None:
        return None
    coef = _as_rows(coef)
    coef = coef.toarray() if issparse(coef) else coef
    return (coef, np.atleast_1d(estimator.intercept_)) if coef.shape == shape else None


def _as_rows(coef):
    if coef.ndim == 2:
        return coef
    if issparse(coef):
        bounds = np.array([0, coef.nnz])
        return csr_array((coef.data, coef.indices, bounds), shape=(1, coef.shape[0]))
    return coef[np.newaxis]
