"""The only door to private scikit-learn API."""

from sklearn.base import _fit_context as fit_context
from sklearn.linear_model._base import SparseCoefMixin
from sklearn.utils import _align_api_if_sparse as align_sparse_api
from sklearn.utils import _safe_indexing as safe_indexing
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    StrOptions,
    validate_parameter_constraints,
)
from sklearn.utils.metadata_routing import _raise_for_params as raise_for_params
from sklearn.utils.metaestimators import _BaseComposition as BaseComposition
from sklearn.utils.validation import _check_method_params as check_method_params
from sklearn.utils.validation import _check_sample_weight as check_sample_weight

__all__ = [
    "BaseComposition",
    "HasMethods",
    "Interval",
    "SparseCoefMixin",
    "StrOptions",
    "align_sparse_api",
    "check_method_params",
    "check_sample_weight",
    "fit_context",
    "raise_for_params",
    "safe_indexing",
    "validate_parameter_constraints",
]
