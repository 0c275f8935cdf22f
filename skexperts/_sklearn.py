"""The only door to private scikit-learn API."""

import numpy as np
from sklearn.base import _fit_context as fit_context
from sklearn.utils import _align_api_if_sparse as align_sparse_api
from sklearn.utils import _safe_indexing as safe_indexing
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.metaestimators import _BaseComposition as BaseComposition
from sklearn.utils.validation import _check_sample_weight

__all__ = [
    "BaseComposition",
    "HasMethods",
    "Interval",
    "StrOptions",
    "align_sparse_api",
    "check_sample_weight",
    "fit_context",
    "safe_indexing",
]


def check_sample_weight(sample_weight, X):
    """Return float64 weights of shape (n_samples,), all non-negative, not all zero."""
    return _check_sample_weight(
        sample_weight, X, dtype=np.float64, ensure_non_negative=True
    )
