"""Exceptions and warnings of skexperts."""

__all__ = ["CellFitError"]


class CellFitError(RuntimeError):
    """The expert of one cell could not be fitted.

    The message names the cell, its number of rows, its classes, the seed and the
    original error, so that the cell can be fitted alone to find the cause.

    Attributes
    ----------
    cell : int
        Number of the cell, -1 for the rows that no cell claims.
    n_rows, n_classes : int
        Size of the cell, without classes 0.
    seed : int
        What every ``random_state`` of the expert that is None was seeded with.
    """

    cell: int
    n_rows: int
    n_classes: int
    seed: int
