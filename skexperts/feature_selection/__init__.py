"""Selection of features before they go to a gate and its experts."""

from skexperts.feature_selection._sparse_feature_selector import SparseFeatureSelector

__all__ = ["SparseFeatureSelector"]
