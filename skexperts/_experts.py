"""The only door to experts: how any estimator is seeded, weighted and read.

Outputs are columns aligned to the classes of the whole model. What is read of a
classifier, its *output kind*:

- ``"margin"``: the decision function, if the expert minimises the squared hinge loss
  (``LinearSVC``, ``SGDClassifier(loss="squared_hinge")``). Margins of that loss have
  one scale and an exact inverse link to probabilities.
- ``"probability"``: ``predict_proba``, if there is one.
- ``"vote"``: otherwise, one for the predicted class. The decision functions of other
  classifiers have no scale in common and cannot be averaged.
"""

import numpy as np
from sklearn import get_config
from sklearn.base import clone, is_classifier
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.pipeline import Pipeline
from sklearn.utils.metadata_routing import get_routing_for_object
from sklearn.utils.validation import has_fit_parameter

from skexperts._numeric.aggregation import align_columns
from skexperts._numeric.links import ABSENT_MARGIN, PRESENT_MARGIN, binary_margins

_MAX_SEED = np.iinfo(np.int32).max
_WRAPPERS = (FrozenEstimator, GridSearchCV, RandomizedSearchCV)


def output_kind(expert) -> str:
    """Return "margin", "probability", "vote" or, for a regressor, "value"."""
    if not is_classifier(expert):
        return "value"
    if getattr(_final_step(expert), "loss", None) == "squared_hinge":
        return "margin"
    return "probability" if hasattr(expert, "predict_proba") else "vote"


def read_outputs(expert, X, *, kind, classes=None):
    """Return the outputs of a fitted expert, one column per class (or one value).

    Parameters
    ----------
    expert : fitted estimator
    X : array-like of shape (n_samples, n_features)
    kind : str
        As given by :func:`output_kind`.
    classes : ndarray of shape (n_classes,), sorted
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
    if kind == "value":
        return np.asarray(expert.predict(X), dtype=np.float64).reshape(X.shape[0], -1)
    unknown = np.setdiff1d(expert.classes_, classes)
    if unknown.size:
        raise ValueError(
            f"{type(expert).__name__} knows the classes {unknown.tolist()}, which y "
            "does not have. Fit on rows of every class it knows."
        )
    if kind == "probability":
        probabilities = np.asarray(expert.predict_proba(X), dtype=np.float64)
        return align_columns(probabilities, expert.classes_, classes, 0.0)
    if kind == "vote":
        votes = expert.predict(X)[:, None] == classes
        return votes.astype(np.float64)
    if len(expert.classes_) == 1:
        margins = np.full((X.shape[0], 1), PRESENT_MARGIN)
    else:
        margins = np.asarray(expert.decision_function(X), dtype=np.float64)
        if margins.ndim == 1:
            margins = binary_margins(margins)
    absent = np.minimum(margins.min(axis=1, keepdims=True), ABSENT_MARGIN)
    return align_columns(margins, expert.classes_, classes, absent)


def seeded_clone(estimator, seed: int):
    """Clone an estimator and set every ``random_state`` in it from one seed."""
    estimator = clone(estimator)
    names = sorted(
        name
        for name in estimator.get_params(deep=True)
        if name == "random_state" or name.endswith("__random_state")
    )
    if names:
        states = np.random.SeedSequence(seed).generate_state(len(names)) % _MAX_SEED
        estimator.set_params(**dict(zip(names, states.tolist(), strict=True)))
    return estimator


def cell_seed(seed: int, cell: int) -> int:
    """Seed of one cell; other cells do not change it."""
    return int(np.random.SeedSequence([seed, cell]).generate_state(1)[0] % _MAX_SEED)


def weight_parameter(estimator) -> str | None:
    """Name under which ``fit`` of an estimator takes sample weights, None if it cannot.

    A pipeline hands the weights to its last step.
    """
    if has_fit_parameter(estimator, "sample_weight"):
        return "sample_weight"
    if get_config()["enable_metadata_routing"]:
        consumed = get_routing_for_object(estimator).consumes("fit", ["sample_weight"])
        return "sample_weight" if consumed else None
    if isinstance(estimator, Pipeline):
        name, last = estimator.steps[-1]
        inner = weight_parameter(last)
        return None if inner is None else f"{name}__{inner}"
    return None


def _final_step(estimator):
    while True:
        if isinstance(estimator, Pipeline):
            estimator = estimator.steps[-1][1]
        elif isinstance(estimator, _WRAPPERS):
            estimator = estimator.estimator
        else:
            return estimator
