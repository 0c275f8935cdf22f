"""Combination of named estimators with weights on the simplex."""

from skexperts.combine._alpha_combiner_classifier import AlphaCombinerClassifier
from skexperts.combine._alpha_combiner_regressor import AlphaCombinerRegressor

__all__ = ["AlphaCombinerClassifier", "AlphaCombinerRegressor"]
