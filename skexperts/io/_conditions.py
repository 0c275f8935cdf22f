"""Conditions on what a file says."""

from numbers import Integral

import numpy as np


def need(holds, what):
    """Raise a ValueError that says what is wrong unless something holds."""
    if not holds:
        raise ValueError(what)


def is_count(value, least=1):
    """Whether this is a whole number, at least ``least``."""
    return (
        isinstance(value, Integral) and not isinstance(value, bool) and value >= least
    )


def is_array(value, kinds, n_dim):
    """Whether this is an array of a kind of numbers, as in ``dtype.kind``."""
    return (
        isinstance(value, np.ndarray)
        and value.dtype.kind in kinds
        and value.ndim == n_dim
    )


def is_ascending(value, least, most):
    """Whether these are whole numbers, each larger than the one before."""
    return (
        is_array(value, "i", 1)
        and len(value) > 0
        and value[0] >= least
        and value[-1] <= most
        and bool((np.diff(value) > 0).all())
    )
