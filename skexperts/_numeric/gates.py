"""Gate weights from affinities."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import entr, expit, log_expit

from skexperts._numeric.routing import row_blocks

# Bounds of the temperature that is found from the data, and when it is good enough.
_COLDEST, _HOTTEST = 1e-6, 16.0
_ENOUGH = 1e-3


def softmax_weights(affinity: NDArray, temperature: float) -> NDArray:
    """Softmax of ``affinity / temperature`` over the columns, with both limits exact.

    Parameters
    ----------
    affinity : ndarray of shape (n_rows, n_cells)
        Larger is closer, minus infinity is never. A row without a finite affinity gets
        weights 0.
    temperature : float
        0 shares a row equally between the cells of largest affinity, infinity between
        all cells of finite affinity.

    Returns
    -------
    weights : ndarray of shape (n_rows, n_cells), rows sum to 1 or 0
    """
    top = affinity.max(axis=1, keepdims=True)
    claimed = top > -np.inf
    with np.errstate(over="ignore", invalid="ignore"):
        gap = affinity - np.where(claimed, top, 0)
        if temperature > 0:
            weights = np.exp(gap / temperature)
    if temperature > 0:
        weights[np.isneginf(affinity)] = 0
    else:
        weights = ((gap == 0) & claimed).astype(np.float64)
    total = weights.sum(axis=1, keepdims=True)
    return np.divide(weights, total, out=weights, where=total > 0)


def one_hot_weights(affinity: NDArray) -> NDArray:
    """Weight 1 for the cell of largest affinity, ties to the lowest id."""
    weights = np.zeros(affinity.shape)
    rows = np.arange(len(affinity))
    nearest = affinity.argmax(axis=1)
    weights[rows, nearest] = affinity[rows, nearest] > -np.inf
    return weights


def open_gates(logits: NDArray, closed: NDArray, threshold: float) -> NDArray:
    """Sigmoid of the logits where it is above the threshold, else 0.

    A row for which no gate is open keeps the values of its gates, relative to the
    largest, so that they do not underflow.

    Parameters
    ----------
    logits : ndarray of shape (n_rows, n_experts)
    closed : ndarray of shape (n_rows, n_experts), bool
    threshold : float

    Returns
    -------
    weights : ndarray of shape (n_rows, n_experts)
    """
    weights = expit(logits)
    weights[closed | (weights <= threshold)] = 0
    shut = np.flatnonzero(~weights.any(axis=1))
    logs = np.where(closed[shut], -np.inf, log_expit(logits[shut]))
    top = logs.max(axis=1, keepdims=True)
    weights[shut] = np.exp(logs - np.where(top > -np.inf, top, 0))
    return weights


def mean_perplexity(
    affinity: NDArray, temperature: float, row_weights: NDArray
) -> float:
    """Effective number of cells per row, the mean of ``exp(entropy(weights))``.

    Parameters
    ----------
    affinity : ndarray of shape (n_rows, n_cells)
    temperature : float
    row_weights : ndarray of shape (n_rows,), sum 1
    """
    total = 0.0
    for block in row_blocks(*affinity.shape):
        weights = softmax_weights(affinity[block], temperature)
        total += float(row_weights[block] @ np.exp(entr(weights).sum(axis=1)))
    return total


def temperature_of_perplexity(
    affinity: NDArray, target: float, row_weights: NDArray
) -> float:
    """Return the temperature at which the mean perplexity is ``target``.

    The perplexity of every row increases with the temperature, so that bisection on
    the log of the temperature finds it, between 1e-6 and 16; where the perplexity does
    not reach the target, it is the bound.

    Parameters
    ----------
    affinity : ndarray of shape (n_rows, n_cells)
    target : float
    row_weights : ndarray of shape (n_rows,), sum 1
    """
    low, high = np.log(_COLDEST), np.log(_HOTTEST)
    while high - low > _ENOUGH:
        middle = (low + high) / 2
        if mean_perplexity(affinity, np.exp(middle), row_weights) < target:
            low = middle
        else:
            high = middle
    return float(np.exp((low + high) / 2))
