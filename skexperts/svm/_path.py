"""Fits at growing C, each begun at the solution of the one before."""

import warnings
from numbers import Integral

import numpy as np
from scipy.sparse import issparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_array

from skexperts._numeric.l1_path import critical_C
from skexperts._numeric.l1_svm import solve_intervals
from skexperts._parallel import one_blas_thread, run_tasks, users_stacklevel
from skexperts._validation import drop_weightless

# Intervals of at most so many entries are made at a time.
_BLOCK_ENTRIES = 1 << 22
_BLOCKS_IN_PARALLEL = 8


def problem_of(model, X, y, weights):
    """Return the first four arguments of :func:`fit_linear_path`."""
    weights, X, y = drop_weightless(model._total_weights(y, weights), X, y)
    return X, *model._targets(y), weights


def fit_linear_path(
    X,
    intervals,
    n_problems,
    weights,
    *,
    Cs,
    fit_intercept,
    tol,
    max_iter,
    n_jobs=None,
):
    """Fit linear functions f_p(x) = w_p'x + b_p to intervals at every C.

    It does not warn: the caller knows how many fits one warning should speak for.

    Parameters
    ----------
    X, intervals, n_problems, weights : as in :func:`skexperts.svm._base.fit_linear`
    Cs : ndarray of shape (n_Cs,), ascending
    fit_intercept, tol, max_iter : as in the estimators
    n_jobs : int or None

    Returns
    -------
    coefs : ndarray of shape (n_Cs, n_problems, n_features), dtype of X
    intercepts : ndarray of shape (n_Cs, n_problems), dtype of X
    relative_gaps : ndarray of shape (n_Cs, n_problems)
    n_iter : ndarray of shape (n_Cs, n_problems)
    """
    if issparse(X) and X.indices.dtype != np.int32:
        raise ValueError(
            f"X has {X.nnz} stored entries, more than the 2147483647 that 32-bit "
            "indices can number. Fit on fewer rows."
        )
    size = max(1, _BLOCK_ENTRIES // X.shape[0])
    if n_jobs not in (None, 1):
        size = min(size, -(-n_problems // _BLOCKS_IN_PARALLEL))
    blocks = [
        (slice(first, min(first + size, n_problems)),)
        for first in range(0, n_problems, size)
    ]
    options = {"fit_intercept": fit_intercept, "tol": tol, "max_iter": max_iter}
    results = run_tasks(
        _fit_block,
        blocks,
        common=(X, intervals, weights, Cs, options),
        n_jobs=n_jobs if len(blocks) > 1 else None,
    )
    return tuple(np.concatenate(parts, axis=1) for parts in zip(*results, strict=True))


def _fit_block(X, intervals, weights, Cs, options, chosen):
    lower, upper = map(np.ascontiguousarray, intervals(chosen))
    weights = np.ones(X.shape[0]) if weights is None else weights
    coef, intercept = np.zeros((len(lower), X.shape[1])), np.zeros(len(lower))
    path = []
    for C in Cs:
        objective, gap, n_iter = solve_intervals(
            X, lower, upper, 2.0 * C * weights, coef, intercept, **options
        )
        gap = gap / np.where(objective > 0, objective, 1.0)
        finite = np.isfinite(objective + intercept) & np.isfinite(coef).all(axis=1)
        gap[~finite] = np.inf
        path.append((coef.astype(X.dtype), intercept.astype(X.dtype), gap, n_iter))
    return tuple(map(np.stack, zip(*path, strict=True)))


def values_of_C(Cs, eps, X, intervals, n_problems, weights, *, fit_intercept):
    """Return the values of C of a path, ascending.

    Parameters
    ----------
    Cs, eps : as in the estimators
    X, intervals, n_problems, weights, fit_intercept : as in :func:`fit_linear_path`
    """
    if not isinstance(Cs, Integral):
        return _given_values(Cs)
    weights = np.ones(X.shape[0]) if weights is None else weights
    with one_blas_thread():
        first = critical_C(
            X, intervals, n_problems, weights, fit_intercept=fit_intercept
        )
    first = 1.0 if first == np.inf else first
    last = first / eps
    if not 0 < first <= last < np.inf:
        raise ValueError(
            f"The values of C from {first:g} to {last:g} are beyond the range of "
            "float64. Scale X and y, or pass Cs."
        )
    return np.geomspace(first, last, Cs)


def _given_values(Cs):
    values = check_array(Cs, ensure_2d=False, dtype=np.float64, input_name="Cs")
    if values.ndim != 1 or (values <= 0).any():
        raise ValueError(
            f"Cs must be an integer or a one-dimensional array of positive values. Got "
            f"{Cs!r}."
        )
    return np.sort(values)


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
