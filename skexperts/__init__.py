"""Sparse expert models for scikit-learn.

A router gives every row a sparse, non-negative weight over experts; an expert is any
scikit-learn estimator fitted on its rows; a combiner contracts the two.
"""

from importlib.metadata import version

__version__ = version("skexperts")
