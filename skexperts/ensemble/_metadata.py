"""Which metadata of a fit go to the experts and which to the partitioner."""

from typing import NamedTuple

from sklearn import get_config
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    process_routing,
)

from skexperts._experts import weight_requests
from skexperts._metadata import NO_METADATA, Metadata, sort_metadata
from skexperts._sklearn import raise_for_params


class Routed(NamedTuple):
    """Metadata besides the weights, which the model hands on itself."""

    expert: Metadata
    partitioner: Metadata

    def take(self, rows):
        """Return the metadata of some rows, by numbers."""
        return Routed(*(metadata.take(rows) for metadata in self))


NOTHING_ROUTED = Routed(NO_METADATA, NO_METADATA)


class RoutesMetadata:
    """Route metadata of ``fit`` to ``fit`` of the expert and of the partitioner."""

    def get_metadata_routing(self):
        """Return how metadata go to the expert and to the partitioner.

        Returns
        -------
        routing : MetadataRouter
        """
        parts = {"expert": self.expert}
        if self.expert is None:
            parts["expert"] = self._default_expert()
            if get_config()["enable_metadata_routing"]:
                parts["expert"].set_fit_request(sample_weight=True)
        # The default partitioner takes weights, a function nothing.
        if hasattr(self.partitioner, "fit"):
            parts["partitioner"] = self.partitioner
        mapping = MethodMapping().add(caller="fit", callee="fit")
        router = MetadataRouter(owner=self).add_self_request(self)
        return router.add(method_mapping=mapping, **parts)

    def _route_metadata(self, sample_weight, params, n_rows):
        """Return what the expert and the partitioner ask for, of ``n_rows`` rows."""
        raise_for_params(params, self, "fit")
        given = {"sample_weight": sample_weight, **params}
        given = {name: value for name, value in given.items() if value is not None}
        if not given or not get_config()["enable_metadata_routing"]:
            return NOTHING_ROUTED
        if sample_weight is not None:
            self._check_weight_requests()
        routed = process_routing(self, "fit", **given)
        parts = {}
        for name in Routed._fields:
            asked = dict(routed[name]["fit"]) if name in routed else {}
            if asked.pop("sample_weight", sample_weight) is not sample_weight:
                raise ValueError(
                    f"The {name} asks for other metadata as its sample_weight, but it "
                    "gets the weights of the rows, experts times those of the gate. "
                    "Use set_fit_request(sample_weight=True) or False."
                )
            parts[name] = sort_metadata(asked, n_rows)
        if self.sharing is not None:
            _check_can_share_metadata(parts["expert"])
        return Routed(**parts)

    def _check_weight_requests(self):
        """Refuse requests that were not set inside of a pipeline, search, ...

        Scikit-learn leaves that to their ``fit``, which gets no weights if no part
        requests any.
        """
        for part in (self.expert, self.partitioner):
            requests = weight_requests(part) if hasattr(part, "fit") else []
            unset = [inner for inner, request in requests if request is None]
            if unset and unset[0] is not part:
                name, owner = type(unset[0]).__name__, type(self).__name__
                raise UnsetMetadataPassedError(
                    message=(
                        "[sample_weight] are passed but are not explicitly set as "
                        f"requested or not requested for {name}.fit, which is used "
                        f"within {owner}.fit. Call `{name}.set_fit_request("
                        "sample_weight=True/False)` for it and all others that take "
                        "weights."
                    ),
                    unrequested_params={},
                    routed_params={},
                )


def _check_can_share_metadata(metadata):
    names = sorted(metadata.parameters())
    if names:
        raise ValueError(
            "sharing='deviation' fits all experts in one problem, which has no place "
            f"for the metadata {names} of single rows. Leave them out, or use "
            "sharing=None."
        )
