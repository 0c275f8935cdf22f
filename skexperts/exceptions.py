"""Exceptions and warnings of skexperts."""

__all__ = ["CellFitError"]


class CellFitError(RuntimeError):
    """The expert of one cell could not be fitted.

    The message names the cell, its number of rows, its classes, the seed and the
    original error, so that the cell can be fitted alone to find the cause.
    """
