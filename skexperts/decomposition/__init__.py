"""Sparse codes: every row as a combination of few atoms of a dictionary."""

from skexperts.decomposition._patch_sparse_coder import PatchSparseCoder
from skexperts.decomposition._sparse_coder import SparseCoder
from skexperts.decomposition._task_driven_sparse_coder import TaskDrivenSparseCoder

__all__ = ["PatchSparseCoder", "SparseCoder", "TaskDrivenSparseCoder"]
