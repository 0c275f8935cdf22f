"""Partitioners: they divide the rows into cells and say how near a row is to each."""

from skexperts.partition._mixin import PartitionerMixin
from skexperts.partition._random_partitioner import RandomPartitioner

__all__ = ["PartitionerMixin", "RandomPartitioner"]
