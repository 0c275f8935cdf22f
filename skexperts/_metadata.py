"""Metadata of a fit: who asks for them, and where those of the rows go."""

from collections.abc import Mapping, Set
from typing import Any, NamedTuple

from sklearn import get_config
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.utils import indexable
from sklearn.utils.metadata_routing import MethodMapping, process_routing

from skexperts._experts import weight_requests
from skexperts._sklearn import raise_for_params, safe_indexing

FIT = MethodMapping().add(caller="fit", callee="fit")
SPLIT = MethodMapping().add(caller="fit", callee="split")


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


def route_fit(owner, parts, sample_weight, params):
    """Return what the parts of an estimator ask for, of what its fit was given.

    Parameters
    ----------
    owner : estimator with ``get_metadata_routing``
    parts : sequence of estimators
        Those that are to be fitted.
    sample_weight : ndarray of shape (n_samples,) or None
    params : dict
        The other parameters of ``fit``.

    Returns
    -------
    routed : mapping of names to methods to parameters
        Empty if nothing was given, or without metadata routing.

    Raises
    ------
    ValueError
        If parameters were given without metadata routing.
    TypeError
        If nobody asks for one of them.
    UnsetMetadataPassedError
        If somebody could take one and does not say whether to.
    """
    raise_for_params(params, owner, "fit")
    given = {"sample_weight": sample_weight, **params}
    given = {name: value for name, value in given.items() if value is not None}
    if not given or not get_config()["enable_metadata_routing"]:
        return {}
    if sample_weight is not None:
        _check_weight_requests(owner, parts)
    return process_routing(owner, "fit", **given)


def _check_weight_requests(owner, parts):
    """Refuse requests that were not set inside of a pipeline, search, ...

    Scikit-learn leaves that to their ``fit``, which gets no weights if no part requests
    any.
    """
    for part in parts:
        unset = [inner for inner, asks in weight_requests(part) if asks is None]
        if unset and unset[0] is not part:
            name, caller = type(unset[0]).__name__, type(owner).__name__
            raise UnsetMetadataPassedError(
                message=(
                    "[sample_weight] are passed but are not explicitly set as "
                    f"requested or not requested for {name}.fit, which is used "
                    f"within {caller}.fit. Call `{name}.set_fit_request("
                    "sample_weight=True/False)` for it and all others that take "
                    "weights."
                ),
                unrequested_params={},
                routed_params={},
            )


def _length(value):
    if isinstance(value, str | bytes | Mapping | Set):
        return None
    if hasattr(value, "shape"):
        return value.shape[0] if value.shape else None
    return len(value) if hasattr(value, "__len__") else None
