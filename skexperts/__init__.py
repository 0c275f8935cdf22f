"""Sparse expert models for scikit-learn.

A router gives every row a sparse, non-negative weight over experts; an expert is any
scikit-learn estimator fitted on its rows; a combiner contracts the two.
"""

from importlib.metadata import version

from skexperts.combine import AlphaCombinerClassifier, AlphaCombinerRegressor
from skexperts.decomposition import (
    PatchSparseCoder,
    SparseCoder,
    TaskDrivenSparseCoder,
)
from skexperts.ensemble import (
    GatedExpertsClassifier,
    GatedExpertsRegressor,
    PartitionedExpertsClassifier,
    PartitionedExpertsRegressor,
)
from skexperts.feature_extraction import SegmentVectorizer
from skexperts.feature_selection import SparseFeatureSelector
from skexperts.gating import DistanceGate, HardGate, SigmoidGate, SoftmaxGate
from skexperts.partition import (
    ColumnPartitioner,
    FeatureGroups,
    RandomPartitioner,
    TreePartitioner,
)
from skexperts.svm import L1SVC, L1SVCCV, L1SVR, L1SVRCV

__version__ = version("skexperts")

__all__ = [
    "AlphaCombinerClassifier",
    "AlphaCombinerRegressor",
    "ColumnPartitioner",
    "DistanceGate",
    "FeatureGroups",
    "GatedExpertsClassifier",
    "GatedExpertsRegressor",
    "HardGate",
    "L1SVC",
    "L1SVCCV",
    "L1SVR",
    "L1SVRCV",
    "PartitionedExpertsClassifier",
    "PartitionedExpertsRegressor",
    "PatchSparseCoder",
    "RandomPartitioner",
    "SegmentVectorizer",
    "SigmoidGate",
    "SoftmaxGate",
    "SparseCoder",
    "SparseFeatureSelector",
    "TaskDrivenSparseCoder",
    "TreePartitioner",
    "__version__",
]
