"""What the parts of a model must be for its predictions to read no other memory.

Kernels trust what they are given. The shapes and places that reach them are checked
here, before a part is made; everything else numpy refuses by itself.
"""

from numbers import Real

import numpy as np
from scipy.sparse import issparse
from sklearn.base import BaseEstimator
from sklearn.cluster import KMeans, MiniBatchKMeans

from skexperts._numeric.gated_experts import GATES, GatedExperts
from skexperts.combine._base import BaseAlphaCombiner
from skexperts.decomposition import PatchSparseCoder
from skexperts.decomposition._base import BaseSparseCoder
from skexperts.ensemble._base import BasePartitionedExperts
from skexperts.ensemble._gated_base import BaseGatedExperts
from skexperts.ensemble._router import Router
from skexperts.gating import DistanceGate
from skexperts.gating._base import BaseLinearGate
from skexperts.io._check_coder import check_coder
from skexperts.io._check_patches import check_patches
from skexperts.io._conditions import is_array, is_ascending, is_count, need
from skexperts.io._registry import PARTS, required
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
        Attributes by their names. With no others than parameters it is not fitted.
    """
    fitted = bool(set(state) - required(cls) - {"_sklearn_version"})
    for kind, check in _CHECKS:
        if issubclass(cls, kind) and (cls in PARTS or fitted):
            check(state)


def _estimator(state):
    n_features = state.get("n_features_in_")
    need(n_features is None or is_count(n_features), "n_features_in_ is no count")
    coef = state.get("coef_")
    if coef is not None:
        need(
            (isinstance(coef, np.ndarray) or issparse(coef))
            and coef.dtype.kind == "f"
            and 1 <= coef.ndim <= 3
            and coef.shape[-1] == n_features,
            "coef_ has not as many columns as there are features",
        )


def _kmeans(state):
    centers = state.get("cluster_centers_")
    need(
        is_array(centers, "f", 2)
        and len(centers) > 0
        and centers.shape[1] == state.get("n_features_in_"),
        "cluster_centers_ are not of the features",
    )
    threads = state.get("_n_threads")
    need(is_count(threads) and threads <= _MOST_THREADS, "_n_threads is no count")


def _groups(state):
    groups, n_features = state.get("feature_groups_"), state.get("n_features_in_")
    need(isinstance(groups, list) and is_count(n_features), "feature_groups_")
    need(
        is_count(state.get("n_cells_")) and len(groups) == state["n_cells_"],
        "feature_groups_ are not one for each cell",
    )
    for group in groups:
        inside = is_array(group, "i", 1) and ((group >= 0) & (group < n_features))
        need(np.all(inside), "feature_groups_ names columns that X does not have")


def _partitioner(state):
    n_cells = state.get("n_cells_")
    most = min(
        (len(state[name]) for name in ("labels_", "segments_") if name in state),
        default=n_cells,
    )
    need(is_count(n_cells) and n_cells <= most, "n_cells_ is no count of cells")


def _distance_gate(state):
    value = state.get("temperature_")
    need(isinstance(value, Real) and value > 0, "temperature_ is not positive")


def _linear_gate(state):
    coef, intercept = state.get("coef_"), state.get("intercept_")
    n_cells = state.get("n_cells_")
    need(
        is_array(coef, "f", 2)
        and is_array(intercept, "f", 1)
        and len(coef) == len(intercept) == n_cells,
        "the coefficients of the gate are not one row for each cell",
    )


def _centers(state):
    _unit(state)
    distances = state["distances"]
    need(
        isinstance(distances, DistancesTo)
        and distances.centers.shape[0] == state["n_cells"],
        "the centres are not one for each cell",
    )


def _unit(state):
    unit = state["unit"]
    need(isinstance(unit, Real) and 0 < unit < np.inf, "the unit is not positive")
    need(is_count(state["n_cells"]), "n_cells is no count")


def _distances_to(state):
    centers = state["centers"]
    need(
        (issparse(centers) or is_array(centers, "f", 2))
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
    need(
        (issparse(references) and not precomputed)
        or is_array(references, "i" if precomputed else "f", n_dim),
        "the core samples are no table of numbers",
    )
    noise = state["claims_all"] is False
    need(
        is_ascending(state["starts"], 0, references.shape[0] - 1)
        and len(state["starts"]) == n_cells + noise
        and state["starts"][0] == 0,
        "the core samples are not divided into the cells",
    )
    need(is_array(state["noise"], "i", 1), "the noise is not told by row")
    _served(state)


def _served(state):
    need(
        isinstance(state["claims_all"], bool)
        and state["unclaimed"] in ("all", "shared"),
        "it is not said what serves rows that no cell claims",
    )


def _native(state):
    partitioner = state["partitioner"]
    need(
        isinstance(partitioner, PartitionerMixin) and hasattr(partitioner, "n_cells_"),
        "the partitioner is not fitted",
    )


def _piped(state):
    inner = state["partition"]
    need(
        isinstance(inner, _PARTITIONS)
        and state["feature_groups"] is None
        and all(
            state[name] == getattr(inner, name)
            for name in ("n_cells", "claims_all", "unclaimed", "row_by_row")
        ),
        "the partition is not that at the end of its pipeline",
    )
    need(
        state["front"] is None or hasattr(state["front"], "transform"),
        "nothing transforms the rows in front of the partition",
    )
    _served(state)


def _router(state):
    cells, partition = state["cells"], state["partition"]
    need(isinstance(partition, _PARTITIONS), "there is no partition")
    need(
        hasattr(state["gate"], "gate_weights") and hasattr(state["gate"], "n_cells_"),
        "there is no fitted gate",
    )
    n_cells = partition.n_cells
    need(is_array(cells, "i", 1) and len(cells) > 0, "there are no cells")
    live = cells[:-1] if cells[-1] == -1 else cells
    need(
        len(live) == 0 or is_ascending(live, 0, n_cells - 1),
        "the cells of the experts are not those of the partition",
    )
    gated = state["gated"]
    need(
        is_array(gated, "i", 1)
        and (len(gated) == 0 or is_ascending(gated, 0, n_cells - 1))
        and np.isin(live, gated).all(),
        "the cells of the gate are not those of the partition",
    )
    top_k = state["top_k"]
    need(is_count(top_k) and top_k <= len(cells), "top_k is no number of experts")
    alpha = state["alpha"]
    need(
        alpha is None
        or (is_array(alpha, "f", 1) and len(alpha) == len(cells) and alpha.min() >= 0),
        "alpha is not one weight for each expert",
    )


def _partitioned(state):
    router, experts = state.get("_router"), state.get("experts_")
    need(isinstance(router, Router) and isinstance(experts, list), "it is not whole")
    need(
        len(experts) == len(router.cells) == state.get("n_experts_")
        and all(isinstance(expert, BaseEstimator) for expert in experts)
        and np.array_equal(state.get("cells_"), router.cells),
        "the experts are not one for each cell",
    )
    need(
        is_count(state.get("_n_outputs"))
        and state.get("_scale") in ("margin", "probability", "value")
        and state.get("_dtype") in (None, "float32", "float64")
        and state.get("_finite") in (True, "allow-nan"),
        "it is not said how the experts are read",
    )
    if state["_scale"] != "value":
        n_outputs = np.size(state.get("classes_"))
        need(state["_n_outputs"] == n_outputs, "the outputs are not the classes")
    # A number of cells that no array backs could ask for any memory.
    report = state.get("fit_report_")
    numbers = report.get("cell") if isinstance(report, dict) else None
    need(
        is_array(numbers, "i", 1)
        and len(numbers) in (router.partition.n_cells, router.partition.n_cells + 1),
        "fit_report_ is not of the cells",
    )
    need(
        "alpha_" not in state or np.array_equal(state["alpha_"], router.alpha),
        "alpha_ is not that of the routing",
    )
    known, factors = state.get("_class_weights", (np.empty(0), np.empty(0)))
    need(
        is_array(factors, "f", 1) and np.shape(known) == factors.shape,
        "the weights of classes are not one for each class",
    )
    groups = router.partition.feature_groups
    highest = max((group.max(initial=0) for group in groups or []), default=0)
    need(
        is_count(state.get("n_features_in_")) and highest < state["n_features_in_"],
        "n_features_in_ is no count of the columns",
    )


def _combiner(state):
    estimators, alpha = state.get("estimators_"), state.get("alpha_")
    need(
        isinstance(estimators, list)
        and is_array(alpha, "f", 1)
        and len(alpha) == len(estimators) == len(state.get("_names", ())),
        "alpha_ is not one weight for each estimator",
    )


def _mixture_of_linear(state):
    sizes = [state[name] for name in ("n_features", "n_outputs", "n_experts")]
    need(all(map(is_count, sizes)), "sizes are no counts")
    need(state["gate"] in GATES, "there is no such gate")
    top_k, table = state["top_k"], state["table"]
    need(is_count(top_k) and top_k <= sizes[2], "top_k is no number of experts")
    need(
        is_array(table, "f", 2)
        and table.dtype in (np.float32, np.float64)
        and table.flags.c_contiguous,
        "the coefficients are no table of numbers",
    )
    model = GatedExperts(**state)
    lanes = 64 // table.itemsize
    width = sizes[1] + 1 if model.narrow else -(-(sizes[1] + 1) // lanes) * lanes
    need(
        table.shape[1] == (sizes[0] + 1) * width
        and len(table) in (sizes[2], sizes[2] + 1),
        "the coefficients are not those of the experts",
    )


def _gated(state):
    models = state.get("_models")
    need(isinstance(models, list) and models, "there are no experts")
    first = models[0]
    for model in models:
        need(
            isinstance(model, GatedExperts)
            and model.n_features == state.get("n_features_in_")
            and model.n_outputs == first.n_outputs
            and model.n_experts == first.n_experts
            and model.top_k == first.top_k,
            "the models are not of one shape",
        )
    need(
        state.get("n_experts_") == len(models) * first.n_experts, "n_experts_ is wrong"
    )
    centre = state.get("_centre", 0)
    need(
        centre is None
        or (is_array(centre, "f", 1) and len(centre) == first.n_features),
        "the means are not one for each feature",
    )
    need(is_count(state.get("_n_seen")), "_n_seen is no count of rows")
    if "classes_" in state:
        n_classes = np.size(state["classes_"])
        n_outputs = 1 if n_classes == 2 else n_classes
        need(n_outputs == first.n_outputs, "the outputs are not the classes")
    else:
        for name in ("_mean", "_scale"):
            own = state.get(name)
            need(
                is_array(own, "f", 1) and len(own) == first.n_outputs,
                "the targets are not the outputs",
            )


_CHECKS = [
    (BaseEstimator, _estimator),
    ((KMeans, MiniBatchKMeans), _kmeans),
    (PartitionerMixin, _partitioner),
    (FeatureGroups, _groups),
    (BaseSparseCoder, check_coder),
    (PatchSparseCoder, check_patches),
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
    (BaseAlphaCombiner, _combiner),
    (GatedExperts, _mixture_of_linear),
    (BaseGatedExperts, _gated),
]
