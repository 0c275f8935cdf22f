"""Links between margins and probabilities.

The minimiser of the expected squared hinge loss is f = 2 p - 1 clipped to [-1, 1]
(Zhang 2004, "Statistical behavior and consistency of classification methods based on
convex risk minimization"), so its inverse link is p = clip((f + 1) / 2, 0, 1).
"""

import numpy as np
from numpy.typing import NDArray

# The largest margin at which p is exactly 0.
ABSENT_MARGIN = -1.0


def binary_margins(margins: NDArray) -> NDArray:
    """Write the margins of the positive class as two columns, ``[-f, f]``."""
    return np.column_stack((-margins, margins))


def squared_hinge_probabilities(margins: NDArray) -> NDArray:
    """Class probabilities of one-vs-rest squared-hinge margins.

    Each class has ``p_c = clip((f_c + 1) / 2, 0, 1)``, normalised over the classes.
    Where clipping hides which margin is the largest, that class is put ahead by one
    part in 10^9, so that the most probable class is always the class of the largest
    margin.

    Parameters
    ----------
    margins : ndarray of shape (n_rows, n_classes)

    Returns
    -------
    probabilities : ndarray of shape (n_rows, n_classes), rows sum to 1
    """
    probabilities = np.clip((margins.astype(np.float64) + 1.0) / 2.0, 0.0, 1.0)
    rows = np.arange(len(margins))
    best = margins.argmax(axis=1)
    top = probabilities.max(axis=1)
    hidden = (probabilities == top[:, None]).sum(axis=1) > 1
    probabilities[rows[hidden], best[hidden]] = np.where(
        top[hidden] > 0, top[hidden] * (1.0 + 1e-9), 1.0
    )
    return probabilities / probabilities.sum(axis=1, keepdims=True)
