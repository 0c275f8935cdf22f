"""Linear experts as one stack of sparse coefficients, read for routed pairs only."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array

from skexperts._kernels.linear_pairs import dense_pairs, sparse_pairs
from skexperts._numeric.routing import pairs_by_expert


class LinearExperts(NamedTuple):
    """Linear functions of all experts.

    Attributes
    ----------
    indptr, indices, coef : ndarrays of int64, int32 and float64
        CSR of shape (n_experts * n_features, n_outputs): row ``k * n_features + j`` is
        feature j of expert k.
    intercept : ndarray of shape (n_experts, n_outputs)
    absent : ndarray of shape (n_experts, n_outputs), uint8
        Outputs that an expert does not have. They are -1, or the lowest of the others
        if that is lower.
    some_absent : ndarray of shape (n_experts,), uint8
    """

    indptr: NDArray
    indices: NDArray
    coef: NDArray
    intercept: NDArray
    absent: NDArray
    some_absent: NDArray


class LinearExpert(NamedTuple):
    """One expert: coefficients for some columns of X and some outputs."""

    coef: NDArray | csr_array
    intercept: NDArray
    columns: NDArray | None
    outputs: NDArray


def stack_experts(
    experts: list[LinearExpert], n_features: int, n_outputs: int
) -> LinearExperts:
    """Stack linear experts.

    Parameters
    ----------
    experts : list of LinearExpert
        ``coef`` of shape (n_own_outputs, n_own_columns), ``columns`` the columns of X
        (None for all) and ``outputs`` the positions of the outputs.
    n_features, n_outputs : int
    """
    rows, columns, values = [], [], []
    intercept = np.zeros((len(experts), n_outputs))
    absent = np.ones((len(experts), n_outputs), dtype=np.uint8)
    for k, expert in enumerate(experts):
        part = coo_array(expert.coef)
        own = part.col if expert.columns is None else expert.columns[part.col]
        rows.append(k * n_features + own.astype(np.int64))
        columns.append(expert.outputs[part.row])
        values.append(part.data.astype(np.float64))
        intercept[k, expert.outputs] = expert.intercept
        absent[k, expert.outputs] = 0
    coef = csr_array(
        (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))),
        shape=(len(experts) * n_features, n_outputs),
    )
    coef.eliminate_zeros()
    return LinearExperts(
        coef.indptr.astype(np.int64),
        not_empty(coef.indices.astype(np.int32)),
        not_empty(coef.data),
        intercept,
        absent,
        np.asarray(absent.max(axis=1)),
    )


def linear_outputs(
    experts: LinearExperts, X: NDArray | csr_array, routing: csr_array
) -> NDArray:
    """Return the outputs of the routed pairs, in the order of ``routing.data``.

    Parameters
    ----------
    experts : LinearExperts
    X : ndarray in C order, or canonical CSR with 32-bit indices
    routing : csr_array of shape (n_rows, n_experts)

    Returns
    -------
    outputs : ndarray of shape (n_pairs, n_outputs)
    """
    rows, pairs, bounds = pairs_by_expert(routing)
    values = np.empty((routing.nnz, experts.intercept.shape[1]))
    rest: Any = (
        rows.astype(np.int64, copy=False),
        pairs.astype(np.int64, copy=False),
        bounds.astype(np.int64, copy=False),
        *experts,
        values,
    )
    if isinstance(X, np.ndarray):
        dense_pairs(X, *rest)
    else:
        data, indices = not_empty(X.data), not_empty(X.indices)
        sparse_pairs(data, indices, X.indptr, X.shape[1], *rest)
    return values


def not_empty(values: NDArray) -> NDArray:
    """Return values, or one zero for none: there is no pointer to an empty array."""
    return values if len(values) else np.zeros(1, values.dtype)
