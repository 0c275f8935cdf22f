"""Checks of what partitioners and gates answer: they may be anybody's."""

import numpy as np


def check_affinity(affinity, X, n_cells, partitioner):
    """Return affinities as float64, or say which rule the partitioner broke."""
    affinity = np.asarray(affinity, dtype=np.float64)
    shape = (X.shape[0], n_cells)
    name = f"The affinity of the partitioner {type(partitioner).__name__}"
    if affinity.shape != shape:
        raise ValueError(
            f"{name} must have shape (n_samples, n_cells) = {shape}. Got "
            f"{affinity.shape}."
        )
    if not (affinity < np.inf).all():
        raise ValueError(f"{name} must not be NaN or plus infinity.")
    return affinity


def check_gate_weights(weights, affinity, gate):
    """Return gate weights as float64, or say which rule the gate broke."""
    weights = np.asarray(weights, dtype=np.float64)
    name = f"The weights of the gate {type(gate).__name__}"
    if weights.shape != affinity.shape:
        raise ValueError(
            f"{name} must have the shape of the affinity, {affinity.shape}. Got "
            f"{weights.shape}."
        )
    if not ((weights >= 0) & (weights < np.inf)).all():
        raise ValueError(f"{name} must be finite and not negative.")
    return weights


def check_groups(groups, n_cells, n_features, partitioner):
    """Raise a ValueError unless there are columns of X for each cell."""
    name = f"feature_groups_ of the partitioner {type(partitioner).__name__}"
    if len(groups) != n_cells:
        raise ValueError(
            f"{name} must have a group for each of the {n_cells} cells. Got "
            f"{len(groups)}."
        )
    for cell, group in enumerate(groups):
        group = np.asarray(group)
        if not (
            group.ndim == 1
            and group.size
            and group.dtype.kind in "iu"
            and group.min() >= 0
            and group.max() < n_features
            and len(np.unique(group)) == len(group)
        ):
            raise ValueError(
                f"{name} must hold different positions of the {n_features} columns of "
                f"X. Got {group.tolist()} for cell {cell}."
            )
