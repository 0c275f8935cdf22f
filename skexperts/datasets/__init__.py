"""Data sets: one real one, and generators of data that differ from region to region."""

from skexperts.datasets._letter import load_letter
from skexperts.datasets._piecewise import (
    make_piecewise_classification,
    make_piecewise_regression,
)

__all__ = [
    "load_letter",
    "make_piecewise_classification",
    "make_piecewise_regression",
]
