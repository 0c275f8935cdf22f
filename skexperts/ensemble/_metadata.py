"""Which metadata of a fit go to the experts, the partitioner and the splitters."""

from typing import Any, NamedTuple

from sklearn import get_config
from sklearn.utils.metadata_routing import MetadataRouter

from skexperts._metadata import (
    FIT,
    NO_METADATA,
    SPLIT,
    Metadata,
    route_fit,
    sort_metadata,
)


class Routed(NamedTuple):
    """Metadata by who asks for them.

    Experts and partitioner get the weights from the model. Splitters divide all rows,
    so that what is theirs stays as it is.
    """

    expert: Metadata
    partitioner: Metadata
    cv: dict[str, Any]
    combiner_cv: dict[str, Any]

    def take(self, rows):
        """Return the metadata of some rows, by numbers."""
        expert, partitioner, *of_splitters = self
        return Routed(expert.take(rows), partitioner.take(rows), *of_splitters)


NOTHING_ROUTED = Routed(NO_METADATA, NO_METADATA, {}, {})


class RoutesMetadata:
    """Route metadata of ``fit`` to the expert, the partitioner and the splitters."""

    def get_metadata_routing(self):
        """Return how metadata go to the expert, the partitioner and the splitters.

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
        router = MetadataRouter(owner=self).add_self_request(self)
        router.add(method_mapping=FIT, **parts)
        # Splitters that are not in use, too: a search may try n_experts="auto".
        combiner_cv = getattr(self.combiner, "cv", None)
        return router.add(method_mapping=SPLIT, cv=self.cv, combiner_cv=combiner_cv)

    def _route_metadata(self, sample_weight, params, n_rows):
        """Return what the parts ask for, of ``n_rows`` rows."""
        fitted = [p for p in (self.expert, self.partitioner) if hasattr(p, "fit")]
        routed = route_fit(self, fitted, sample_weight, params)
        if not routed:
            return NOTHING_ROUTED
        parts = {name: routed[name]["split"] for name in ("cv", "combiner_cv")}
        for name in ("expert", "partitioner"):
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


def _check_can_share_metadata(metadata):
    names = sorted(metadata.parameters())
    if names:
        raise ValueError(
            "sharing='deviation' fits all experts in one problem, which has no place "
            f"for the metadata {names} of single rows. Leave them out, or use "
            "sharing=None."
        )
