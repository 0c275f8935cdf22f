"""Which classes a flat file may hold, and what of them."""

import inspect
import re
from dataclasses import fields
from functools import cache

from sklearn.base import BaseEstimator
from sklearn.cluster import DBSCAN, KMeans, MiniBatchKMeans
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.linear_model import (
    ElasticNet,
    Lasso,
    LinearRegression,
    LogisticRegression,
    Ridge,
)
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, StandardScaler
from sklearn.svm import LinearSVC, LinearSVR

from skexperts._numeric.dictionary import Statistics
from skexperts._numeric.gated_experts import GatedExperts
from skexperts._numeric.patches import PatchGeometry
from skexperts.combine import AlphaCombinerClassifier, AlphaCombinerRegressor
from skexperts.decomposition import (
    PatchSparseCoder,
    SparseCoder,
    TaskDrivenSparseCoder,
)
from skexperts.decomposition._encode import Preparation
from skexperts.decomposition._encode_patches import Pooling
from skexperts.ensemble import (
    GatedExpertsClassifier,
    GatedExpertsRegressor,
    PartitionedExpertsClassifier,
    PartitionedExpertsRegressor,
)
from skexperts.ensemble._router import Router
from skexperts.feature_selection import SparseFeatureSelector
from skexperts.gating import DistanceGate, HardGate, SigmoidGate, SoftmaxGate
from skexperts.partition import ColumnPartitioner, FeatureGroups, RandomPartitioner
from skexperts.partition._core_samples import CoreSamples
from skexperts.partition._distances import DistancesTo
from skexperts.partition._fitted_partition import _Centers, _Mixture, _Native, _Piped
from skexperts.partition._sampled_kmeans import _SampledKMeans
from skexperts.svm import L1SVC, L1SVCCV, L1SVR, L1SVRCV

ESTIMATORS = (
    AlphaCombinerClassifier,
    AlphaCombinerRegressor,
    ColumnPartitioner,
    DBSCAN,
    DistanceGate,
    DummyClassifier,
    DummyRegressor,
    ElasticNet,
    FeatureGroups,
    GatedExpertsClassifier,
    GatedExpertsRegressor,
    GaussianMixture,
    HardGate,
    KMeans,
    L1SVC,
    L1SVCCV,
    L1SVR,
    L1SVRCV,
    Lasso,
    LinearRegression,
    LinearSVC,
    LinearSVR,
    LogisticRegression,
    MaxAbsScaler,
    MinMaxScaler,
    MiniBatchKMeans,
    PartitionedExpertsClassifier,
    PartitionedExpertsRegressor,
    PatchSparseCoder,
    Pipeline,
    RandomPartitioner,
    Ridge,
    SigmoidGate,
    SoftmaxGate,
    SparseCoder,
    SparseFeatureSelector,
    StandardScaler,
    TaskDrivenSparseCoder,
    _SampledKMeans,
)
# Other objects, and their attributes: those of which the others follow.
_PARTITION = ("n_cells", "claims_all", "unclaimed", "feature_groups", "row_by_row")
PARTS = {
    CoreSamples: (
        *("noise", "claims_all", "unclaimed", "n_cells", "starts", "metric"),
        *("parameters", "references", "unit"),
    ),
    DistancesTo: ("centers",),
    GatedExperts: tuple(field.name for field in fields(GatedExperts)),
    PatchGeometry: tuple(field.name for field in fields(PatchGeometry)),
    Pooling: tuple(field.name for field in fields(Pooling)),
    Preparation: ("components", "options"),
    Router: tuple(field.name for field in fields(Router)),
    Statistics: tuple(field.name for field in fields(Statistics)),
    _Centers: ("n_cells", "distances", "unit"),
    _Mixture: ("mixture", "n_cells", "distances", "unit"),
    _Native: ("partitioner",),
    _Piped: ("front", "partition", *_PARTITION),
}
_MADE_ANEW = (DistancesTo, _Native)
CLASSES = {each.__name__: each for each in (*ESTIMATORS, *PARTS)}

# Attributes of estimators that are neither parameters nor end in an underscore.
_PRIVATE = {
    *("_algorithm", "_all_names", "_batch_size", "_centre", "_class_weights"),
    *("_dtype", "_finite", "_flat", "_geometry", "_init_size", "_mean", "_models"),
    *("_n_features_out", "_n_init"),
    *("_n_outputs", "_n_seen", "_n_threads", "_names", "_penalty_alpha"),
    *("_pooled", "_position", "_prepared", "_router", "_scale", "_seed", "_size"),
    *("_sklearn_version", "_sparse_codes", "_statistics", "_strategy"),
    *("_threshold", "_tol", "_unit"),
}
# What only partial_fit reads.
_LEFT_OUT = {
    "_streams",
    "_descent",
    "_counts",
    "_ewa_inertia",
    "_ewa_inertia_min",
    "_no_improvement",
    "_n_since_last_reassign",
    "_random_state",
}


def state_of(part):
    """Return the attributes of an object that are written, a dict."""
    if type(part) in PARTS:
        return {name: getattr(part, name) for name in PARTS[type(part)]}
    state = part.__getstate__()
    return {name: value for name, value in state.items() if name not in _LEFT_OUT}


def is_attribute(cls, name) -> bool:
    """Whether a file may set an attribute of this name."""
    if cls in PARTS:
        return name in PARTS[cls]
    if name in _parameters(cls):
        return True
    learned = re.fullmatch(r"[A-Za-z]\w*_", name) is not None or name in _PRIVATE
    # No method or property is hidden.
    return learned and getattr(cls, name, None) is None


def restore(cls, state):
    """Return an object of a class with these attributes, all of them allowed."""
    if cls in _MADE_ANEW:
        return cls(**state)
    part = cls.__new__(cls)
    if issubclass(cls, BaseEstimator):
        part.__setstate__(state)
    else:
        vars(part).update(state)
    return part


def required(cls):
    """Return the names of the attributes without which there is no object."""
    return set(PARTS[cls]) if cls in PARTS else _parameters(cls)


@cache
def _parameters(cls):
    return set(inspect.signature(cls).parameters)
