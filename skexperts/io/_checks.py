"""What the parts of a model must be for its predictions to read no other memory.

Kernels trust what they are given. The shapes and places that reach them are checked
here, before a part is made; everything else numpy refuses by itself.
"""

from numbers import Integral, Real

import numpy as np
from scipy.sparse import issparse
from sklearn.base import BaseEstimator
from sklearn.cluster import KMeans, MiniBatchKMeans

from skexperts._numeric.gated_experts import GATES, GatedExperts
from skexperts.ensemble._base import BasePartitionedExperts
from skexperts.ensemble._gated_base import BaseGatedExperts
from skexperts.ensemble._router import Router
from skexperts.gating import DistanceGate
from skexperts.gating._base import BaseLinearGate
from skexperts.io._registry import PARTS
from skexperts.partition import FeatureGroups, PartitionerMixin
from skexperts.partition._core_samples import CoreSamples
from skexperts.partition._distances import DistancesTo
from skexperts.partition._fitted_partition import _Centers, _Mixture, _Native, _Piped

_PARTITIONS = (CoreSamples, _Centers, _Mixture, _Native, _Piped)
_MOST_THREADS = 256


def check_part(cls, state):
    """Raise a ValueError if a part of a model cannot be what it says.

    Parameters
    ----------
    cls : class
    state : dict
        Attributes by their names. Those that ``fit`` sets may be missing: then the part
        is not fitted.
    """
    for kind, check in _CHECKS:
        if issubclass(cls, kind) and (cls in PARTS or _is_fitted(state)):
            check(state)


def _is_fitted(state):
    return any(name.endswith("_") for name in state)


def _need(holds, what):
    if not holds:
        raise ValueError(what)


def _is_count(value, least=1):
    return (
        isinstance(value, Integral) and not isinstance(value, bool) and value >= least
    )


def _is_array(value, kinds, n_dim):
    return (
        isinstance(value, np.ndarray)
        and value.dtype.kind in kinds
        and value.ndim == n_dim
    )


def _is_ascending(value, least, most):
    """Whether these are whole numbers, each larger than the one before."""
    return (
        _is_array(value, "i", 1)
        and len(value) > 0
        and value[0] >= least
        and value[-1] <= most
        and bool((np.diff(value) > 0).all())
    )


def _estimator(state):
    n_features = state.get("n_features_in_")
    _need(n_features is None or _is_count(n_features), "n_features_in_ is no count")
    coef = state.get("coef_")
    if coef is not None:
        _need(
            (isinstance(coef, np.ndarray) or issparse(coef))
            and coef.dtype.kind == "f"
            and 1 <= coef.ndim <= 3
            and coef.shape[-1] == n_features,
            "coef_ has not as many columns as there are features",
        )


def _kmeans(state):
    centers = state.get("cluster_centers_")
    _need(
        _is_array(centers, "f", 2)
        and len(centers) > 0
        and centers.shape[1] == state.get("n_features_in_"),
        "cluster_centers_ are not of the features",
    )
    threads = state.get("_n_threads")
    _need(_is_count(threads) and threads <= _MOST_THREADS, "_n_threads is no count")


def _groups(state):
    groups, n_features = state.get("feature_groups_"), state.get("n_features_in_")
    _need(isinstance(groups, list) and _is_count(n_features), "feature_groups_")
    _need(
        _is_count(state.get("n_cells_")) and len(groups) == state["n_cells_"],
        "feature_groups_ are not one for each cell",
    )
    for group in groups:
        inside = _is_array(group, "i", 1) and ((group >= 0) & (group < n_features))
        _need(np.all(inside), "feature_groups_ names columns that X does not have")


def _partitioner(state):
    _need(_is_count(state.get("n_cells_")), "n_cells_ is no count")


def _distance_gate(state):
    value = state.get("temperature_")
    _need(isinstance(value, Real) and value > 0, "temperature_ is not positive")


def _linear_gate(state):
    coef, intercept = state.get("coef_"), state.get("intercept_")
    n_cells = state.get("n_cells_")
    _need(
        _is_array(coef, "f", 2)
        and _is_array(intercept, "f", 1)
        and len(coef) == len(intercept) == n_cells,
        "the coefficients of the gate are not one row for each cell",
    )


def _centers(state):
    _unit(state)
    distances = state["distances"]
    _need(
        isinstance(distances, DistancesTo)
        and distances.centers.shape[0] == state["n_cells"],
        "the centres are not one for each cell",
    )


def _unit(state):
    unit = state["unit"]
    _need(isinstance(unit, Real) and 0 < unit < np.inf, "the unit is not positive")
    _need(_is_count(state["n_cells"]), "n_cells is no count")


def _distances_to(state):
    centers = state["centers"]
    _need(
        (issparse(centers) or _is_array(centers, "f", 2))
        and centers.ndim == 2
        and centers.dtype.kind == "f"
        and min(centers.shape) > 0,
        "centres are no table of numbers",
    )


def _core_samples(state):
    _unit(state)
    references, n_cells = state["references"], state["n_cells"]
    precomputed = state["metric"] == "precomputed"
    n_dim = 1 if precomputed else 2
    _need(
        (issparse(references) and not precomputed)
        or _is_array(references, "i" if precomputed else "f", n_dim),
        "the core samples are no table of numbers",
    )
    noise = state["claims_all"] is False
    _need(
        _is_ascending(state["starts"], 0, references.shape[0] - 1)
        and len(state["starts"]) == n_cells + noise
        and state["starts"][0] == 0,
        "the core samples are not divided into the cells",
    )
    _need(_is_array(state["noise"], "i", 1), "the noise is not told by row")
    _served(state)


def _served(state):
    _need(
        isinstance(state["claims_all"], bool)
        and state["unclaimed"] in ("all", "shared"),
        "it is not said what serves rows that no cell claims",
    )


def _native(state):
    partitioner = state["partitioner"]
    _need(
        isinstance(partitioner, PartitionerMixin) and hasattr(partitioner, "n_cells_"),
        "the partitioner is not fitted",
    )


def _piped(state):
    inner = state["partition"]
    _need(
        isinstance(inner, _PARTITIONS)
        and state["feature_groups"] is None
        and all(
            state[name] == getattr(inner, name)
            for name in ("n_cells", "claims_all", "unclaimed", "row_by_row")
        ),
        "the partition is not that at the end of its pipeline",
    )
    _need(
        state["front"] is None or hasattr(state["front"], "transform"),
        "nothing transforms the rows in front of the partition",
    )
    _served(state)


def _router(state):
    cells, partition = state["cells"], state["partition"]
    _need(isinstance(partition, _PARTITIONS), "there is no partition")
    _need(
        hasattr(state["gate"], "gate_weights") and hasattr(state["gate"], "n_cells_"),
        "there is no fitted gate",
    )
    n_cells = partition.n_cells
    _need(_is_array(cells, "i", 1) and len(cells) > 0, "there are no cells")
    live = cells[:-1] if cells[-1] == -1 else cells
    _need(
        len(live) == 0 or _is_ascending(live, 0, n_cells - 1),
        "the cells of the experts are not those of the partition",
    )
    gated = state["gated"]
    _need(
        _is_array(gated, "i", 1)
        and (len(gated) == 0 or _is_ascending(gated, 0, n_cells - 1))
        and np.isin(live, gated).all(),
        "the cells of the gate are not those of the partition",
    )
    top_k = state["top_k"]
    _need(_is_count(top_k) and top_k <= len(cells), "top_k is no number of experts")
    alpha = state["alpha"]
    _need(
        alpha is None
        or (_is_array(alpha, "f", 1) and len(alpha) == len(cells) and alpha.min() >= 0),
        "alpha is not one weight for each expert",
    )


def _partitioned(state):
    router, experts = state.get("_router"), state.get("experts_")
    _need(isinstance(router, Router) and isinstance(experts, list), "it is not whole")
    _need(
        len(experts) == len(router.cells) == state.get("n_experts_")
        and all(isinstance(expert, BaseEstimator) for expert in experts)
        and np.array_equal(state.get("cells_"), router.cells),
        "the experts are not one for each cell",
    )
    _need(
        _is_count(state.get("_n_outputs"))
        and state.get("_scale") in ("margin", "probability", "value")
        and state.get("_dtype") in (None, "float32", "float64")
        and state.get("_finite") in (True, "allow-nan"),
        "it is not said how the experts are read",
    )
    if state["_scale"] != "value":
        n_outputs = np.size(state.get("classes_"))
        _need(state["_n_outputs"] == n_outputs, "the outputs are not the classes")
    groups = router.partition.feature_groups
    highest = max((group.max(initial=0) for group in groups or []), default=0)
    _need(
        _is_count(state.get("n_features_in_")) and highest < state["n_features_in_"],
        "n_features_in_ is no count of the columns",
    )


def _mixture_of_linear(state):
    sizes = [state[name] for name in ("n_features", "n_outputs", "n_experts")]
    _need(all(map(_is_count, sizes)), "sizes are no counts")
    _need(state["gate"] in GATES, "there is no such gate")
    top_k, table = state["top_k"], state["table"]
    _need(_is_count(top_k) and top_k <= sizes[2], "top_k is no number of experts")
    _need(
        _is_array(table, "f", 2)
        and table.dtype in (np.float32, np.float64)
        and table.flags.c_contiguous,
        "the coefficients are no table of numbers",
    )
    model = GatedExperts(**state)
    lanes = 64 // table.itemsize
    width = sizes[1] + 1 if model.narrow else -(-(sizes[1] + 1) // lanes) * lanes
    _need(
        table.shape[1] == (sizes[0] + 1) * width
        and len(table) in (sizes[2], sizes[2] + 1),
        "the coefficients are not those of the experts",
    )


def _gated(state):
    models = state.get("_models")
    _need(isinstance(models, list) and models, "there are no experts")
    first = models[0]
    for model in models:
        _need(
            isinstance(model, GatedExperts)
            and model.n_features == state.get("n_features_in_")
            and model.n_outputs == first.n_outputs
            and model.n_experts == first.n_experts
            and model.top_k == first.top_k,
            "the models are not of one shape",
        )
    _need(
        state.get("n_experts_") == len(models) * first.n_experts, "n_experts_ is wrong"
    )
    if "classes_" in state:
        n_classes = np.size(state["classes_"])
        n_outputs = 1 if n_classes == 2 else n_classes
        _need(n_outputs == first.n_outputs, "the outputs are not the classes")
    else:
        for name in ("_mean", "_scale"):
            own = state.get(name)
            _need(
                _is_array(own, "f", 1) and len(own) == first.n_outputs,
                "the targets are not the outputs",
            )


_CHECKS = [
    (BaseEstimator, _estimator),
    ((KMeans, MiniBatchKMeans), _kmeans),
    (PartitionerMixin, _partitioner),
    (FeatureGroups, _groups),
    (DistanceGate, _distance_gate),
    (BaseLinearGate, _linear_gate),
    (DistancesTo, _distances_to),
    (_Centers, _centers),
    (_Mixture, _centers),
    (CoreSamples, _core_samples),
    (_Native, _native),
    (_Piped, _piped),
    (Router, _router),
    (BasePartitionedExperts, _partitioned),
    (GatedExperts, _mixture_of_linear),
    (BaseGatedExperts, _gated),
]
