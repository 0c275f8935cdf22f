"""Learned weights of experts on top of a routing."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.sparse import csr_array

from skexperts._numeric.aggregation import contract
from skexperts._numeric.losses import LOSSES, PROBABILITY_FLOOR
from skexperts._numeric.routing import rows_of_pairs

_LARGEST_LOG = 6 * np.log(10)


def reweight(routing: csr_array, alpha: NDArray) -> csr_array:
    """Multiply the weights of a routing by alpha, and normalise the rows again.

    ``v[i, k] = alpha_k r[i, k] / sum_j alpha_j r[i, j]``; a row all of whose experts
    have alpha 0 stays as it is.

    Parameters
    ----------
    routing : csr_array of shape (n_rows, n_experts), rows sum to 1
    alpha : ndarray of shape (n_experts,), not negative

    Returns
    -------
    routing : csr_array of the same structure
    """
    weights = routing.data * alpha[routing.indices]
    rows = rows_of_pairs(routing)
    total = np.bincount(rows, weights, minlength=routing.shape[0])
    weights = np.where(total[rows] > 0, weights, routing.data)
    total[total <= 0] = 1.0
    return csr_array(
        (weights / total[rows], routing.indices, routing.indptr), shape=routing.shape
    )


def fit_expert_alpha(
    routing: csr_array,
    outputs: NDArray,
    targets: NDArray,
    sample_weight: NDArray | None,
    *,
    loss: str,
    tol: float,
    max_iter: int,
) -> tuple[NDArray, int]:
    """Learn alpha on the simplex for a routing.

    With ``z_i = sum_k v[i, k] o[i, k]`` and v of :func:`reweight`, go downhill from
    equal weights to a stationary point of

        min_alpha  L(alpha) = sum_i s_i loss(y_i, z_i) / sum_i s_i

    over ``alpha = softmax(theta)``. The gradient is ``dL/dtheta_k = sum_i s_i v[i, k]
    <loss'(z_i), o[i, k] - z_i>``.

    Parameters
    ----------
    routing : csr_array of shape (n_rows, n_experts)
    outputs : ndarray of shape (n_pairs, n_outputs), in the order of ``routing.data``
    targets : ndarray of shape (n_rows, n_outputs)
        For ``"log_loss"`` one for the true class, else zero; for ``"squared_hinge"``
        one or -1; for ``"squared_error"`` the values.
    sample_weight : ndarray of shape (n_rows,) or None
    loss : {"log_loss", "squared_error", "squared_hinge"}
    tol : float
        Stop where the largest entry of the gradient is below ``tol`` times the loss of
        equal weights.
    max_iter : int

    Returns
    -------
    alpha : ndarray of shape (n_experts,)
        Positive: the largest is at most 10^12 times the smallest.
    n_iter : int
    """
    rows = rows_of_pairs(routing)
    if loss == "log_loss":
        outputs = np.maximum(outputs[targets[rows] == 1][:, None], PROBABILITY_FLOOR)
        targets = np.ones((len(targets), 1))
    shares = np.ones(len(targets)) if sample_weight is None else sample_weight
    shares = (shares / shares.sum())[:, None]
    rule, n_experts = LOSSES[loss], routing.shape[1]

    def value_and_gradient(theta: NDArray, unit: float) -> tuple[float, NDArray]:
        """Return the loss of ``softmax(theta)`` over a unit, and its gradient."""
        weighted = reweight(routing, np.exp(theta))
        combined = contract(weighted, outputs)
        slope = shares / unit * rule.derivative(combined, targets)
        pull = ((outputs - combined[rows]) * slope[rows]).sum(axis=1)
        gradient = np.bincount(
            routing.indices, weighted.data * pull, minlength=n_experts
        )
        return float((shares / unit * rule.value(combined, targets)).sum()), gradient

    start = np.zeros(n_experts)
    unit, _ = value_and_gradient(start, 1.0)
    if unit == 0:
        return np.full(n_experts, 1 / n_experts), 0
    fit = minimize(
        value_and_gradient,
        start,
        args=(unit,),
        jac=True,
        method="L-BFGS-B",
        bounds=[(-_LARGEST_LOG, _LARGEST_LOG)] * n_experts,
        options={"maxiter": max_iter, "gtol": tol, "ftol": 0.0},
    )
    theta = fit.x if fit.fun < 1.0 else start
    alpha = np.exp(theta - theta.max())
    return alpha / alpha.sum(), int(fit.nit)
