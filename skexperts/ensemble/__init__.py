"""Composed estimators: gate, experts and combination in one."""

from skexperts.ensemble._gated_experts_classifier import GatedExpertsClassifier
from skexperts.ensemble._gated_experts_regressor import GatedExpertsRegressor
from skexperts.ensemble._partitioned_experts_classifier import (
    PartitionedExpertsClassifier,
)
from skexperts.ensemble._partitioned_experts_regressor import (
    PartitionedExpertsRegressor,
)
from skexperts.ensemble._prune_experts import prune_experts

__all__ = [
    "GatedExpertsClassifier",
    "GatedExpertsRegressor",
    "PartitionedExpertsClassifier",
    "PartitionedExpertsRegressor",
    "prune_experts",
]
