"""The only door to experts: how any estimator is seeded, weighted and read.

Outputs are columns aligned to the classes of the whole model, on one scale. What is
read of a fitted classifier is its *output kind*:

- ``"margin"``: the decision function, if it minimises the squared hinge loss
  (``LinearSVC``, ``SGDClassifier(loss="squared_hinge")``). Margins of that loss have
  one scale and an exact inverse link to probabilities.
- ``"probability"``: ``predict_proba``, if there is one.
- ``"vote"``: otherwise, one for the predicted class. The decision functions of other
  classifiers have no scale in common and cannot be averaged.
"""

import numpy as np
from sklearn import get_config
from sklearn.base import clone, is_classifier
from sklearn.compose import TransformedTargetRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.pipeline import Pipeline
from sklearn.utils.metadata_routing import MetadataRouter, get_routing_for_object
from sklearn.utils.validation import has_fit_parameter

from skexperts._numeric.aggregation import align_columns
from skexperts._numeric.links import (
    ABSENT_MARGIN,
    binary_margins,
    squared_hinge_probabilities,
)

# What rounding makes of sums of probabilities.
_ROUNDING = 1e-13

_MAX_SEED = np.iinfo(np.int32).max


def output_kind(expert) -> str:
    """Return "margin", "probability", "vote" or, for a regressor, "value".

    Parameters
    ----------
    expert : fitted estimator
    """
    if not is_classifier(expert):
        return "value"
    final = final_step(expert)
    one_vs_rest = getattr(final, "multi_class", "ovr") == "ovr"
    if getattr(final, "loss", None) == "squared_hinge" and one_vs_rest:
        return "margin"
    return "probability" if hasattr(expert, "predict_proba") else "vote"


def read_outputs(expert, X, *, scale, classes=None):
    """Return the outputs of a fitted expert, one column per class (or one value).

    =================  ==========================  ===================
    output kind        ``scale="probability"``     ``scale="margin"``
    =================  ==========================  ===================
    margins f          squared-hinge link of f     f
    probabilities p    p                           2 p - 1
    votes v in {0, 1}  v                           2 v - 1
    =================  ==========================  ===================

    Parameters
    ----------
    expert : fitted estimator
    X : array-like of shape (n_samples, n_features)
    scale : {"margin", "probability", "value"}
    classes : ndarray of shape (n_classes,), sorted; None for ``"value"``
        Classes of the whole model. A class the expert has never seen gets probability
        and vote 0; as a margin it gets -1, where the probability is 0, or the lowest
        margin of the row if that is lower.

    Returns
    -------
    outputs : ndarray of shape (n_samples, n_outputs), float64

    Raises
    ------
    ValueError
        If the expert knows a class that is not in ``classes``.
    """
    if scale == "value":
        values = np.asarray(expert.predict(X), dtype=np.float64)
        if values.shape[:1] != (X.shape[0],):
            raise _wrong_shape(expert, "predict", values, (X.shape[0],))
        return values.reshape(X.shape[0], -1)
    unknown = np.setdiff1d(expert.classes_, classes)
    if unknown.size:
        raise ValueError(
            f"{type(expert).__name__} knows the classes {unknown.tolist()}, which y "
            "does not have. Fit on rows of every class it knows."
        )
    kind = output_kind(expert)
    if kind == "margin":
        margins = _aligned_margins(expert, X, classes)
        return margins if scale == "margin" else squared_hinge_probabilities(margins)
    if kind == "probability":
        probabilities = np.asarray(expert.predict_proba(X), dtype=np.float64)
        shape = X.shape[0], len(expert.classes_)
        if probabilities.shape != shape:
            raise _wrong_shape(expert, "predict_proba", probabilities, shape)
        probabilities = _normalised(probabilities)
        outputs = align_columns(probabilities, expert.classes_, classes, 0.0)
    else:
        outputs = (expert.predict(X)[:, None] == classes).astype(np.float64)
    return outputs if scale == "probability" else 2.0 * outputs - 1.0


def _aligned_margins(expert, X, classes):
    margins = np.asarray(expert.decision_function(X), dtype=np.float64)
    if margins.ndim == 1:
        margins = binary_margins(margins)
    absent = np.minimum(margins.min(axis=1, keepdims=True), ABSENT_MARGIN)
    return align_columns(margins, expert.classes_, classes, absent)


def _wrong_shape(expert, method, answer, shape):
    return ValueError(
        f"{method} of {type(expert).__name__} must have shape {shape}. Got "
        f"{answer.shape}."
    )


def _normalised(probabilities):
    """Make rows of probabilities sum to 1 in float64, if they do not yet."""
    sums = probabilities.sum(axis=1, keepdims=True)
    # Logarithms of far rows are so large that their exponentials have few digits.
    off = (abs(sums - 1) > _ROUNDING) & (sums > 0)
    return np.divide(probabilities, sums, out=probabilities.copy(), where=off)


def seeded_clone(estimator, seed: int):
    """Clone an estimator and set every ``random_state`` that is None from one seed."""
    estimator = clone(estimator)
    names = sorted(
        name
        for name, value in estimator.get_params(deep=True).items()
        if name.split("__")[-1] == "random_state" and value is None
    )
    if names:
        states = np.random.SeedSequence(seed).generate_state(len(names)) % _MAX_SEED
        estimator.set_params(**dict(zip(names, states.tolist(), strict=True)))
    return estimator


def cell_seed(seed: int, cell: int) -> int:
    """Seed of one cell, or of -1; other cells do not change it."""
    cell = cell if cell >= 0 else _MAX_SEED
    return int(np.random.SeedSequence([seed, cell]).generate_state(1)[0] % _MAX_SEED)


def weight_parameter(estimator) -> str | None:
    """Name under which ``fit`` of an estimator takes sample weights, None if it cannot.

    A pipeline hands the weights to its last step, a search to its estimator. With
    metadata routing they go by what was requested; an estimator that hands nothing on
    and has not been asked takes them, too.
    """
    takes = has_fit_parameter(estimator, "sample_weight")
    if get_config()["enable_metadata_routing"]:
        routing = get_routing_for_object(estimator)
        if routing.consumes("fit", ["sample_weight"]):
            return "sample_weight"
        own = {"sample_weight": False}
        if not isinstance(routing, MetadataRouter):
            own = routing.fit.requests
        return "sample_weight" if takes and own.get("sample_weight") is None else None
    if takes:
        return "sample_weight"
    if isinstance(estimator, Pipeline):
        name, last = estimator.steps[-1]
        inner = weight_parameter(last)
        return None if inner is None else f"{name}__{inner}"
    if isinstance(estimator, GridSearchCV | RandomizedSearchCV):
        return weight_parameter(estimator.estimator)
    if isinstance(estimator, TransformedTargetRegressor):
        return weight_parameter(estimator.regressor)
    return None


def takes_weights(estimator) -> bool:
    """Whether weights can be honoured.

    A frozen estimator has no use for them. With metadata routing, one that could take
    them and gets none was told so.
    """
    if isinstance(estimator, FrozenEstimator) or weight_parameter(estimator):
        return True
    return get_config()["enable_metadata_routing"] and bool(weight_requests(estimator))


def weight_requests(estimator) -> list:
    """Return what was requested, for an estimator and its parts that take weights.

    Returns
    -------
    requests : list of (part, request)
        The request is True, False, another name, or None if it was not set.
    """
    requests = []
    parts = [estimator, *estimator.get_params(deep=True).values()]
    frozen = {id(part.estimator) for part in parts if isinstance(part, FrozenEstimator)}
    for part in parts:
        routing = get_routing_for_object(part)
        if not isinstance(routing, MetadataRouter) and id(part) not in frozen:
            own = routing.fit.requests
            if "sample_weight" in own:
                requests.append((part, own["sample_weight"]))
    return requests


def final_step(estimator):
    """Return what predicts: the end of pipelines, what is frozen, a search's best."""
    while True:
        if isinstance(estimator, Pipeline):
            estimator = estimator.steps[-1][1]
        elif isinstance(estimator, FrozenEstimator):
            estimator = estimator.estimator
        elif hasattr(estimator, "best_estimator_"):
            estimator = estimator.best_estimator_
        else:
            return estimator
