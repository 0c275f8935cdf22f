"""A mixture of linear experts whose gate is linear, too: outputs, gradient, descent.

For a row x with the constant 1 appended, expert k says ``o_k = W_k x`` and the gate has
the logit ``z_k = v_k'x``. The top_k experts of largest logits serve the row::

    f(x) = o_shared + sum_k g_k o_k,    sum_k g_k = 1

with g the softmax of their logits, or their sigmoids over the sum of these. Only these
pairs of row and expert are computed. The gradient of a loss L of f is

    dL/dW_k = g_k (dL/df) x',    dL/dz_k = g_k s_k (u_k - sum_j g_j u_j),
    u_k = <dL/df, o_k> + balance (n_experts / n) r_k

where s_k is 1 for the softmax and ``1 - sigmoid(z_k)`` for the sigmoid. The second part
of u, with r_k the share that expert k has in the routed pairs of the n rows of a batch,
is the balance term of Shazeer et al. (2017) and Fedus et al. (2022): it is the gradient
of ``balance n_experts sum_k r_k mean_i g_k(x_i)`` for fixed shares.
"""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from skexperts._kernels import gated
from skexperts._numeric.linear_experts import not_empty

GATES = {"softmax": 0, "sigmoid": 1}
LOSSES = {"log_loss": 0, "squared_hinge": 1, "squared_error": 2, "huber": 3}
# Up to so many outputs experts are stored output by output, without padding.
_MOST_NARROW = 3
_VECTOR_BYTES = 64
# Rows that are answered at a time: they stay in the cache. No bits depend on it.
_BLOCK_ROWS = 256


@dataclass
class GatedExperts:
    """Coefficients of experts and gate.

    Attributes
    ----------
    table : ndarray of shape (n_experts [+ 1], size), float32 or float64
        The shared expert, if there is one, comes last.
    n_features, n_outputs, n_experts, top_k : int
    gate : {"softmax", "sigmoid"}
    """

    table: NDArray
    n_features: int
    n_outputs: int
    n_experts: int
    top_k: int
    gate: str

    @classmethod
    def zeros(
        cls,
        n_features: int,
        n_outputs: int,
        n_experts: int,
        *,
        top_k: int,
        gate: str,
        shared: bool,
        dtype: type,
    ) -> "GatedExperts":
        """Return a model whose coefficients are all 0."""
        width = n_outputs + 1
        if n_outputs > _MOST_NARROW:
            lanes = _VECTOR_BYTES // np.dtype(dtype).itemsize
            width = -(-width // lanes) * lanes
        table: NDArray = np.zeros((n_experts + shared, (n_features + 1) * width), dtype)
        return cls(table, n_features, n_outputs, n_experts, min(top_k, n_experts), gate)

    @property
    def narrow(self) -> bool:
        """Whether each output of an expert is stored as one line."""
        return self.n_outputs <= _MOST_NARROW

    @property
    def width(self) -> int:
        """Numbers that an expert gives for a row."""
        if self.narrow:
            return self.n_outputs
        return self.table.shape[1] // (self.n_features + 1)

    @property
    def lines(self) -> NDArray:
        """View of shape (n_experts [+ 1], n_outputs + 1, n_features + 1).

        The last line of an expert is its gate, the last column are the intercepts.
        """
        n, p = len(self.table), self.n_features + 1
        if self.narrow:
            return self.table.reshape(n, self.n_outputs + 1, p)
        by_feature = self.table.reshape(n, p, self.width)
        return by_feature.transpose(0, 2, 1)[:, : self.n_outputs + 1]

    def penalties(self, alpha: float, decay: float) -> tuple[NDArray, NDArray]:
        """Return the penalties of the numbers of one expert, each of shape (size,)."""
        both = []
        for value, n_lines in ((alpha, self.n_outputs), (decay, self.n_outputs + 1)):
            one = replace(self, table=np.zeros_like(self.table[:1]))
            one.lines[0, :n_lines, :-1] = value
            both.append(one.table[0])
        return both[0], both[1]

    def problem(
        self,
        data: "GatedData | None",
        X: NDArray | csr_array,
        loss: str = "log_loss",
        **options: float,
    ) -> gated.Problem:
        """Return data and model as the kernels take them."""
        lanes = _VECTOR_BYTES // self.table.itemsize
        gate_width = -(-self.n_experts // lanes) * lanes
        gates = np.zeros((self.n_features + 1, gate_width), self.table.dtype)
        rows: tuple[Any, Any, Any, Any] = (X, None, None, None)
        if not isinstance(X, np.ndarray):
            rows = (None, not_empty(X.data), not_empty(X.indices), X.indptr)
        targets: tuple[Any, Any, Any, Any] = (None, None, None, None)
        if data is not None:
            targets = data.labels, data.targets, data.weights, data.losses
        sizes = {
            "n_outputs": self.n_outputs,
            "n_experts": self.n_experts,
            "top_k": self.top_k,
            "width": self.width,
            "narrow": self.narrow,
            "gate": GATES[self.gate],
            "loss": LOSSES[loss],
            "smoothing": 0.0,
            "delta": 1.0,
            "balance": 0.0,
        }
        return gated.make_problem(self.table, gates, *rows, *targets, sizes | options)


class GatedData(NamedTuple):
    """Training rows.

    Attributes
    ----------
    X : ndarray in C order or canonical CSR, of shape (n_rows, n_features)
    labels : ndarray of shape (n_rows,), int32, or None
        Number of the class; of two classes 0 or 1, for a single output.
    targets : ndarray of shape (n_rows, n_outputs), or None
    weights : ndarray of shape (n_rows,)
        With mean 1, so that rates mean the same for all data.
    losses : ndarray of shape (n_rows,)
        Of each row when it was last seen, times its weight.
    """

    X: Any
    labels: NDArray | None
    targets: NDArray | None
    weights: NDArray
    losses: NDArray


class Adam:
    """Steps of Adam on batches of rows.

    With m and s the means of the gradient and of its square (plus 1e-12), a step at the
    rate r is ::

        w <- soft(w (1 - r decay) - r m / sqrt(s), r alpha / sqrt(s))

    which is Adam (Kingma & Ba 2015) with the decay of Loshchilov & Hutter (2019) and
    with the proximal step of ``alpha |w|_1`` in the metric of Adam: w stays 0 where
    ``|m| <= alpha``, as at a minimum of the penalised loss. Intercepts have no
    penalties, gates no alpha.

    Parameters
    ----------
    model : GatedExperts, changed in place
    data : GatedData
    batch_size : int
    decay, alpha : float
    **options : loss, smoothing, delta, balance
    """

    def __init__(
        self,
        model: GatedExperts,
        data: GatedData,
        *,
        batch_size: int,
        decay: float,
        alpha: float,
        **options: Any,
    ) -> None:
        self.model = model
        self.data: GatedData | None = data
        self.batch_size, self.options = batch_size, options
        self.l1, self.l2 = model.penalties(alpha, decay)
        self.first, self.second = (np.zeros_like(model.table) for _ in range(2))
        self.n_steps = 0

    def go_on(self, other: "Adam") -> None:
        """Begin with the moments of another descent."""
        self.first, self.second = other.first.copy(), other.second.copy()
        self.n_steps = other.n_steps

    def forget_rows(self) -> "Adam":
        """Let go of the data, and return self."""
        self.data = None
        return self

    def copy_moments(self, host: int, expert: int) -> None:
        """Let an expert go on as another one would.

        Moments of 0 would ask for the corrections of the first steps.
        """
        self.first[expert] = self.first[host]
        self.second[expert] = self.second[host]

    def run(self, order: NDArray, rates: NDArray) -> tuple[float, NDArray]:
        """Take a step for each batch of rows, at the given rates.

        Returns
        -------
        loss : float
            The sum over the rows, each before the step of its batch.
        usage : ndarray of shape (n_experts,)
            How many rows each expert has served.
        """
        if self.data is None:
            raise ValueError("The rows of this descent are gone: it was for one pass.")
        usage = np.zeros(self.model.n_experts, dtype=np.int64)
        total = gated.train(
            self.model.problem(self.data, self.data.X, **self.options),
            order,
            self.batch_size,
            rates,
            self.n_steps,
            self.l1,
            self.l2,
            np.zeros_like(self.l1),
            self.first,
            self.second,
            usage,
        )
        self.n_steps += len(rates)
        return total, usage


def one_cycle(n_steps: int, peak: float) -> NDArray:
    """Rates that rise to a peak and fall to 0 along cosines (Smith & Topin 2019).

    They begin at a 25th of the peak, and reach it after 3 tenths of the steps.
    """
    time = np.arange(n_steps) / n_steps
    rising = peak / 25 + (peak - peak / 25) * (1 - np.cos(np.pi * time / 0.3)) / 2
    falling = peak * (1 + np.cos(np.pi * (time - 0.3) / 0.7)) / 2
    return np.where(time < 0.3, rising, falling)


def loss_and_gradient(
    model: GatedExperts, data: GatedData, rows: NDArray, **options: Any
) -> tuple[float, NDArray]:
    """Return the mean loss of some rows, and its gradient in ``model.table``.

    The balance term is in the gradient only.
    """
    gradient = np.zeros_like(model.table)
    problem = model.problem(data, data.X, **options)
    return gated.find_gradient(problem, rows, gradient), gradient


def combined_outputs(model: GatedExperts, X: NDArray | csr_array) -> NDArray:
    """Return f(x) of every row, of shape (n_rows, n_outputs)."""
    n_rows = X.shape[0]
    combined = np.empty((n_rows, model.n_outputs), model.table.dtype)
    gated.answer(
        model.problem(None, X),
        np.arange(n_rows),
        min(_BLOCK_ROWS, n_rows),
        combined,
        None,
        None,
        None,
    )
    return combined


def routed_outputs(
    model: GatedExperts, X: NDArray | csr_array
) -> tuple[NDArray, NDArray, NDArray]:
    """Return which experts serve each row, with which weights, and what they say.

    Returns
    -------
    chosen : ndarray of shape (n_rows, top_k), ascending
    weights : ndarray of shape (n_rows, top_k), rows sum to 1
    outputs : ndarray of shape (n_rows, top_k, n_outputs)
    """
    n_rows, k = X.shape[0], model.top_k
    dtype = model.table.dtype
    chosen = np.empty((n_rows, k), dtype=np.int32)
    weights = np.empty((n_rows, k), dtype)
    outputs = np.empty((n_rows * k, model.n_outputs), dtype)
    gated.answer(
        model.problem(None, X),
        np.arange(n_rows),
        min(_BLOCK_ROWS, n_rows),
        np.empty((n_rows, model.n_outputs), dtype),
        chosen,
        weights,
        outputs,
    )
    return chosen, weights, outputs.reshape(n_rows, k, model.n_outputs)
