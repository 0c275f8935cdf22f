"""Statistics t of every feature, from weighted moments.

A weight counts repetitions: a row of weight 2 is the same as the row twice. Sparse X
stays sparse. Differences and spreads that rounding can explain are 0. A difference
without any spread has the statistic infinity, no difference has 0.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

_EPS = np.finfo(np.float64).eps


def class_moments(X: Any, weights: NDArray) -> tuple[NDArray, NDArray]:
    """Return the weighted mean and sum of squared deviations of every column.

    Parameters
    ----------
    X : ndarray or canonical CSR of shape (n_rows, n_features)
    weights : ndarray of shape (n_rows,), positive

    Returns
    -------
    mean, square : ndarray of shape (n_features,)
    """
    n_rows, n_features = X.shape
    total = weights.sum()
    mean = np.asarray(X.T @ weights, dtype=np.float64) / total
    if issparse(X):
        row = np.repeat(weights, np.diff(X.indptr))
        stored = np.bincount(X.indices, row, minlength=n_features)
        full = np.bincount(X.indices, minlength=n_features) == n_rows
        square = np.where(full, 0.0, np.maximum(total - stored, 0)) * mean**2
        deviation = row * (X.data - mean[X.indices]) ** 2
        square += np.bincount(X.indices, deviation, minlength=n_features)
    else:
        square = weights @ (X - mean) ** 2
    square[np.sqrt(square / total) <= n_rows * _EPS * np.abs(mean)] = 0
    return mean, square


def welch_t(X: Any, codes: NDArray, weights: NDArray) -> NDArray:
    r"""Return Welch's t of each class against all other rows.

    With the means m, the unbiased variances s^2 and the total weights n of the rows of
    the class and of the others::

        t = (m_1 - m_0) / sqrt(s_1^2 / n_1 + s_0^2 / n_0)

    Parameters
    ----------
    X : ndarray or canonical CSR of shape (n_rows, n_features)
    codes : ndarray of shape (n_rows,), of int
        Classes 0, ..., n_classes - 1, each with a row; at least two.
    weights : ndarray of shape (n_rows,), positive

    Returns
    -------
    t : ndarray of shape (n_tested, n_features)
        One row for two classes. A class is left out if it, or what is not of it, has a
        total weight of at most 1: a single row has no variance. NaN where variances
        overflow.
    """
    n_classes = codes.max() + 1
    rows = [np.flatnonzero(codes == code) for code in range(n_classes)]
    totals = np.array([weights[chosen].sum() for chosen in rows])
    moments = [class_moments(X[chosen], weights[chosen]) for chosen in rows]
    means, squares = map(np.array, zip(*moments, strict=True))
    noise = len(codes) * _EPS * np.abs(means).max(axis=0)
    t = []
    for code in range(1, 2) if n_classes == 2 else range(n_classes):
        others = np.arange(n_classes) != code
        n_others = totals[others].sum()
        if min(totals[code], n_others) <= 1:
            continue
        mean = totals[others] @ means[others] / n_others
        spread = means[others] - mean
        spread[np.abs(spread) <= noise] = 0
        square = squares[others].sum(axis=0) + totals[others] @ spread**2
        difference = means[code] - mean
        difference[np.abs(difference) <= noise] = 0
        error = squares[code] / (totals[code] * (totals[code] - 1))
        error += square / (n_others * (n_others - 1))
        t.append(_ratio(difference, np.sqrt(error)))
    return np.array(t).reshape(-1, X.shape[1])


def correlation_t(X: Any, y: NDArray, weights: NDArray) -> NDArray:
    """Return the t statistic of the correlation r of each feature with y.

    With n rows, ``t = r sqrt((n - 2) / (1 - r^2))``.

    Parameters
    ----------
    X : ndarray or canonical CSR of shape (n_rows, n_features)
    y : ndarray of shape (n_rows,)
    weights : ndarray of shape (n_rows,), positive, sum above 2

    Returns
    -------
    t : ndarray of shape (n_features,)
        NaN where variances overflow.
    """
    total = weights.sum()
    _, square = class_moments(X, weights)
    centred = y - weights @ y / total
    force = weights * centred
    force -= weights * (force.sum() / total)
    norm = np.sqrt(square) * np.sqrt(force @ centred)
    r = np.clip(_ratio(np.where(norm > 0, X.T @ force, 0), norm), -1, 1)
    unexplained = (1 - r) * (1 + r)
    unexplained[unexplained <= len(y) * _EPS] = 0
    return _ratio(r * np.sqrt(total - 2), np.sqrt(unexplained))


def _ratio(difference: NDArray, error: NDArray) -> NDArray:
    """Divide with the limits above, NaN if the error is not finite."""
    ratio = np.where(np.isfinite(error), 0.0, np.nan)
    with np.errstate(divide="ignore"):
        np.divide(
            difference, error, out=ratio, where=np.isfinite(error) & (difference != 0)
        )
    return ratio
