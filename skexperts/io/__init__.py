"""Fitted models as files that run no code when they are loaded."""

from skexperts.io._from_flat import from_flat
from skexperts.io._to_flat import to_flat
from skexperts.io._trusted import TRUSTED

__all__ = ["TRUSTED", "from_flat", "to_flat"]
