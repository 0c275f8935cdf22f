"""Checks of the contracts, for the gates and partitioners of third parties.

>>> from skexperts.checks import check_gate
>>> from skexperts.gating import HardGate
>>> check_gate(HardGate())
"""

import numpy as np
from sklearn.base import BaseEstimator, clone

from skexperts._numeric.routing import nearest_cell
from skexperts.partition._fitted_partition import fit_partition

__all__ = ["check_gate", "check_partitioner"]


def check_gate(gate):
    """Check that an object is a gate: an estimator that gives non-negative weights.

    Parameters
    ----------
    gate : estimator
        With ``fit(X, affinity, cells, sample_weight)`` and ``gate_weights(X,
        affinity)``. Its ``random_state``, if it has one, must be set. If it has a
        ``needs_competence`` that is true, it is given ``competence`` as well; with a
        ``needs_affinity`` that is false, it must be the same without the affinity.

    Raises
    ------
    AssertionError
        If a rule is broken; the message says which.
    """
    _check(isinstance(gate, BaseEstimator), "a gate must be a BaseEstimator")
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 3))
    affinity = -rng.uniform(0.1, 9.0, size=(60, 5))
    affinity[:10, 3] = -np.inf
    cells = nearest_cell(affinity)
    cells[-5:] = -1
    told = X, affinity, cells, np.ones(60)
    competence = rng.uniform(size=(60, 5))
    competence[-7:] = 0
    more = (
        {"competence": competence} if getattr(gate, "needs_competence", False) else {}
    )
    inputs = [*told, competence]
    before = [array.copy() for array in inputs]
    fitted = clone(gate).fit(*told, **more)
    weights = fitted.gate_weights(X, affinity)
    _check(
        weights.shape == affinity.shape, "weights must have the shape of the affinity"
    )
    _check(np.isfinite(weights).all(), "weights must be finite")
    _check((weights >= 0).all(), "weights must not be negative")
    _check((weights[:10, 3] == 0).all(), "affinity -inf must give weight 0")
    names = "X", "the affinity", "cells", "sample_weight", "competence"
    for name, array, old in zip(names, inputs, before, strict=True):
        _check(np.array_equal(array, old), f"{name} must not be changed")
    unclaimed = fitted.gate_weights(X[:1], np.full((1, 5), -np.inf))
    _check((unclaimed == 0).all(), "affinity -inf must give weight 0")
    narrow = fitted.gate_weights(X.astype(np.float32), affinity)
    _check(np.allclose(weights, narrow, atol=1e-4), "X may be float32 as well")
    one_by_one = np.vstack(
        [fitted.gate_weights(X[[i]], affinity[[i]]) for i in range(len(X))]
    )
    _check(
        np.allclose(weights, one_by_one), "weights must not depend on the other rows"
    )
    if not getattr(gate, "needs_affinity", True):
        unaware = clone(gate).fit(X, affinity[:0], cells, np.ones(60), **more)
        same = np.array_equal(weights, unaware.gate_weights(X, affinity))
        _check(same, "a gate whose needs_affinity is false must fit without it")
    again = clone(gate).fit(*told, **more).gate_weights(X, affinity)
    _check(np.array_equal(weights, again), "two fits on the same data must agree")


def check_partitioner(partitioner):
    """Check that an object can divide rows into cells.

    Parameters
    ----------
    partitioner : estimator or function
        A clusterer, a mixture, a ``PartitionerMixin``, a pipeline ending in one, or a
        function of X that returns labels. Its ``random_state``, if it has one, must be
        set.

    Raises
    ------
    AssertionError
        If a rule is broken; the message says which.
    """
    rng = np.random.default_rng(0)
    X = np.vstack([rng.normal(loc=5.0 * k, size=(40, 3)) for k in range(3)])
    y = np.repeat([0, 1, 0], 40)
    before = X.copy()
    partition = fit_partition(clone(partitioner, safe=False), X, y)
    again = fit_partition(clone(partitioner, safe=False), X, y)
    for name in ("training_affinity", "affinity"):
        affinity = getattr(partition, name)(X)
        shape = (len(X), partition.n_cells)
        _check(affinity.shape == shape, f"{name} must have shape (n_samples, n_cells)")
        _check(not np.isnan(affinity).any(), f"{name} must not be NaN")
        _check((affinity < np.inf).all(), f"{name} must not be infinite")
        same = np.array_equal(affinity, getattr(again, name)(X))
        _check(same, f"{name} must be the same after two fits on the same data")
        claimed = (affinity > -np.inf).any(axis=1).all() or not partition.claims_all
        _check(claimed, f"{name} must claim every row, as claims_all says")
    halves = np.vstack([partition.affinity(X[:60]), partition.affinity(X[60:])])
    _check(
        np.allclose(halves, partition.affinity(X)),
        "affinity must not depend on the other rows",
    )
    cells = nearest_cell(partition.training_affinity(X))
    groups = partition.feature_groups
    served = groups is not None or (cells >= 0).any()
    _check(served, "at least one training row must be claimed by a cell")
    _check(
        partition.unclaimed in ("all", "shared"), "unclaimed must be 'all' or 'shared'"
    )
    if groups is not None:
        _check(
            len(groups) == partition.n_cells, "there must be one feature group a cell"
        )
        for group in groups:
            valid = group.ndim == 1 and group.size and group.dtype.kind in "iu"
            _check(valid, "a feature group must be a non-empty array of integers")
            inside = group.min() >= 0 and group.max() < X.shape[1]
            _check(inside, "a feature group must hold positions of columns")
            _check(
                len(np.unique(group)) == len(group), "a group has each column only once"
            )
    _check(np.array_equal(X, before), "X must not be changed")


def _check(condition, rule):
    if not condition:
        raise AssertionError(f"Contract broken: {rule}.")
