"""Data sets: real ones, and generators of data that differ from region to region."""

from skexperts.datasets._banking77 import load_banking77
from skexperts.datasets._letter import load_letter
from skexperts.datasets._piecewise import (
    make_piecewise_classification,
    make_piecewise_regression,
)
from skexperts.datasets._sms_spam import load_sms_spam
from skexperts.datasets._spoken_digits import load_spoken_digits

__all__ = [
    "load_banking77",
    "load_letter",
    "load_sms_spam",
    "load_spoken_digits",
    "make_piecewise_classification",
    "make_piecewise_regression",
]
