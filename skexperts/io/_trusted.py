"""The types of this package that fitted models consist of."""

import skexperts
from skexperts._numeric.dictionary import Statistics
from skexperts._numeric.gated_experts import Adam, GatedExperts
from skexperts._numeric.patches import PatchGeometry
from skexperts._numeric.task_driven import Descent
from skexperts.decomposition._encode import Encoder, Preparation
from skexperts.decomposition._encode_patches import Pooling
from skexperts.ensemble._router import Router
from skexperts.partition._core_samples import CoreSamples
from skexperts.partition._distances import DistancesTo
from skexperts.partition._fitted_partition import (
    _Centers,
    _Labels,
    _Mixture,
    _Native,
    _Piped,
)
from skexperts.partition._function_partitioner import _FunctionPartitioner
from skexperts.partition._sampled_kmeans import _SampledKMeans

_ESTIMATORS = [
    getattr(skexperts, name) for name in skexperts.__all__ if name != "__version__"
]
_PARTS = [
    Adam,
    CoreSamples,
    Descent,
    DistancesTo,
    Encoder,
    GatedExperts,
    PatchGeometry,
    Pooling,
    Preparation,
    Router,
    Statistics,
    _Centers,
    _FunctionPartitioner,
    _Labels,
    _Mixture,
    _Native,
    _Piped,
    _SampledKMeans,
]

TRUSTED = sorted(
    f"{each.__module__}.{each.__qualname__}" for each in _ESTIMATORS + _PARTS
)
"""Names of the types of skexperts for ``skops.io.load(file, trusted=TRUSTED)``.

They are classes that hold arrays, numbers, and each other: none runs code of the file.
Two things that are not of this package are not on the list: the
``sklearn.tree._tree.Tree`` of a :class:`~skexperts.partition.TreePartitioner`, which a
hostile file can make read memory that is not its own, and functions that serve as
partitioners.
"""
