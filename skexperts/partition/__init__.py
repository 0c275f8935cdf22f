"""Partitioners: they divide the rows into cells and say how near a row is to each."""

from skexperts.partition._column_partitioner import ColumnPartitioner
from skexperts.partition._feature_groups import FeatureGroups
from skexperts.partition._mixin import PartitionerMixin
from skexperts.partition._random_partitioner import RandomPartitioner
from skexperts.partition._tree_partitioner import TreePartitioner

__all__ = [
    "ColumnPartitioner",
    "FeatureGroups",
    "PartitionerMixin",
    "RandomPartitioner",
    "TreePartitioner",
]
