"""Online dictionary learning: the order of the rows, dead atoms, and when to stop."""

import numpy as np
from scipy.sparse import issparse

from skexperts._numeric.coding import squared_norms
from skexperts._numeric.dictionary import Statistics, learn_from, replace_atoms
from skexperts._parallel import one_blas_thread
from skexperts.decomposition._encode import (
    encode_batch,
    make_encoder,
    row_norms,
)

_BATCH_ROWS = 512
# Passes end when one improves the objective by less than this part.
_LEAST_GAIN = 1e-3
_FEWEST_STEPS = 30
_MOST_PASSES = 100


def learn(X, components, weights, *, penalty, rng):
    """Learn from random passes over the rows.

    Parameters
    ----------
    X : ndarray or CSR of shape (n_samples, n_features), no row of zeros
    components : ndarray of shape (n_components, n_features)
        Where to begin; changed in place.
    weights : ndarray of shape (n_samples,) or None
    penalty : dict
        Arguments of :func:`make_encoder` for the codes on the way.
    rng : RandomState

    Returns
    -------
    statistics : Statistics
    objective : list of float
        Mean objective of each pass, each batch coded before its step.
    """
    statistics = Statistics.start(components)
    objective: list[float] = []
    if not X.shape[0]:
        return statistics, objective
    n_steps = n_rises = 0
    memory = float(X.shape[0] if weights is None else weights.sum())
    with one_blas_thread():
        for _ in range(_MOST_PASSES):
            order = rng.permutation(X.shape[0])
            objective.append(
                learn_pass(X, order, components, statistics, weights, penalty, memory)
            )
            n_steps += -(-X.shape[0] // _BATCH_ROWS)
            if len(objective) < 2 or n_steps < _FEWEST_STEPS:
                continue
            gain = objective[-2] - objective[-1]
            n_rises = n_rises + 1 if gain < 0 else 0
            if n_rises > 2 or 0 <= gain <= _LEAST_GAIN * objective[-2]:
                break
    return statistics, objective


def learn_pass(X, order, components, statistics, weights, penalty, memory=np.inf):
    """Learn from the rows once, in the given order; return their mean objective."""
    total = 0.0
    for start in range(0, len(order), _BATCH_ROWS):
        chosen = order[start : start + _BATCH_ROWS]
        batch = X[chosen]
        batch_weights = None if weights is None else weights[chosen]
        encoder = make_encoder(components, **penalty)
        codes, _ = encode_batch(encoder, batch)
        losses, costs = _losses(encoder, batch, codes)
        cost = losses + costs
        total += float(cost.sum() if weights is None else cost @ batch_weights)
        learn_from(statistics, components, batch, codes, batch_weights, memory)
        _revive(statistics, components, batch, losses)
    return total / (len(order) if weights is None else weights[order].sum())


def _losses(encoder, X, codes):
    """Return half the squared residuals, and the penalties of the codes."""
    if issparse(X):
        products = encoder.dictionary @ X.T
        fitted = codes @ encoder.gram
        losses = 0.5 * squared_norms(X) + codes.multiply(0.5 * fitted - products.T).sum(
            axis=1
        )
        losses = np.maximum(losses, 0)
    else:
        losses = 0.5 * squared_norms(X - codes @ encoder.dictionary)
    penalties = encoder.l1 * abs(codes).sum(axis=1)
    return losses, penalties + 0.5 * encoder.l2 * squared_norms(codes)


def _revive(statistics, components, batch, losses):
    """Give atoms that no row uses the directions of the rows that are coded worst."""
    n_atoms = len(components)
    dead = np.flatnonzero((statistics.idle >= 10 * n_atoms) | ~components.any(axis=1))
    worst = np.argsort(-losses, kind="stable")[: len(dead)]
    worst = worst[losses[worst] > 0]
    if not len(worst):
        return
    rows = batch[worst]
    rows = rows.toarray() if issparse(rows) else rows
    replace_atoms(
        statistics, components, dead[: len(worst)], rows / row_norms(rows)[:, None]
    )
