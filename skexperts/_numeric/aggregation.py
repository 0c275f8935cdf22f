"""Contraction of a routing with the outputs of the experts."""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from skexperts._kernels.aggregation import contract_pairs


def contract(routing: csr_array, outputs: NDArray) -> NDArray:
    """Combine expert outputs: ``combined[i] = sum_k routing[i, k] * output_k(x_i)``.

    Parameters
    ----------
    routing : csr_array of shape (n_rows, n_experts)
    outputs : ndarray of shape (n_pairs, n_outputs)
        Output of the expert of each routed pair, in the order of ``routing.data``.

    Returns
    -------
    combined : ndarray of shape (n_rows, n_outputs)
    """
    combined = np.empty((routing.shape[0], outputs.shape[1]), dtype=outputs.dtype)
    weights = routing.data.astype(outputs.dtype, copy=False)
    contract_pairs(routing.indptr, weights, np.ascontiguousarray(outputs), combined)
    return combined


def align_columns(
    outputs: NDArray, expert_classes: NDArray, classes: NDArray, fill: NDArray | float
) -> NDArray:
    """Place the columns of an expert under the classes of the whole model.

    Parameters
    ----------
    outputs : ndarray of shape (n_rows, n_expert_classes)
    expert_classes : ndarray of shape (n_expert_classes,)
        A subset of ``classes``, in any order.
    classes : ndarray of shape (n_classes,), sorted
    fill : float or ndarray of shape (n_rows, 1)
        Value for the classes the expert does not know.

    Returns
    -------
    aligned : ndarray of shape (n_rows, n_classes)
    """
    aligned = np.empty((outputs.shape[0], len(classes)), dtype=outputs.dtype)
    aligned[:] = fill
    aligned[:, np.searchsorted(classes, expert_classes)] = outputs
    return aligned
