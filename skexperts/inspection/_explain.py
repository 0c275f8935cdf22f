"""Why a model answers what it does for one row."""

from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import issparse
from sklearn.base import is_classifier

from skexperts._rows import is_frame, take_columns
from skexperts._validation import as_matrix, validate_predict
from skexperts.combine._base import BaseAlphaCombiner
from skexperts.ensemble._base import BasePartitionedExperts
from skexperts.ensemble._gated_base import BaseGatedExperts
from skexperts.inspection._explanation import Explanation
from skexperts.inspection._model import (
    dense,
    input_names,
    read_experts,
    split_pipeline,
    union,
)

# Rounding errors of linear functions, in units of the last place of their terms.
_ROUNDING = 1000


class _Consulted(NamedTuple):
    """Experts that a row is routed to.

    ``X`` is the row as the experts get it, ``outputs`` what they say of it.
    """

    X: Any
    numbers: np.ndarray
    weights: np.ndarray
    outputs: np.ndarray


def explain(model, x, *, feature_names=None):
    """Take the answer of a model for one row apart.

    The answer, the decision function of a classifier or the prediction of a regressor,
    is a sum over the experts that the row is routed to. An expert that is linear is
    itself a sum over the features::

        F_c(x) = sum_k g_k(x) (sum_j w_kcj x_j + b_kc)

    and every term ``g_k(x) w_kcj x_j`` is given.

    Parameters
    ----------
    model : fitted estimator
        One of ``PartitionedExperts*``, ``GatedExperts*`` or ``AlphaCombiner*``, a
        linear estimator, or a pipeline (a search) that ends in one.

    x : array-like or sparse matrix of shape (n_features,) or (1, n_features), or str
        One row, also of a frame, or a Series; or one text, if the model begins with
        what reads texts.

    feature_names : array-like of shape (n_features,), default=None
        Names of the features that the last step of the model sees. None takes
        ``feature_names_in_``, or what the steps before give, or ``x0, x1, ...``.

    Returns
    -------
    explanation : Explanation
        The experts, their weights and all terms. ``str(explanation)`` can be read,
        ``explanation.to_frame()`` is a table.

    Raises
    ------
    ValueError
        If ``x`` is not one row, or one that the model cannot read.
    TypeError
        If the model is of another kind.
    NotFittedError
        If the model is not fitted.

    Notes
    -----
    The terms add up to the answer up to rounding: to 1e-12 of the sum of their absolute
    values if the model computes in float64. Gated experts compute in float32, and so do
    many others that were fitted on float32.

    What is not linear is not split. An expert read by probability or vote gives one
    number for each class: probabilities are no sums over features, also not those of
    logistic regression, which is linear in its log-odds. A margin of a class that an
    expert has never seen is one number, too. A linear function is recognised by its
    answer: it must be ``coef_ @ x + intercept_`` for this row.

    An expert that is a pipeline is linear in the features that its last step sees, and
    is given in these.

    For two classes there is one output, the second class. With a combiner the weights
    are those of the gate times alpha, normalised. ``AlphaCombinerClassifier`` with the
    log loss has no decision function: its answer is ``predict_proba``; its weights are
    alpha, with the squared hinge times ``scale_``. The shared expert of gated experts
    has weight 1.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from skexperts.ensemble import PartitionedExpertsRegressor
    >>> from skexperts.inspection import explain
    >>> from skexperts.svm import L1SVR
    >>> X, y = load_diabetes(return_X_y=True, scaled=False)
    >>> model = PartitionedExpertsRegressor(L1SVR(C=1e-3), n_experts=2, random_state=0)
    >>> explanation = explain(model.fit(X, y), X[0])
    >>> explanation.contributions.shape
    (2, 1, 10)
    >>> total = (
    ...     explanation.contributions.sum()
    ...     + explanation.intercepts.sum()
    ...     + explanation.rest.sum()
    ... )
    >>> bool(abs(total - model.predict(X[:1])[0]) < 1e-9)
    True
    """
    front, last = split_pipeline(model)
    names = input_names(front, last, feature_names)
    all_experts = list(read_experts(last, names))
    X = _one_row(x, front)
    X = X if front is None else front.transform(X)
    method, value = _answer(last, X)
    consulted = _consult(last, X, value)
    experts = [all_experts[number] for number in consulted.numbers]
    parts = [
        _split(expert, consulted.X, output)
        for expert, output in zip(experts, consulted.outputs, strict=True)
    ]
    features = union([part[0] for part in parts], _names_of(consulted.X, names))
    place = {name: j for j, name in enumerate(features)}
    shape = consulted.outputs.shape
    contributions = np.zeros((*shape, len(features)))
    intercepts, linear = np.zeros(shape), np.zeros(shape, dtype=bool)
    for k, (own, terms, intercept, split) in enumerate(parts):
        contributions[k][:, [place[name] for name in own]] = terms
        intercepts[k], linear[k] = intercept, split
    weights = consulted.weights[:, None]
    classes = getattr(last, "classes_", np.arange(len(value)))
    return Explanation(
        method,
        np.asarray(classes[-len(value) :], dtype=object),
        value,
        consulted.numbers,
        np.array([expert.name for expert in experts], dtype=object),
        consulted.weights,
        features,
        contributions * weights[..., None],
        intercepts * weights,
        np.where(linear, 0.0, consulted.outputs * weights),
        linear,
    )


def _one_row(x, front):
    """Return x with two dimensions, or a list of one text."""
    if isinstance(x, str):
        return [x]
    # What reads texts counts no features.
    reads_texts = front is not None and not hasattr(front, "n_features_in_")
    if reads_texts and np.shape(x) == (1,) and not issparse(x):
        (only,) = x
        if isinstance(only, str):
            return [only]
    if hasattr(x, "to_frame") and hasattr(x, "infer_objects"):
        # A row of a pandas frame: its index has the names of the columns.
        return x.to_frame().T.infer_objects()
    if not issparse(x) and not is_frame(x):
        x = np.asarray(x)
    if len(x.shape) == 1:
        x = x.reshape(1, -1)
    if len(x.shape) != 2 or x.shape[0] != 1:
        raise ValueError(
            f"explain takes one row, of shape (n_features,) or (1, n_features). Got "
            f"shape {x.shape}. Pass X[i], or X.iloc[[i]] of a frame."
        )
    return x.tocsr() if issparse(x) else x


def _answer(last, X):
    """Return which method answers, and its answer of shape (n_outputs,)."""
    if not is_classifier(last):
        return "predict", np.ravel(last.predict(X))
    if hasattr(last, "decision_function"):
        return "decision_function", np.ravel(last.decision_function(X))
    return "predict_proba", _of_second(last.predict_proba(X))[0]


def _of_second(outputs):
    """Of two classes keep the second."""
    return outputs[:, 1:] if outputs.shape[1] == 2 else outputs


def _consult(last, X, value):
    """Return the experts that serve a row."""
    if isinstance(last, BaseAlphaCombiner):
        X = validate_predict(last, X, dtype=last._dtype)
        numbers = np.flatnonzero(last.alpha_)
        outputs = np.vstack([last._outputs(k, X) for k in numbers])
        if is_classifier(last):
            if last._scale == "margin" and outputs.shape[1] == 2:
                outputs = (outputs[:, 1:] - outputs[:, :1]) / 2.0
            outputs = _of_second(outputs)
        return _Consulted(X, numbers, last.scale_ * last.alpha_[numbers], outputs)
    if not isinstance(last, BasePartitionedExperts | BaseGatedExperts):
        X = X if is_frame(X) else as_matrix(X)
        return _Consulted(X, np.array([0]), np.ones(1), value[None])
    routing, outputs = last.route(X), last.expert_outputs(X)
    X = last._validate_new(X)
    numbers, weights = routing.indices.astype(np.intp), routing.data
    if isinstance(last, BasePartitionedExperts):
        if last._scale == "probability":
            outputs = 2.0 * outputs - 1.0
        if is_classifier(last):
            outputs = _of_second(outputs)
    served = weights > 0
    numbers, weights, outputs = numbers[served], weights[served], outputs[served]
    if hasattr(last, "shared_coef_"):
        shared = _products(X, last.shared_coef_)[1].sum(axis=1) + last.shared_intercept_
        numbers = np.append(numbers, last.n_experts_)
        weights, outputs = np.append(weights, 1.0), np.vstack([outputs, shared])
    return _Consulted(X, numbers, weights, outputs)


def _split(expert, X, output):
    """Split what an expert says of a row into terms.

    Returns
    -------
    features : ndarray of shape (n_own_features,)
    terms : ndarray of shape (n_outputs, n_own_features)
    intercept, linear : ndarrays of shape (n_outputs,)
        Terms and intercept are 0 where the output is not linear.
    """
    if expert.coef is None or expert.coef.shape[0] != len(output):
        none = np.zeros((len(output), 0))
        return expert.features[:0], none, none.sum(axis=1), none.any(axis=1)
    row = take_columns(X, expert.columns)
    row = as_matrix(row if expert.front is None else expert.front.transform(row))
    stored, terms = _products(row, expert.coef)
    size = np.abs(terms).sum(axis=1) + np.abs(expert.intercept) + np.abs(output)
    eps = max(np.finfo(row.dtype).eps, np.finfo(expert.coef.dtype).eps)
    error = np.abs(terms.sum(axis=1) + expert.intercept - output)
    # Gated experts have no estimator: they are their coefficients.
    linear = (error <= _ROUNDING * eps * size) | (expert.estimator is None)
    terms[~linear] = 0.0
    return expert.features[stored], terms, np.where(linear, expert.intercept, 0), linear


def _products(row, coef):
    """Return which features a row has, and coefficient times feature, in float64."""
    stored = row.indices if issparse(row) else np.arange(row.shape[1])
    values = row.data if issparse(row) else row[0]
    return stored, dense(coef[:, stored]).astype(np.float64) * values


def _names_of(X, names):
    return names[X.indices] if issparse(X) else names
