"""Task-driven training: where it begins, the passes over the rows, how it ends."""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils import gen_batches

from skexperts._numeric.coding import BLOCK_ROWS, join_codes
from skexperts._numeric.gated_experts import one_cycle
from skexperts._numeric.task_driven import (
    ROW_LOSSES,
    Descent,
    Head,
    dictionary_gradient,
    into_ball,
    solve_head,
)
from skexperts._threads import one_blas_thread
from skexperts.decomposition._encode import (
    descend,
    encode,
    make_encoder,
    with_columns,
)

# Rows of a task where all rows are coded.
TASK_ROWS = 1024
# How far a step moves the scores of a row, by how far it moves an atom.
_SCORES_PER_ATOM = 3.0
# Batches of "auto": 64 to a pass, of so many rows at least and at most.
_BATCHES, _LEAST_BATCH, _LARGEST_BATCH = 64, 16, 256
# Steps after which the rate of a stream has fallen to 1 / sqrt(2).
_STREAM_STEPS = 1000


class Settings(NamedTuple):
    """How to train.

    Attributes
    ----------
    loss : str
    l2 : float
        Of the coefficients of the head.
    learning_rate : float
        By how much of its norm a step moves an atom at the most.
    batch_size : int or "auto"
    coding : dict
        Arguments of :func:`make_encoder`.
    """

    loss: str
    l2: float
    learning_rate: float
    batch_size: int | str
    coding: dict

    def n_batch_rows(self, n_rows: int) -> int:
        """Return the rows of a step."""
        size = self.batch_size
        if size == "auto":
            size = np.clip(n_rows // _BATCHES, _LEAST_BATCH, _LARGEST_BATCH)
        return int(min(size, n_rows))


class Rows(NamedTuple):
    """Training rows.

    Attributes
    ----------
    X : ndarray or CSR of shape (n_rows, n_features)
    targets : ndarray of shape (n_rows, n_outputs), as the loss wants them
    weights : ndarray of shape (n_rows,), float64, positive
    """

    X: Any
    targets: np.ndarray
    weights: np.ndarray


@dataclass(frozen=True)
class Model:
    """Atoms, the head, and the descent that they are on.

    Attributes
    ----------
    components : ndarray of shape (n_components, n_features)
    head : Head
    descent : Descent
    unit : float
        Root mean square norm of the codes that training began with.
    size : float
        Mean sum of their absolute values.
    """

    components: np.ndarray
    head: Head
    descent: Descent
    unit: float
    size: float


def begin(components, n_outputs, rows, settings, n_jobs):
    """Return the model with the best head on the codes as they are."""
    head = Head(
        np.zeros((n_outputs, len(components)), components.dtype),
        np.zeros(n_outputs, components.dtype),
    )
    codes = _codes(components, rows.X, settings, n_jobs)
    shares = rows.weights / rows.weights.sum()
    row_sums = (codes.power(2).sum(axis=1), abs(codes).sum(axis=1))
    squares, sizes = (float(shares @ sums) for sums in row_sums)
    model = Model(
        components,
        head,
        Descent.start(components, *head),
        unit=squares**0.5 or 1.0,
        size=sizes or 1.0,
    )
    return _with_best_head(model, codes, rows, settings)


def train(model, rows, settings, *, n_passes, rng, n_jobs):
    """Take passes over the rows in random order, at rates that rise and fall.

    Returns
    -------
    model : Model
        Its head is the best for its atoms.
    losses : list of float
        Mean loss of each pass.
    """
    n_rows = rows.X.shape[0]
    n_steps = -(-n_rows // settings.n_batch_rows(n_rows))
    rates = one_cycle(n_passes * n_steps, settings.learning_rate)
    losses = []
    for number in range(n_passes):
        own = rates[number * n_steps : (number + 1) * n_steps]
        model, loss = one_pass(model, rows, rng.permutation(n_rows), settings, own)
        losses.append(loss)
    codes = _codes(model.components, rows.X, settings, n_jobs)
    return _with_best_head(model, codes, rows, settings), losses


def train_on(model, rows, settings):
    """Take one pass over the rows of a stream, in their order.

    Returns
    -------
    model : Model
    loss : float
    """
    n_rows = rows.X.shape[0]
    n_steps = -(-n_rows // settings.n_batch_rows(n_rows))
    steps = model.descent.n_steps + np.arange(n_steps)
    rates = settings.learning_rate / np.sqrt(1 + steps / _STREAM_STEPS)
    return one_pass(model, rows, np.arange(n_rows), settings, rates)


def one_pass(model, rows, order, settings, rates):
    """Take a step for each batch of rows, at the given rates.

    Returns
    -------
    model : Model
    loss : float
        Weighted mean over the rows, each batch before its step.
    """
    total = 0.0
    size = settings.n_batch_rows(len(order))
    with one_blas_thread():
        for batch, rate in zip(gen_batches(len(order), size), rates, strict=True):
            chosen = order[batch]
            values, gradients = _gradients(
                model, Rows(*(each[chosen] for each in rows)), settings
            )
            total += values
            model = _step(model, gradients, float(rate))
    # The loss is that before the last step.
    arrays = total, model.components, *model.head
    if not all(np.isfinite(each).all() for each in arrays):
        raise ValueError(
            "training diverged: the loss, atoms or head are not finite with "
            f"learning_rate_init={settings.learning_rate:g}. Scale X, or lower it."
        )
    return model, total / float(rows.weights.sum())


def _gradients(model, rows, settings):
    """Return the sum of the losses of a batch, and the gradients of their mean."""
    components, head = model.components, model.head
    encoder = with_columns(make_encoder(components, **settings.coding), rows.X)
    codes = join_codes(
        [
            descend(encoder, rows.X[block]).arrays
            for block in gen_batches(len(rows.weights), BLOCK_ROWS)
        ],
        len(components),
    )
    losses, slopes = ROW_LOSSES[settings.loss](head.scores(codes), rows.targets)
    slopes *= (rows.weights / len(losses))[:, None]
    slopes = slopes.astype(components.dtype, copy=False)
    of_atoms = dictionary_gradient(
        rows.X, components, codes, slopes @ head.coef, encoder.gram, encoder.l2
    )
    of_coef = (codes.T @ slopes).T + settings.l2 * model.unit**2 * head.coef
    gradients = of_atoms, of_coef.astype(head.coef.dtype), slopes.sum(axis=0)
    return float(rows.weights @ losses), gradients


def _step(model, gradients, rate):
    # An atom of norm 1 moves by about the rate, whatever the number of features.
    of_atoms = rate / model.components.shape[1] ** 0.5
    of_scores = rate * _SCORES_PER_ATOM
    rates = [of_atoms, of_scores / model.size, of_scores]
    descent, (components, coef, intercept) = model.descent.step(
        [model.components, *model.head], gradients, rates
    )
    return replace(
        model,
        components=into_ball(components),
        head=Head(coef, intercept),
        descent=descent,
    )


def _codes(components, X, settings, n_jobs):
    encoder = make_encoder(components, **settings.coding)
    return encode(X, encoder, batch_size=TASK_ROWS, n_jobs=n_jobs)[0]


def _with_best_head(model, codes, rows, settings):
    head = solve_head(
        codes,
        rows.targets,
        rows.weights / rows.weights.sum(),
        settings.loss,
        settings.l2 * model.unit**2,
        model.head,
        model.unit,
    )
    return replace(model, head=head)
