"""Learned weights of a convex combination of experts."""

import hashlib
import warnings
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from skexperts._numeric.losses import (
    LOSSES,
    PROBABILITY_FLOOR,
    Loss,
    combined_gradient,
    combined_hessian,
)
from skexperts._numeric.simplex import solve_simplex_qp

_EPS = float(np.finfo(np.float64).eps)
# A gap of this many rounding units of the gradient is zero.
_ROUNDING = 100 * _EPS
_MAX_BISECTIONS = 60


class AlphaFit(NamedTuple):
    """Result of :func:`fit_alpha`."""

    alpha: NDArray
    scale: float
    duality_gap: float
    n_iter: int


def fit_alpha(
    outputs: NDArray,
    targets: NDArray,
    sample_weight: NDArray | None = None,
    *,
    loss: str = "log_loss",
    tol: float = 1e-8,
    max_iter: int = 100,
) -> AlphaFit:
    """Learn the convex combination of expert outputs that has the lowest loss.

    Solves, over alpha on the simplex,

        min_alpha L(alpha) = sum_i s_i loss(y_i, sum_k alpha_k F[k, i, :]) / sum_i s_i

    where the loss of a row is the log loss of its true class, or the squared error or
    the one-vs-rest squared hinge summed over its columns. For the squared hinge one
    scale >= 0 multiplies all outputs and is learned with alpha: the problem is convex
    in beta = scale * alpha >= 0.

    Parameters
    ----------
    outputs : ndarray of shape (n_experts, n_rows, n_outputs), finite
    targets : ndarray of shape (n_rows, n_outputs)
        ``"log_loss"``: one for the true class, else zero. ``"squared_error"``: the
        values, or one and zero. ``"squared_hinge"``: one for the true class, else -1.
    sample_weight : ndarray of shape (n_rows,), optional
        Non-negative, not all zero.
    loss : {"log_loss", "squared_error", "squared_hinge"}
    tol : float, default=1e-8
        Stop at a duality gap of ``tol`` times the loss of the best single expert (for
        the squared hinge, of the output 0).
    max_iter : int, default=100
        Largest number of Newton steps.

    Returns
    -------
    alpha : ndarray of shape (n_experts,)
        Non-negative, sums to 1.
    scale : float
        1 unless the loss is the squared hinge. 0 if the zero output is better than any
        combination; then alpha is uniform.
    duality_gap : float
        Bound on ``L(alpha) - min L``: the Wolfe gap ``<g, alpha> - min_k g_k`` of the
        gradient g. With a scale the minimum is over all alpha and all scales up to at
        least twice the returned one, so the bound holds at the returned scale too.
    n_iter : int
        Newton steps done; 0 if there was nothing to learn.

    Warns
    -----
    ConvergenceWarning
        If the gap is still larger than asked for.

    Notes
    -----
    Every step goes to the minimum over the simplex of the quadratic model of L, and as
    far along that line as L itself says. Experts of which the loss sees equal outputs
    share their weight equally; other ties, between collinear experts, are settled by
    the path of the descent from equal weights.

    References
    ----------
    L. Breiman (1996). Stacked regressions. Machine Learning 24.

    M. Jaggi (2013). Revisiting Frank-Wolfe: projection-free sparse convex optimization.
    ICML. (The duality gap.)
    """
    observed, y, weights = _as_observations(outputs, targets, sample_weight, loss)
    distinct, member, sizes = np.unique(
        _first_equal(observed), return_inverse=True, return_counts=True
    )
    if len(distinct) < len(observed):
        observed = observed[distinct]
    rule = LOSSES[loss]
    if loss == "squared_hinge":
        tolerance = tol * float(rule.value(np.zeros_like(y), y) @ weights)
        beta, gap, n_iter = _descend_with_scale(
            rule, observed, y, weights, tolerance, max_iter
        )
        scale = float(beta.sum())
    else:
        tolerance = tol * float((rule.value(observed, y) @ weights).min())
        equal = np.full(len(observed), 1.0 / len(observed))
        beta, gap, n_iter = _descend(
            rule, observed, y, weights, equal, tolerance, max_iter
        )
        scale = 1.0
    if gap > tolerance:
        warnings.warn(
            f"alpha did not converge in {n_iter} Newton steps: the duality gap is "
            f"{gap:.3g}, asked for was {tolerance:.3g}. Increase max_iter or tol.",
            ConvergenceWarning,
            stacklevel=2,
        )
    shares = beta / beta.sum() if scale > 0 else np.full(len(beta), 1.0 / len(beta))
    return AlphaFit((shares / sizes)[member], scale, gap, n_iter)


def _as_observations(
    outputs: NDArray, targets: NDArray, sample_weight: NDArray | None, loss: str
) -> tuple[NDArray, NDArray, NDArray]:
    """Outputs (n_experts, n_observations), targets and weights that a loss sees."""
    n_experts, n_rows, n_outputs = outputs.shape
    weights = np.ones(n_rows) if sample_weight is None else sample_weight
    weights = weights / weights.max()
    weights = weights / weights.sum()
    if loss == "log_loss":
        true_class = outputs[:, np.arange(n_rows), targets.argmax(axis=1)]
        return np.maximum(true_class, PROBABILITY_FLOOR), np.ones(n_rows), weights
    if loss == "squared_error":
        # As alpha sums to 1, z - y is the combination of the residuals. They do not
        # lose digits to a large common offset.
        outputs = outputs - targets
        targets = np.zeros_like(targets)
    flat = outputs.reshape(n_experts, n_rows * n_outputs)
    return flat, targets.ravel().astype(np.float64), np.repeat(weights, n_outputs)


def _first_equal(outputs: NDArray) -> NDArray:
    """For each expert the first one with exactly the same outputs."""
    first: dict[bytes, int] = {}
    digests = (hashlib.sha256(expert.tobytes()).digest() for expert in outputs)
    return np.array([first.setdefault(d, k) for k, d in enumerate(digests)])


def _descend_with_scale(
    rule: Loss,
    outputs: NDArray,
    y: NDArray,
    weights: NDArray,
    tolerance: float,
    max_iter: int,
) -> tuple[NDArray, float, int]:
    """Minimise over all beta >= 0.

    The set ``{beta >= 0, sum beta <= radius}`` is a simplex with one more expert, whose
    output is zero. The radius grows until that expert has half of the weight.
    """
    n_experts = len(outputs)
    size = np.sqrt((outputs**2 @ weights).max() / weights.sum())
    radius = 4.0 / size if size > 0 else 1.0
    outputs = np.vstack((outputs, np.zeros_like(y)))
    x = np.full(n_experts + 1, 0.25 / n_experts)
    x[-1] = 0.75
    n_iter = 0
    while True:
        x, gap, steps = _descend(
            rule, radius * outputs, y, weights, x, tolerance, max_iter - n_iter
        )
        n_iter += steps
        if x[-1] >= 0.5:
            break
        radius *= 4.0
        x /= 4.0
        x[-1] = 1.0 - x[:-1].sum()
    return radius * x[:-1], gap, n_iter


def _descend(
    rule: Loss,
    outputs: NDArray,
    y: NDArray,
    weights: NDArray,
    x: NDArray,
    tolerance: float,
    max_iter: int,
) -> tuple[NDArray, float, int]:
    """Newton's method on the simplex; returns x, its Wolfe gap and the steps done."""

    def gradient_and_gap(x: NDArray) -> tuple[NDArray, float]:
        gradient = combined_gradient(rule, x, outputs, y, weights)
        gap = float(gradient @ x - gradient.min())
        return gradient, gap if gap > _ROUNDING * np.abs(gradient).max() else 0.0

    gradient, gap = gradient_and_gap(x)
    n_iter = 0
    while gap > tolerance and n_iter < max_iter:
        n_iter += 1
        hessian = combined_hessian(rule, x, outputs, y, weights)
        goal = solve_simplex_qp(hessian, gradient - hessian @ x, start=x)
        step = _line_search(rule, x @ outputs, (goal - x) @ outputs, y, weights)
        blind = step == 0.0
        moved = goal if blind else (1.0 - step) * x + step * goal
        gradient, moved_gap = gradient_and_gap(moved)
        if blind and moved_gap >= gap:
            break
        x, gap = moved, moved_gap
    return x, gap, n_iter


def _line_search(
    rule: Loss, z: NDArray, direction: NDArray, y: NDArray, weights: NDArray
) -> float:
    """Return a step in (0, 1] near the minimum of the convex loss along a line.

    Only slopes are compared: differences of the loss drown in rounding long before. If
    the slope is lost in rounding as well, so near the minimum, the step is 0.
    """
    scaled = weights * direction
    noise = _ROUNDING * float(np.abs(scaled) @ np.abs(rule.derivative(z, y)))

    def slope(step: float) -> float:
        return float(scaled @ rule.derivative(z + step * direction, y))

    steepest = slope(0.0)
    if steepest >= -noise:
        return 0.0
    low, high, step = 0.0, 1.0, 1.0
    for _ in range(_MAX_BISECTIONS):
        current = slope(step)
        if current > noise:
            high = step
        elif step == 1.0 or current > 0.1 * steepest:
            return step
        else:
            low = step
        step = 0.5 * (low + high)
    return low
