"""Codes that serve a task: a linear head on them, and the gradient in the atoms.

With z(x, D) the code of a row x by the elastic net on the atoms D (rows of norm at most
1), the problem is

    min over D, W, b of  sum_i w_i loss(y_i, W z(x_i, D) + b) + l2/2 |W|^2

A code changes with the atoms on its support S only, where it solves linear equations.
With g the gradient of the loss in z, and

    beta_S = (D_S D_S' + l2_z I)^-1 g_S,    beta = 0 elsewhere,

where l2_z is the weight of |z|^2 / 2 in the elastic net, the gradient in D for one row
is ``beta'(x - zD) - z'(beta D)`` (Mairal, Bach & Ponce 2012, proposition 1). It exists
wherever no product is at the edge of the support.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from skexperts._kernels.dictionary import add_products, add_sparse_products
from skexperts._kernels.task_driven import solve_on_supports
from skexperts._numeric.coding import squared_norms
from skexperts._numeric.linear_gates import (
    Columns,
    RowLoss,
    fit_linear_gates,
    share_loss,
    sigmoid_loss,
)
from skexperts._numeric.losses import LOSSES

_TOL, _MAX_ITER = 1e-5, 500
_MEMORY, _SQUARES_MEMORY = 0.9, 0.999


class Head(NamedTuple):
    """A linear map of codes to scores, ``W z + b``."""

    coef: NDArray
    intercept: NDArray

    def scores(self, codes: csr_array) -> NDArray:
        """Return the scores of codes, of shape (n_rows, n_outputs)."""
        return codes @ self.coef.T + self.intercept


def log_loss(scores: NDArray, targets: NDArray) -> tuple[NDArray, NDArray]:
    """Cross-entropy of the softmax, of the sigmoid for a single score.

    Parameters
    ----------
    scores : ndarray of shape (n_rows, n_outputs), overwritten
    targets : ndarray of the same shape
        Shares of the classes, which sum to 1; of a single score, that of the second.

    Returns
    -------
    values : ndarray of shape (n_rows,)
    slopes : ndarray of shape (n_rows, n_outputs)
        Derivatives in the scores.
    """
    loss = sigmoid_loss if targets.shape[1] == 1 else share_loss
    return loss(scores, targets)


def squared_hinge(scores: NDArray, targets: NDArray) -> tuple[NDArray, NDArray]:
    """Squared hinge of one class against the others, summed over the classes.

    Parameters
    ----------
    scores : ndarray of shape (n_rows, n_outputs)
    targets : ndarray of the same shape, of 1 and -1
    """
    return _by_output("squared_hinge", scores, targets)


def squared_error(scores: NDArray, targets: NDArray) -> tuple[NDArray, NDArray]:
    """Squared error.

    Parameters
    ----------
    scores, targets : ndarrays of shape (n_rows, n_outputs)
    """
    return _by_output("squared_error", scores, targets)


def _by_output(name: str, scores: NDArray, targets: NDArray) -> tuple[NDArray, NDArray]:
    loss = LOSSES[name]
    return loss.value(scores, targets).sum(axis=1), loss.derivative(scores, targets)


ROW_LOSSES: dict[str, RowLoss] = {
    "log_loss": log_loss,
    "squared_hinge": squared_hinge,
    "squared_error": squared_error,
}


def solve_head(
    codes: csr_array,
    targets: NDArray,
    weights: NDArray,
    loss: str,
    l2: float,
    start: Head,
    unit: float = 1.0,
) -> Head:
    """Minimise the problem in W and b for fixed codes.

    Parameters
    ----------
    codes : csr_array of shape (n_rows, n_atoms)
    targets : ndarray of shape (n_rows, n_outputs), as the loss wants them
    weights : ndarray of shape (n_rows,), sum 1
    loss : str, of ``ROW_LOSSES``
    l2 : float
    start : Head
    unit : float
        Root mean square norm of the codes: the descent takes them in this unit.
    """
    n_atoms = codes.shape[1]
    none = np.zeros(n_atoms)
    columns = Columns(codes.astype(np.float64) / unit, none, none, none + 1)
    begin = np.column_stack([start.coef * unit, start.intercept]).astype(np.float64)
    found = fit_linear_gates(
        columns,
        weights,
        l2 / unit**2,
        ROW_LOSSES[loss],
        targets,
        begin,
        _TOL,
        _MAX_ITER,
    )
    dtype = start.coef.dtype
    return Head((found.coef / unit).astype(dtype), found.intercept.astype(dtype))


def dictionary_gradient(
    X: NDArray | csr_array,
    components: NDArray,
    codes: csr_array,
    slopes: NDArray,
    gram: NDArray,
    l2: float,
) -> NDArray:
    """Return the gradient in the atoms, summed over rows.

    Parameters
    ----------
    X : ndarray in C order, or CSR, of shape (n_rows, n_features)
    components : ndarray of shape (n_atoms, n_features)
    codes : csr_array of shape (n_rows, n_atoms)
        With 32-bit indices, solutions of the elastic net.
    slopes : ndarray of shape (n_rows, n_atoms)
        Derivatives of the loss in the codes.
    gram : ndarray of shape (n_atoms, n_atoms)
    l2 : float
        Weight of half the squared norm of a code.

    Returns
    -------
    gradient : ndarray of shape (n_atoms, n_features)
    """
    atoms, bounds = codes.indices, codes.indptr
    rows = np.repeat(np.arange(X.shape[0]), np.diff(bounds))
    beta = np.ascontiguousarray(slopes[rows, atoms])
    solve_on_supports(atoms, bounds, gram, l2, beta)
    moved = csr_array((beta, atoms, bounds), shape=codes.shape) @ components
    gradient = np.zeros_like(components)
    add_products(-codes.data, atoms, bounds, None, moved, gradient)
    rest = codes @ components
    if isinstance(X, np.ndarray):
        add_products(beta, atoms, bounds, None, X - rest, gradient)
    else:
        add_products(-beta, atoms, bounds, None, rest, gradient)
        x = X.data, X.indices.astype(np.int32), X.indptr.astype(np.int32)
        add_sparse_products(beta, atoms, bounds, None, *x, gradient)
    return gradient


def into_ball(components: NDArray) -> NDArray:
    """Return the nearest atoms of norm at most 1."""
    norms = np.sqrt(np.maximum(squared_norms(components), 1))
    return components / norms.astype(components.dtype)[:, None]


@dataclass
class Descent:
    """Adam: means of the gradients and of their squares (Kingma & Ba 2015).

    Attributes
    ----------
    first, second : tuples of ndarrays, one for each array of parameters
    n_steps : int
    """

    first: tuple[NDArray, ...]
    second: tuple[NDArray, ...]
    n_steps: int = 0

    @classmethod
    def start(cls, *parameters: NDArray) -> "Descent":
        """Return the descent before its first step."""
        none = tuple(np.zeros_like(each) for each in parameters)
        return cls(none, none)

    def step(
        self, parameters: list[NDArray], gradients: list[NDArray], rates: list[float]
    ) -> tuple["Descent", list[NDArray]]:
        """Return the descent after a step, and the new parameters."""
        n_steps = self.n_steps + 1
        first, second, moved = [], [], []
        for old, gradient, rate, mean, square in zip(
            parameters, gradients, rates, self.first, self.second, strict=True
        ):
            mean = mean + (1 - _MEMORY) * (gradient - mean)
            square = square + (1 - _SQUARES_MEMORY) * (gradient**2 - square)
            # The moments begin at 0, and no unit of the gradient has a part.
            least = float(np.finfo(old.dtype).tiny) ** 0.5
            scale = np.sqrt(square / (1 - _SQUARES_MEMORY**n_steps)) + least
            moved.append(old - rate / (1 - _MEMORY**n_steps) * mean / scale)
            first.append(mean)
            second.append(square)
        return replace(
            self, first=tuple(first), second=tuple(second), n_steps=n_steps
        ), moved
