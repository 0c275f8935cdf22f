"""Composed estimators: partition, gate, experts and combination in one."""

from skexperts.ensemble._partitioned_experts_classifier import (
    PartitionedExpertsClassifier,
)
from skexperts.ensemble._partitioned_experts_regressor import (
    PartitionedExpertsRegressor,
)

__all__ = ["PartitionedExpertsClassifier", "PartitionedExpertsRegressor"]
