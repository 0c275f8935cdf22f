"""Cells that are the distinct values of something: a column, labels of the rows.

Values are compared as Python compares them (``1 == 1.0 == True``). None, NaN, NaT and
``pandas.NA`` are missing: they are no value and belong to no cell.
"""

import numpy as np

# Kinds that numpy sorts faster than Python hashes them.
_SORTED_BY_NUMPY = "biufmM"


def distinct_values(values, *, what):
    """Return the distinct values that are not missing, sorted.

    Parameters
    ----------
    values : ndarray of shape (n_samples,)
    what : str
        What the messages call the values, the subject of a sentence.

    Returns
    -------
    segments : ndarray of shape (n_segments,)

    Raises
    ------
    ValueError
        If there is no value, or values cannot be compared with each other.
    """
    if values.dtype.kind in _SORTED_BY_NUMPY:
        segments = np.unique(values)
        segments = segments[segments == segments]
    else:
        try:
            present = [v for v in set(values.tolist()) if not _is_missing(v)]
            ordered = sorted(present)
        except TypeError as error:
            types = ", ".join(sorted({type(v).__name__ for v in values.tolist()}))
            raise ValueError(
                f"{what} has values of the types {types}, which cannot be sorted "
                "together. Give values of one type, such as strings."
            ) from error
        segments = np.empty(len(ordered), dtype=object)
        segments[:] = ordered
        if values.dtype != object:
            segments = segments.astype(values.dtype)
    if segments.size == 0:
        raise ValueError(
            f"{what} has no value: all {len(values)} are missing, so there is no cell."
        )
    return segments


def cells_of(values, segments):
    """Return the position of each value in the segments, -1 where it is not there.

    Parameters
    ----------
    values : ndarray of shape (n_samples,)
    segments : ndarray of shape (n_segments,)
        As returned by :func:`distinct_values`.

    Returns
    -------
    cells : ndarray of shape (n_samples,)
    """
    kind = values.dtype.kind
    if kind in _SORTED_BY_NUMPY and kind == segments.dtype.kind:
        cells = np.searchsorted(segments, values)
        cells[cells == len(segments)] = 0
        return np.where(segments[cells] == values, cells, -1)
    cell_of = {value: cell for cell, value in enumerate(segments.tolist())}
    found = (cell_of.get(value, -1) for value in values.tolist())
    return np.fromiter(found, dtype=np.intp, count=len(values))


def one_cell_affinity(cells, n_cells):
    """Return 0 for the cell of each row and minus infinity elsewhere.

    Parameters
    ----------
    cells : ndarray of shape (n_samples,)
        -1 for rows that belong to no cell.
    n_cells : int

    Returns
    -------
    affinity : ndarray of shape (n_samples, n_cells)
    """
    affinity = np.full((len(cells), n_cells), -np.inf)
    claimed = np.flatnonzero(cells >= 0)
    affinity[claimed, cells[claimed]] = 0.0
    return affinity


def _is_missing(value):
    try:
        return value is None or bool(value != value)
    except TypeError:  # pandas.NA has no truth.
        return True
