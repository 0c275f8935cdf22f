"""Any model of experts as a list of experts, with coefficients and names of features.

A linear estimator that is no model of experts is one expert. A model at the end of a
pipeline is read there: its features are those that the last step sees. An expert that is
a pipeline has features of its own, those that *its* last step sees.
"""

from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import csr_array, issparse, vstack
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from skexperts.combine._base import BaseAlphaCombiner
from skexperts.ensemble._base import BasePartitionedExperts
from skexperts.ensemble._gated_base import BaseGatedExperts


class Expert(NamedTuple):
    """What can be read of one expert.

    Attributes
    ----------
    name : str
    estimator : fitted estimator, None for one that is only coefficients
    columns : ndarray or None
        Columns of X that it sees, None for all.
    front : fitted transformer or None
        The first steps, for an expert that is a pipeline.
    features : ndarray of shape (n_own_features,), object
        Names of the features that the coefficients belong to.
    coef : ndarray or CSR of shape (n_outputs, n_own_features), or None
        None for an expert that has no coefficients.
    intercept : ndarray of shape (n_outputs,) or None
    """

    name: str
    estimator: Any
    columns: np.ndarray | None
    front: Any
    features: np.ndarray
    coef: Any
    intercept: np.ndarray | None


def split_pipeline(model):
    """Take a fitted model apart into what transforms X and what predicts.

    Parameters
    ----------
    model : fitted estimator, a pipeline, a search or a frozen one included

    Returns
    -------
    front : fitted transformer or None
        The steps before the last one.
    last : fitted estimator

    Raises
    ------
    NotFittedError
        If the model is not fitted.
    """
    check_is_fitted(model)
    if isinstance(model, FrozenEstimator):
        return split_pipeline(model.estimator)
    if hasattr(model, "best_estimator_"):
        return split_pipeline(model.best_estimator_)
    if not isinstance(model, Pipeline):
        return None, model
    inner, last = split_pipeline(model.steps[-1][1])
    fronts = [front for front in (model[:-1], inner) if front is not None and len(front)]
    if len(fronts) == 2:
        return Pipeline([("first", fronts[0]), ("then", fronts[1])]), last
    return (fronts[0] if fronts else None), last


def input_names(front, last):
    """Return the names of the features that a model sees at the end of a pipeline.

    Parameters
    ----------
    front, last : see :func:`split_pipeline`

    Returns
    -------
    names : ndarray of shape (n_features,), object
        ``x0, x1, ...`` where X had none.
    """
    names = getattr(last, "feature_names_in_", None)
    if names is not None:
        return np.asarray(names, dtype=object)
    return _names_after(front, None, last.n_features_in_)


def read_experts(last, names):
    """Yield the experts of a model, one after the other.

    Parameters
    ----------
    last : fitted estimator, not a pipeline
    names : ndarray of shape (n_features,), object

    Yields
    ------
    expert : Expert
        For two classes the coefficients are those of the second, one output.

    Raises
    ------
    TypeError
        If ``last`` is neither a model of experts nor linear.
    """
    classes = getattr(last, "classes_", None)
    if isinstance(last, BaseGatedExperts):
        for k, (coef, intercept) in enumerate(
            zip(last.coef_, last.intercept_, strict=True)
        ):
            yield Expert(f"expert {k}", None, None, None, names, coef, intercept)
        if hasattr(last, "shared_coef_"):
            yield Expert(
                "shared",
                None,
                None,
                None,
                names,
                last.shared_coef_,
                last.shared_intercept_,
            )
    elif isinstance(last, BasePartitionedExperts):
        parts = zip(_cell_names(last), last.experts_, last._router.columns, strict=True)
        for name, estimator, columns in parts:
            yield _read(name, estimator, columns, names, classes)
    elif isinstance(last, BaseAlphaCombiner):
        for name, estimator in zip(last._names, last.estimators_, strict=True):
            yield _read(name, estimator, None, names, classes)
    else:
        expert = _read(type(last).__name__, last, None, names, classes)
        if expert.coef is None:
            raise TypeError(
                f"{type(last).__name__} is neither a model of experts nor a linear "
                "estimator with coef_ and intercept_. Pass one of PartitionedExperts*, "
                "GatedExperts* or AlphaCombiner*, a linear estimator, or a pipeline "
                "that ends in one."
            )
        yield expert


def feature_names(model):
    """Return the names of all features that experts have coefficients of.

    Parameters
    ----------
    model : fitted estimator

    Returns
    -------
    names : ndarray of shape (n_features,), object
        Those that the model sees, and then those that only experts see which are
        pipelines. ``x0, x1, ...`` where X had no names.
    """
    front, last = split_pipeline(model)
    names = input_names(front, last)
    return union([expert.features for expert in read_experts(last, names)], names)


def expert_coefficients(model):
    """Return the coefficients of all experts as one array.

    Parameters
    ----------
    model : fitted estimator

    Returns
    -------
    coef : ndarray of shape (n_experts, n_outputs, n_features), float64
        In the order of :func:`feature_names`. One output for two classes, else one for
        each class. Zero for a feature or class that an expert does not see, NaN for
        an expert that has no coefficients. A shared expert comes last.
    """
    front, last = split_pipeline(model)
    names = input_names(front, last)
    experts = list(read_experts(last, names))
    features = union([expert.features for expert in experts], names)
    place = {name: j for j, name in enumerate(features)}
    n_outputs = max(
        [len(expert.intercept) for expert in experts if expert.coef is not None],
        default=1,
    )
    coef = np.zeros((len(experts), n_outputs, len(features)))
    for k, expert in enumerate(experts):
        if expert.coef is None:
            coef[k] = np.nan
        else:
            own = [place[name] for name in expert.features]
            coef[k][:, own] = dense(expert.coef)
    return coef


def union(parts, names):
    """Return the names that are in any part, those of ``names`` first, in order."""
    seen = dict.fromkeys(np.concatenate(parts).tolist())
    if seen.keys() & set(names.tolist()):
        seen = dict.fromkeys([*names.tolist(), *seen])
    return np.array(list(seen), dtype=object)


def dense(coef):
    """Return coefficients as ndarray."""
    return coef.toarray() if issparse(coef) else coef


def _cell_names(model):
    segments = getattr(model.partitioner_, "segments_", None)
    names = []
    for cell in model.cells_:
        if cell < 0:
            names.append("unclaimed")
        else:
            names.append(f"cell {cell}" if segments is None else str(segments[cell]))
    return names


def _names_after(front, names, n_features):
    """Names of what a transformer gives."""
    if front is None:
        given = [f"x{j}" for j in range(n_features)] if names is None else names
        return np.asarray(given, dtype=object)
    try:
        return np.asarray(front.get_feature_names_out(names), dtype=object)
    except (AttributeError, ValueError):
        # A step that gives no names: by the convention of scikit-learn for such.
        prefix = type(front[-1]).__name__.lower()
        return np.array([f"{prefix}{j}" for j in range(n_features)], dtype=object)


def _read(name, estimator, columns, names, classes):
    """Read a fitted estimator as an expert on some columns."""
    front, final = split_pipeline(estimator)
    seen = names if columns is None else names[columns]
    n_own = getattr(final, "n_features_in_", len(seen))
    features = _names_after(front, seen, n_own)
    coef, intercept = _coefficients(final, classes, n_own)
    return Expert(name, estimator, columns, front, features, coef, intercept)


def _coefficients(final, classes, n_own):
    """Return coefficients and intercepts by output, or None and None."""
    if isinstance(final, DummyRegressor):
        intercept = np.ravel(final.constant_)
        return np.zeros((len(intercept), n_own)), intercept
    if isinstance(final, DummyClassifier):
        # A cell of one class has the margin 1 for it, and -1 for the others.
        intercept = np.where(np.isin(classes, final.classes_), 1.0, -1.0)
        return _outputs_of(classes, np.zeros((len(classes), n_own)), intercept)
    coef = getattr(final, "coef_", None)
    if coef is None or not hasattr(final, "intercept_"):
        return None, None
    coef = csr_array(np.atleast_2d(coef) if not issparse(coef) else coef)
    intercept = np.broadcast_to(np.ravel(final.intercept_), coef.shape[:1])
    if coef.shape[1] != n_own:
        return None, None
    if classes is None:
        return coef, intercept
    known = getattr(final, "classes_", ())
    one_against_one = hasattr(final, "support_vectors_") and len(known) > 2
    if len(known) == 2 and coef.shape[0] == 1:
        coef, intercept = vstack([-coef, coef]), np.append(-intercept, intercept)
    if one_against_one or coef.shape[0] != len(known):
        return None, None
    places = csr_array(
        (np.ones(len(known)), (np.searchsorted(classes, known), np.arange(len(known)))),
        shape=(len(classes), len(known)),
    )
    return _outputs_of(classes, places @ coef, places @ intercept)


def _outputs_of(classes, coef, intercept):
    """Leave out what the first of two classes says: the negative of the other."""
    if len(classes) == 2:
        return coef[1:], intercept[1:]
    return coef, intercept
