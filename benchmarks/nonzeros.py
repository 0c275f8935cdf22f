"""How many numbers a fitted model multiplies with, and how many of them are not 0."""

import numpy as np

OTHERS = [
    "gate_coef_",
    "shared_coef_",
    "components_",
    "normalization_",
    "cluster_centers_",
]


def nonzeros(model):
    """Return the numbers of coefficients that are not 0 and of all, or None for trees.

    Support vectors and the rows of Nystroem count, and so do gates.
    """
    arrays = list(coefficients(model))
    n_all = int(sum(np.size(one) for one in arrays))
    return [int(sum(np.count_nonzero(one) for one in arrays)), n_all] if n_all else None


def coefficients(model):
    """Yield the arrays of coefficients of a model and of its parts."""
    for _, step in getattr(model, "steps", []):
        yield from coefficients(step)
    for expert in getattr(model, "experts_", []):
        yield from coefficients(expert)
    for part in ("gate_", "partitioner_"):
        if hasattr(model, part):
            yield from coefficients(getattr(model, part))
    if hasattr(model, "support_vectors_"):
        yield from (model.support_vectors_, model.dual_coef_)
    elif hasattr(model, "coef_"):
        yield model.coef_
    for name in OTHERS:
        yield getattr(model, name, [])
    yield from getattr(model, "coefs_", [])
