"""The problems and the values of C of a path."""

from numbers import Integral

import numpy as np

from skexperts._numeric.l1_path import critical_C
from skexperts._threads import one_blas_thread
from skexperts._validation import drop_weightless


def problem_of(model, X, y, weights):
    """Return the first four arguments of :func:`fit_linear`."""
    weights, X, y = drop_weightless(model._total_weights(y, weights), X, y)
    return X, *model._targets(y), weights


def values_of_C(Cs, eps, X, intervals, n_problems, weights, *, fit_intercept):
    """Return the values of C of a path, ascending.

    Parameters
    ----------
    Cs, eps : as in the estimators
    X, intervals, n_problems, weights, fit_intercept : as in :func:`fit_linear`
    """
    if not isinstance(Cs, Integral):
        return _given_values(Cs)
    weights = np.ones(X.shape[0]) if weights is None else weights
    with one_blas_thread(), np.errstate(over="ignore", invalid="ignore"):
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
    try:
        values = np.array(Cs, dtype=np.float64)
    except (TypeError, ValueError):
        values = np.empty(0)
    if (
        values.ndim != 1
        or not values.size
        or not (0 < values.min() <= values.max() < np.inf)
    ):
        raise ValueError(
            "Cs must be an integer or a one-dimensional array of positive, finite "
            f"values. Got {Cs!r}."
        )
    return np.sort(values)
