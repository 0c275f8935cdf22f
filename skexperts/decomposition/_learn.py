"""Online dictionary learning: the order of the rows, dead atoms, and when to stop."""

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import gen_batches

from skexperts._numeric.coding import BLOCK_ROWS, squared_norms
from skexperts._numeric.dictionary import Statistics, replace_atoms
from skexperts._threads import one_blas_thread
from skexperts.decomposition._encode import (
    descend,
    make_encoder,
    row_norms,
    with_columns,
)

_BATCH_ROWS = 512
# Passes end when one improves the objective by less than this part.
_LEAST_GAIN = 1e-3
_FEWEST_STEPS = 30
_MOST_PASSES = 100
# Rows an atom, after which an atom that none of them used is replaced.
_MOST_IDLE_ROWS = 10


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
            batches = in_batches(X, weights, rng.permutation(X.shape[0]))
            statistics, mean, _ = learn_pass(
                batches, components, statistics, penalty, memory
            )
            objective.append(mean)
            n_steps += -(-X.shape[0] // _BATCH_ROWS)
            if len(objective) < 2 or n_steps < _FEWEST_STEPS:
                continue
            gain = objective[-2] - objective[-1]
            n_rises = n_rises + 1 if gain < 0 else 0
            if n_rises > 2 or 0 <= gain <= _LEAST_GAIN * objective[-2]:
                break
    return statistics, objective


def learn_pass(batches, components, statistics, penalty, memory=np.inf):
    """Learn from batches of rows, one step each.

    Parameters
    ----------
    batches : iterable of (rows, weights or None), at least one row
    components : ndarray of shape (n_components, n_features)
        Changed in place.
    statistics : Statistics
        Of the rows before; not changed.
    penalty : dict
    memory : float

    Returns
    -------
    statistics : Statistics
    objective : float
        Weighted mean over the rows, each batch coded before its step.
    useful_alpha : float
        Above it each code was zero at its step.
    """
    total = weight = useful_alpha = 0.0
    for X, weights in batches:
        encoder = with_columns(make_encoder(components, **penalty), X)
        added = _sum(np.ones(X.shape[0]), weights)
        statistics = statistics.decayed(added, memory)
        losses = np.empty(X.shape[0])
        for rows in gen_batches(X.shape[0], BLOCK_ROWS):
            block, block_weights = X[rows], None if weights is None else weights[rows]
            codes = descend(encoder, block)
            statistics.add(block, codes.arrays, block_weights)
            losses[rows] = codes.losses
            total += _sum(codes.objectives, block_weights)
            useful_alpha = max(useful_alpha, codes.largest.max() / encoder.l1_ratio)
        weight += added
        statistics.improve(components)
        _revive(statistics, components, X, losses)
    return statistics, total / weight, float(useful_alpha)


def in_batches(X, weights, order=None):
    """Yield the rows, in the given order, and their weights, a step at a time."""
    for rows in gen_batches(X.shape[0], _BATCH_ROWS):
        chosen = rows if order is None else order[rows]
        yield X[chosen], None if weights is None else weights[chosen]


def _sum(values, weights):
    return float(values.sum() if weights is None else values @ weights)


def _revive(statistics, components, X, losses):
    """Give atoms that no row uses the directions of the rows that are coded worst."""
    idle = statistics.idle >= _MOST_IDLE_ROWS * len(components)
    dead = np.flatnonzero(idle | (squared_norms(components) == 0))
    if not len(dead):
        return
    worst = np.argsort(-losses, kind="stable")[: len(dead)]
    worst = worst[losses[worst] > 0]
    rows = X[worst]
    rows = rows.toarray() if issparse(rows) else rows
    replace_atoms(
        statistics, components, dead[: len(worst)], rows / row_norms(rows)[:, None]
    )
