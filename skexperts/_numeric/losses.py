"""Losses of a convex combination, as functions of its weights alpha.

With ``z_i = sum_k alpha_k F_ki`` the combined output of observation i,

    L(alpha) = sum_i w_i loss(z_i, y_i),    sum_i w_i = 1,

has the gradient ``dL/dalpha_k = sum_i w_i loss'(z_i, y_i) F_ki`` and the Hessian
``d2L/dalpha_k dalpha_l = sum_i w_i loss''(z_i, y_i) F_ki F_li``. Every loss here is
convex in z, hence L is convex in alpha.

Conventions: at its kink, where the margin is exactly 1, the squared hinge has curvature
0; the log loss needs positive z, see :data:`PROBABILITY_FLOOR`.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

# Probabilities that an expert gives to the true class are raised to this value. Then z
# is positive for every alpha, L stays convex and smooth, and a row of which all experts
# say 0 adds a constant.
PROBABILITY_FLOOR = float(np.finfo(np.float64).eps)


class Loss(NamedTuple):
    """A loss of one output z and one target y, with its two derivatives in z."""

    value: Callable[[NDArray, NDArray], NDArray]
    derivative: Callable[[NDArray, NDArray], NDArray]
    curvature: Callable[[NDArray, NDArray], NDArray]


def log_loss(z: NDArray, y: NDArray) -> NDArray:
    """``-y log z``, with y = 1 for the true class and 0 for the others."""
    return -y * np.log(z)


def log_loss_derivative(z: NDArray, y: NDArray) -> NDArray:
    """``-y / z``."""
    return -y / z


def log_loss_curvature(z: NDArray, y: NDArray) -> NDArray:
    """``y / z^2``."""
    return y / z**2


def squared_error(z: NDArray, y: NDArray) -> NDArray:
    """``(z - y)^2``; over one-hot targets and probabilities it is the Brier score."""
    return (z - y) ** 2


def squared_error_derivative(z: NDArray, y: NDArray) -> NDArray:
    """``2 (z - y)``."""
    return 2.0 * (z - y)


def squared_error_curvature(z: NDArray, y: NDArray) -> NDArray:
    """The constant 2."""
    return np.full_like(z, 2.0)


def squared_hinge(z: NDArray, y: NDArray) -> NDArray:
    """``max(0, 1 - y z)^2``, with y = 1 for the true class and -1 for the others."""
    return np.maximum(0.0, 1.0 - y * z) ** 2


def squared_hinge_derivative(z: NDArray, y: NDArray) -> NDArray:
    """``-2 y max(0, 1 - y z)``."""
    return -2.0 * y * np.maximum(0.0, 1.0 - y * z)


def squared_hinge_curvature(z: NDArray, y: NDArray) -> NDArray:
    """2 where ``y z < 1``, else 0."""
    return 2.0 * (y * z < 1.0)


LOSSES = {
    "log_loss": Loss(log_loss, log_loss_derivative, log_loss_curvature),
    "squared_error": Loss(
        squared_error, squared_error_derivative, squared_error_curvature
    ),
    "squared_hinge": Loss(
        squared_hinge, squared_hinge_derivative, squared_hinge_curvature
    ),
}


def combined_gradient(
    loss: Loss, alpha: NDArray, outputs: NDArray, targets: NDArray, weights: NDArray
) -> NDArray:
    """Return the gradient of L at alpha, of shape (n_experts,).

    Parameters
    ----------
    loss : Loss
    alpha : ndarray of shape (n_experts,)
    outputs : ndarray of shape (n_experts, n_observations)
    targets : ndarray of shape (n_observations,)
    weights : ndarray of shape (n_observations,)
    """
    return outputs @ (weights * loss.derivative(alpha @ outputs, targets))


def combined_hessian(
    loss: Loss, alpha: NDArray, outputs: NDArray, targets: NDArray, weights: NDArray
) -> NDArray:
    """Return the Hessian of L at alpha, of shape (n_experts, n_experts).

    The parameters are those of :func:`combined_gradient`.
    """
    curvature = weights * loss.curvature(alpha @ outputs, targets)
    return (outputs * curvature) @ outputs.T
