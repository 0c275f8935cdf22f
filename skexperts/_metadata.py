"""Metadata of a fit: what belongs to rows goes where they go."""

from collections.abc import Mapping, Set
from typing import Any, NamedTuple

from sklearn.utils import indexable

from skexperts._sklearn import safe_indexing


class Metadata(NamedTuple):
    """Parameters of a fit: those with one value for each row of X, and the others."""

    of_rows: dict[str, Any]
    others: dict[str, Any]

    def take(self, rows) -> "Metadata":
        """Return the metadata of some rows, by numbers."""
        if not self.of_rows:
            return self
        taken = {name: safe_indexing(v, rows) for name, v in self.of_rows.items()}
        return Metadata(taken, self.others)

    def parameters(self) -> dict[str, Any]:
        """Return everything by name."""
        return self.of_rows | self.others


NO_METADATA = Metadata({}, {})


def sort_metadata(params, n_rows) -> Metadata:
    """Tell what belongs to rows: array-likes, lists and frames of that length.

    Once, before rows are left out: later, another length could be that of X by chance.

    Parameters
    ----------
    params : dict
    n_rows : int
    """
    of_rows, others = {}, {}
    for name, value in params.items():
        if _length(value) == n_rows:
            (of_rows[name],) = indexable(value)
        else:
            others[name] = value
    return Metadata(of_rows, others)


def _length(value):
    if isinstance(value, str | bytes | Mapping | Set):
        return None
    if hasattr(value, "shape"):
        return value.shape[0] if value.shape else None
    return len(value) if hasattr(value, "__len__") else None
