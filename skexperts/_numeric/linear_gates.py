"""Learned linear gates: their objectives, gradients and the descent that fits them.

The logits of row i are ``z_i = V x_i + c``, with x standardised. With weights w_i that
sum to 1, the problem is

    min over V, c of  penalty/2 |V - V_0|_F^2 + sum_i w_i loss_i(z_i)

The penalty leaves the intercepts c alone, and V_0 is 0 if not said otherwise. A row
loss takes the logits of a block of rows and their targets, and returns its values and
its derivatives in the logits:

======================  ==========================================================
:func:`cell_loss`       ``log sum_k exp z_k - z_cell``
:func:`share_loss`      ``log sum_k exp z_k - sum_k s_k z_k``
:func:`competence_loss` ``log sum_k exp z_k - log sum_k t_k exp z_k``
:func:`sigmoid_loss`    ``sum_k log(1 + exp z_k) - t_k z_k``
======================  ==========================================================

The second with one-hot shares s and the third with one-hot competences t are the first.
All are finite for all finite logits: the largest of a row is subtracted before anything
is exponentiated.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.sparse import csr_array, issparse

# Logits of this many pairs are held at a time, so that they stay in the cache. A
# constant, so that the sums never depend on the machine.
_BLOCK_PAIRS = 1 << 17

RowLoss = Callable[[NDArray, NDArray], tuple[NDArray, NDArray]]


class Columns(NamedTuple):
    """Standardised columns: the matrix stands for ``(X - mean) / scale``.

    Dense X is stored so, sparse X without the mean: ``shift`` is what is still to be
    subtracted from every row, 0 for dense X.
    """

    X: Any
    shift: NDArray
    mean: NDArray
    scale: NDArray


class LinearGates(NamedTuple):
    """Coefficients for X as given, the same as a start, and how they were found."""

    coef: NDArray
    intercept: NDArray
    table: NDArray
    value: float
    n_iter: int
    converged: bool


def standardise(X: Any, weights: NDArray) -> Columns:
    """Scale columns to weighted variance 1, constant columns to 0.

    Parameters
    ----------
    X : ndarray or CSR of shape (n_rows, n_features)
    weights : ndarray of shape (n_rows,), sum 1

    Returns
    -------
    columns : Columns
        The scale of a constant column is infinity, that of one whose variance overflows
        is NaN.
    """
    n_rows, n_features = X.shape
    mean = np.asarray(X.T @ weights, dtype=np.float64)
    if issparse(X):
        row = np.repeat(weights, np.diff(X.indptr))
        square = row * (X.data - mean[X.indices]) ** 2
        stored = np.bincount(X.indices, row, minlength=n_features)
        full = np.bincount(X.indices, minlength=n_features) == n_rows
        absent = np.where(full, 0.0, np.maximum(1 - stored, 0))
        variance = absent * mean**2
        variance += np.bincount(X.indices, square, minlength=n_features)
    else:
        centred = X - mean
        variance = weights @ centred**2
    scale = np.sqrt(variance)
    scale[np.isinf(scale)] = np.nan
    # What rounding makes of a constant column.
    scale[scale <= n_rows * np.finfo(np.float64).eps * np.abs(mean)] = np.inf
    if not issparse(X):
        return Columns(centred / scale, np.zeros(n_features), mean, scale)
    scaled = csr_array((X.data / scale[X.indices], X.indices, X.indptr), shape=X.shape)
    return Columns(scaled, mean / scale, mean, scale)


def objective(
    parameters: NDArray,
    blocks: list[tuple[slice, Any]],
    shift: NDArray,
    weights: NDArray,
    penalty: float,
    center: NDArray,
    loss: RowLoss,
    targets: NDArray,
) -> tuple[float, NDArray]:
    """Return the objective and its gradient.

    Parameters
    ----------
    parameters : ndarray of shape (n_experts * (n_features + 1),)
        Rows ``(v_k, c_k)``, one after the other.
    blocks : list of (slice, rows of X)
    shift : ndarray of shape (n_features,)
    weights : ndarray of shape (n_rows,)
    penalty : float
    center : ndarray of shape (n_experts, n_features), the V_0
    loss : row loss
    targets : ndarray of shape (n_rows, ...)

    Returns
    -------
    value : float
    gradient : ndarray, of the shape of ``parameters``
    """
    table = parameters.reshape(-1, len(shift) + 1)
    coef, intercept = np.ascontiguousarray(table[:, :-1]), table[:, -1]
    offset = intercept - coef @ shift
    slope = penalty * (coef - center)
    value = 0.5 * float(np.sum(slope * (coef - center)))
    slope_intercept = np.zeros(len(coef))
    for block, X in blocks:
        values, forces = loss(X @ coef.T + offset, targets[block])
        value += float(weights[block] @ values)
        forces *= weights[block, None]
        slope += (X.T @ forces).T
        slope_intercept += forces.sum(axis=0)
    slope -= np.outer(slope_intercept, shift)
    return value, np.column_stack([slope, slope_intercept]).ravel()


def fit_linear_gates(
    columns: Columns,
    weights: NDArray,
    penalty: float,
    loss: RowLoss,
    targets: NDArray,
    start: NDArray,
    tol: float,
    max_iter: int,
    center: NDArray | None = None,
) -> LinearGates:
    """Minimise the objective by L-BFGS.

    Parameters
    ----------
    columns : Columns
    weights : ndarray of shape (n_rows,), sum 1
    penalty : float
    loss : row loss
    targets : ndarray of shape (n_rows, ...)
    start : ndarray of shape (n_experts, n_features + 1)
        Coefficients and, last, intercepts, for standardised columns.
    tol : float
        Bound on the largest entry of the gradient.
    max_iter : int
    center : ndarray of shape (n_experts, n_features), optional
        What the penalty draws the coefficients to, for standardised columns.
    """
    center = np.zeros_like(start[:, :-1]) if center is None else center
    size = max(1, _BLOCK_PAIRS // len(start))
    blocks = [
        (slice(first, first + size), columns.X[first : first + size])
        for first in range(0, columns.X.shape[0], size)
    ]
    result = minimize(
        objective,
        start.ravel(),
        args=(blocks, columns.shift, weights, penalty, center, loss, targets),
        method="L-BFGS-B",
        jac=True,
        options={
            "maxiter": max_iter,
            "maxfun": 20 * max_iter,
            "maxls": 50,
            "gtol": tol,
            "ftol": 64 * np.finfo(np.float64).eps,
        },
    )
    table = result.x.reshape(start.shape)
    coef = table[:, :-1] / columns.scale
    intercept = table[:, -1] - coef @ columns.mean
    return LinearGates(
        coef, intercept, table, float(result.fun), int(result.nit), bool(result.success)
    )


def cell_loss(logits: NDArray, cells: NDArray) -> tuple[NDArray, NDArray]:
    """Multinomial log loss: minus the log of the weight of the cell of a row.

    Parameters
    ----------
    logits : ndarray of shape (n_rows, n_experts), overwritten
    cells : ndarray of shape (n_rows,), ints in [0, n_experts)
    """
    own = np.arange(len(logits)), cells
    picked = logits[own]
    log_total, gates = _softmax(logits)
    gates[own] -= 1
    return log_total - picked, gates


def share_loss(logits: NDArray, shares: NDArray) -> tuple[NDArray, NDArray]:
    """Cross-entropy to weights: ``log sum_k exp z_k - sum_k s_k z_k``.

    Parameters
    ----------
    logits : ndarray of shape (n_rows, n_experts), overwritten
    shares : ndarray of shape (n_rows, n_experts), rows sum to 1
    """
    wanted = (shares * logits).sum(axis=1)
    log_total, gates = _softmax(logits)
    gates -= shares
    return log_total - wanted, gates


def competence_loss(
    logits: NDArray, log_competence: NDArray
) -> tuple[NDArray, NDArray]:
    """Minus the log of the mixture ``sum_k g_k t_k``.

    Parameters
    ----------
    logits : ndarray of shape (n_rows, n_experts), overwritten
    log_competence : ndarray of shape (n_rows, n_experts)
        Minus infinity is allowed, not for a whole row.
    """
    log_mixture, posterior = _softmax(logits + log_competence)
    log_total, gates = _softmax(logits)
    gates -= posterior
    return log_total - log_mixture, gates


def sigmoid_loss(logits: NDArray, targets: NDArray) -> tuple[NDArray, NDArray]:
    """Log loss of independent sigmoids.

    Parameters
    ----------
    logits : ndarray of shape (n_rows, n_experts)
    targets : ndarray of shape (n_rows, n_experts), in [0, 1], or (n_rows,), ints
        Ints are cells: target 1 for the own cell, 0 for the others.
    """
    smaller = np.exp(-np.abs(logits))
    softplus = np.maximum(logits, 0) + np.log1p(smaller)
    forces = np.where(logits >= 0, 1.0, smaller) / (1 + smaller)
    if targets.ndim == 1:
        own = np.arange(len(logits)), targets
        forces[own] -= 1
        return softplus.sum(axis=1) - logits[own], forces
    forces -= targets
    return (softplus - targets * logits).sum(axis=1), forces


def _softmax(logits: NDArray) -> tuple[NDArray, NDArray]:
    """Return the log of the sum of exponentials, and the softmax in place."""
    top = logits.max(axis=1, keepdims=True)
    logits -= top
    np.exp(logits, out=logits)
    total = logits.sum(axis=1, keepdims=True)
    logits /= total
    return (top + np.log(total))[:, 0], logits
