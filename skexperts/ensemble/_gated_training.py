"""Training of a mixture of gated experts: the start, the passes, experts that die."""

import warnings
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from sklearn.cluster import KMeans
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils import check_random_state

from skexperts._numeric.gated_experts import (
    Adam,
    GatedData,
    GatedExperts,
    combined_outputs,
    one_cycle,
    routed_outputs,
)
from skexperts._threads import one_blas_thread, one_openmp_thread
from skexperts._warnings import users_stacklevel

# Rows for each expert from which k-means finds where the experts begin.
_ROWS_PER_CENTRE = 32
_KMEANS_PASSES = 10
# In the last passes no expert begins anew: the rate is too low for it to learn.
_RESEEDING = 0.7
# Batches between two looks at whether the user wants to interrupt.
_BATCHES_AT_A_TIME = 512


class Settings(NamedTuple):
    """What all restarts have in common."""

    loss: str
    label_smoothing: float
    delta: float
    alpha: float
    l2: float
    balance: float
    learning_rate_init: float
    batch_size: int
    max_iter: int
    tol: float
    n_iter_no_change: int

    def adam(self, model: GatedExperts, data: GatedData) -> Adam:
        """Return the descent of a model."""
        adam = Adam(
            model,
            data,
            batch_size=self.batch_size,
            decay=self.l2,
            alpha=self.alpha,
            loss=self.loss,
            smoothing=self.label_smoothing,
            delta=self.delta,
            balance=self.balance,
        )
        if model.top_k == 1:
            # Nothing would pull against the decay of gates, whose regions would end.
            replace(model, table=adam.l2[None]).lines[:, -1] = 0
        return adam


class Validation(NamedTuple):
    """Rows that are left out of training, to score it.

    Called with combined outputs, it gives the accuracy for ``labels``, else R^2.
    """

    X: Any
    labels: np.ndarray | None
    targets: np.ndarray | None
    weights: np.ndarray | None

    def __call__(self, combined):
        """Return the score of combined outputs."""
        if self.labels is not None:
            guess = combined.argmax(axis=1)
            if combined.shape[1] == 1:
                guess = combined[:, 0] > 0
            return accuracy_score(self.labels, guess, sample_weight=self.weights)
        return r2_score(self.targets, combined, sample_weight=self.weights)


class Trained(NamedTuple):
    """A trained model and how it came about.

    Attributes
    ----------
    model : GatedExperts
    loss_curve : list of float
        Mean loss of each pass.
    scores : list of float
        Validation score after each pass.
    usage, n_reseeded : ndarrays of shape (n_experts,)
        Rows that each expert has served in the last pass, and how often it has died and
        begun anew.
    interrupted : bool
    """

    model: GatedExperts
    loss_curve: list
    scores: list
    usage: np.ndarray
    n_reseeded: np.ndarray
    interrupted: bool


def place_gates(model, X, sample_weight, init, seed):
    """Set the gates with which training begins.

    With ``init="kmeans"`` the logits are those of a softmax of minus the squared
    distance to k-means centres, over the mean squared distance to the nearest one; else
    the coefficients are drawn, such that logits have variance 1 for standardised rows.
    """
    rng = check_random_state(seed)
    shape = model.n_experts, model.n_features
    gates = model.lines[: model.n_experts, model.n_outputs]
    if init != "kmeans":
        scale = model.n_features**-0.5
        if init == "uniform":
            drawn = rng.uniform(-(3**0.5), 3**0.5, size=shape)
        else:
            drawn = rng.normal(size=shape)
        gates[:, :-1] = scale * drawn
        return
    few = _ROWS_PER_CENTRE * model.n_experts
    if X.shape[0] > few:
        rows = np.sort(rng.permutation(X.shape[0])[:few])
        X = X[rows]
        sample_weight = None if sample_weight is None else sample_weight[rows]
    kmeans = KMeans(
        model.n_experts,
        n_init=1,
        max_iter=_KMEANS_PASSES,
        random_state=rng.randint(np.iinfo(np.int32).max),
    )
    with one_blas_thread(), one_openmp_thread():
        kmeans.fit(X, sample_weight=sample_weight)
    total = X.shape[0] if sample_weight is None else sample_weight.sum()
    unit = 2 * kmeans.inertia_ / total or 1.0
    centers = kmeans.cluster_centers_.astype(np.float64)
    gates[:, :-1] = 2 * centers / unit
    gates[:, -1] = -np.einsum("ij,ij->i", centers, centers) / unit


def train(settings, data, score, stop, model, seed):
    """Train one model.

    Parameters
    ----------
    settings : Settings
    data : GatedData
    score : Validation or None
        Training ends when it has not improved for ``n_iter_no_change`` passes, and the
        best model is kept.
    stop : list
        Not empty once the user has interrupted another restart in this process.
    model : GatedExperts
        Where training begins; it is copied.
    seed : int

    Returns
    -------
    trained : Trained, None if another restart was interrupted
    """
    if stop:
        return None
    rng = check_random_state(seed)
    model = replace(model, table=model.table.copy())
    data = data._replace(losses=np.zeros_like(data.weights))
    adam = settings.adam(model, data)
    n_rows = data.X.shape[0]
    n_batches = -(-n_rows // settings.batch_size)
    rates = one_cycle(n_batches * settings.max_iter, settings.learning_rate_init)
    none = np.zeros(model.n_experts, dtype=np.int64)
    done = Trained(model, [], [], none, none.copy(), interrupted=False)
    best, best_score, best_pass = model.table.copy(), -np.inf, 0
    usage = done.usage
    try:
        for number in range(settings.max_iter):
            if 0 < number < _RESEEDING * settings.max_iter and not usage.all():
                dead = np.flatnonzero(usage == 0)
                _reseed(adam, dead, rng)
                done.n_reseeded[dead] += 1
            own = rates[number * n_batches : (number + 1) * n_batches]
            total, usage = one_pass(adam, rng.permutation(n_rows), own, number)
            done.loss_curve.append(total / n_rows)
            done = done._replace(usage=usage)
            if score is None:
                continue
            done.scores.append(score(combined_outputs(model, score.X)))
            if done.scores[-1] > best_score + settings.tol:
                best_pass = number
            if done.scores[-1] > best_score:
                best_score = done.scores[-1]
                best[:] = model.table
            if number - best_pass >= settings.n_iter_no_change:
                break
    except KeyboardInterrupt:
        stop.append(True)
        warnings.warn(
            "Training interrupted by user: the model is "
            + ("the best one" if score else "what was reached")
            + f" after {len(done.loss_curve)} of {settings.max_iter} passes.",
            UserWarning,
            stacklevel=users_stacklevel(),
        )
        done = done._replace(interrupted=True)
    if score is not None and done.scores:
        model.table[:] = best
    return done


def one_pass(adam, order, rates, number):
    """Take the steps of one pass over the rows, in an order.

    Raises
    ------
    ValueError
        If the loss is not a number any more.
    """
    total, usage, size = 0.0, 0, adam.batch_size
    for first in range(0, len(rates), _BATCHES_AT_A_TIME):
        last = min(first + _BATCHES_AT_A_TIME, len(rates))
        loss, used = adam.run(order[first * size : last * size], rates[first:last])
        total, usage = total + loss, usage + used
        numbers = loss, adam.model.table, adam.second
        if not all(np.isfinite(some).all() for some in numbers):
            raise ValueError(
                f"Training diverged by step {adam.n_steps} (pass {number + 1}): the "
                f"loss is {loss:.3g}, the learning rate {rates[first:last].max():.3g}. "
                "Scale X, for example with sklearn.preprocessing.StandardScaler, or "
                f"lower learning_rate_init={rates.max():.3g}."
            )
    return total, usage


def _reseed(adam, dead, rng):
    """Let experts that serve no row begin anew at rows that are served badly.

    Each becomes a copy of the expert of such a row, whose region the two divide by a
    plane through the row, and both go on from there. Outputs change only of rows that
    the copy serves.
    """
    model, data = adam.model, adam.data
    losses = np.maximum(data.losses.astype(np.float64), 0)
    shares = losses / losses.sum() if losses.any() else None
    enough = np.count_nonzero(losses) >= len(dead) or shares is None
    rows = rng.choice(
        len(losses), min(len(dead), len(losses)), replace=not enough, p=shares
    )
    mean = np.asarray(data.X.mean(axis=0), dtype=np.float64).ravel()
    for expert, row in zip(dead, rows, strict=False):
        x = data.X[[row]]
        chosen, weights, _ = routed_outputs(model, x)
        host = chosen[0, weights[0].argmax()]
        if host == expert:
            # The last steps have brought it back.
            continue
        x = np.asarray(x.sum(axis=0), dtype=np.float64).ravel()
        normal = (x - mean) / max(np.square(x - mean).sum(), 1e-12)
        model.table[expert] = model.table[host]
        gate = model.lines[expert, model.n_outputs]
        gate[:-1] += normal
        gate[-1] -= normal @ x
        adam.copy_moments(host, expert)
