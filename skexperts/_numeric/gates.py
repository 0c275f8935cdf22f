"""Gate weights from affinities."""

import numpy as np
from numpy.typing import NDArray


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
