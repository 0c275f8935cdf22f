"""The design matrix of a shared linear model and one sparse deviation per expert.

Expert k predicts ``(w_0 + d_k)'x + b_0 + e_k``. In the columns of X, of its blocks X_k
and of ones this is one linear model: the solver of one L1 problem finds all parts.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

_MAX_INT32 = np.iinfo(np.int32).max
# With less, unrelated segments lose to separate fits; more changes nothing.
_INTERCEPT_FREEDOM = 3.0


class SharedDesign(NamedTuple):
    """Pairs of row and expert by columns of the shared model and of the deviations."""

    matrix: csr_array
    columns: NDArray
    shared_scale: float
    own_scale: float
    intercept_scale: float


def shared_design(
    X: NDArray | csr_array,
    rows: NDArray,
    owners: NDArray,
    weights: NDArray | None,
    n_experts: int,
    penalty: float,
    *,
    fit_intercept: bool,
) -> SharedDesign:
    """Make one L1 problem of ``|w_0|_1 + penalty sum_k (|d_k|_1 + |e_k| / s)``.

    The intercepts of the deviations are coefficients of a column of the constant s,
    three times the root mean square norm of the rows, so that their penalty does not
    depend on the scale of X. The columns of the deviations are divided by their
    penalty; for a penalty below 1 those of the shared model are multiplied by it
    instead, and the solver's C is to be divided by it.

    Parameters
    ----------
    X : ndarray or canonical CSR of shape (n_rows, n_features)
    rows, owners : ndarrays of shape (n_pairs,)
        Row and expert of each pair; ``n_experts`` stands for the shared model alone.
    weights : ndarray of shape (n_pairs,), positive, or None
    n_experts : int
    penalty : float, positive
    fit_intercept : bool
        Whether there are deviations of the intercept.

    Returns
    -------
    design : SharedDesign
        ``matrix`` has the columns of X, then the ``columns`` that are used by some
        pair, where ``k * (n_features + 1) + j`` stands for feature j of expert k, and
        j = n_features for its intercept.
    """
    n_features, stride = X.shape[1], X.shape[1] + 1
    pairs = csr_array(X)[rows]
    lengths = np.diff(pairs.indptr)
    deviates = owners < n_experts
    added = np.where(deviates, lengths + fit_intercept, 0)
    firsts = np.concatenate([[0], np.cumsum(lengths + added, dtype=np.int64)])
    left = np.arange(pairs.nnz) + np.repeat(firsts[:-1] - pairs.indptr[:-1], lengths)
    entries = np.repeat(deviates, lengths)
    right = (left + np.repeat(lengths, lengths))[entries]
    bases = owners.astype(np.int64) * stride
    own = (pairs.indices + np.repeat(bases, lengths))[entries]
    own_ones = (bases + n_features)[deviates]
    used = np.zeros(n_experts * stride, dtype=bool)
    used[own] = True
    if fit_intercept:
        used[own_ones] = True
    numbers = n_features - 1 + np.cumsum(used)

    squares = pairs.data.astype(np.float64) ** 2
    if weights is None:
        square = squares.sum() / len(rows)
    else:
        square = squares @ np.repeat(weights, lengths) / weights.sum()
    intercept_scale = _INTERCEPT_FREEDOM * (float(np.sqrt(square)) or 1.0)

    shared_scale, own_scale = min(1.0, penalty), min(1.0, 1.0 / penalty)
    n_columns = int(numbers[-1]) + 1
    fits = max(firsts[-1], n_columns, len(rows)) <= _MAX_INT32
    indices = np.empty(firsts[-1], dtype=np.int32 if fits else np.int64)
    data = np.empty(firsts[-1], dtype=X.dtype)
    indices[left], data[left] = pairs.indices, pairs.data * shared_scale
    indices[right], data[right] = numbers[own], pairs.data[entries] * own_scale
    if fit_intercept:
        ones = firsts[1:][deviates] - 1
        indices[ones] = numbers[own_ones]
        data[ones] = intercept_scale * own_scale
    matrix = csr_array(
        (data, indices, firsts.astype(indices.dtype)), shape=(len(rows), n_columns)
    )
    return SharedDesign(
        matrix, np.flatnonzero(used), shared_scale, own_scale, intercept_scale
    )


def split_coef(
    design: SharedDesign, coef: NDArray, n_features: int, n_experts: int
) -> tuple[NDArray, list[csr_array], NDArray]:
    """Take coefficients of the design apart.

    Parameters
    ----------
    design : SharedDesign
    coef : ndarray of shape (n_problems, n_columns)
    n_features, n_experts : int

    Returns
    -------
    shared : ndarray of shape (n_problems, n_features)
    deviation : list of n_experts csr_arrays of shape (n_problems, n_features)
    deviation_intercept : ndarray of shape (n_experts, n_problems)
    """
    shared = coef[:, :n_features] * design.shared_scale
    stride = n_features + 1
    bounds = np.searchsorted(design.columns, stride * np.arange(n_experts + 1))
    deviation = []
    intercept = np.zeros((n_experts, len(coef)), dtype=coef.dtype)
    for k in range(n_experts):
        features = design.columns[bounds[k] : bounds[k + 1]] - k * stride
        own = coef[:, n_features + bounds[k] : n_features + bounds[k + 1]]
        own = own * design.own_scale
        if len(features) and features[-1] == n_features:
            intercept[k] = own[:, -1] * design.intercept_scale
            features, own = features[:-1], own[:, :-1]
        found = csr_array(own)
        deviation.append(
            csr_array(
                (found.data, features[found.indices], found.indptr),
                shape=(len(coef), n_features),
            )
        )
    return shared, deviation, intercept
