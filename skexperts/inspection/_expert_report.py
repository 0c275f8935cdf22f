"""One row for each expert of a model."""

from numbers import Integral

import numpy as np
from scipy.sparse import csr_array
from sklearn.base import is_classifier
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils.extmath import safe_sparse_dot
from sklearn.utils.validation import check_consistent_length

from skexperts._rows import take_columns
from skexperts._sklearn import Interval, StrOptions, validate_parameter_constraints
from skexperts._validation import validate_predict
from skexperts.combine._base import BaseAlphaCombiner
from skexperts.ensemble._base import BasePartitionedExperts
from skexperts.ensemble._gated_base import BaseGatedExperts
from skexperts.inspection._model import (
    dense,
    input_names,
    read_experts,
    split_pipeline,
)
from skexperts.inspection._text import pandas_frame, signed_names, text_table

_CONSTRAINTS = {
    "n_top": [Interval(Integral, 1, None, closed="left")],
    "output": [StrOptions({"frame", "text"})],
}


def expert_report(model, X, y, *, n_top=5, feature_names=None, output="frame"):
    """Describe every expert of a model, and score it on new data.

    The cell of an expert is here the rows of X whose first choice it is: those that no
    other serves with a larger weight. An expert that is better in its cell than outside
    has found something there; one that is as good outside has not.

    Parameters
    ----------
    model : fitted estimator
        One of ``PartitionedExperts*``, ``GatedExperts*`` or ``AlphaCombiner*``, a
        linear estimator, or a pipeline (a search) that ends in one.

    X : {array-like, sparse matrix} of shape (n_samples, n_features)
        Rows that the model was not fitted on.

    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Their labels or values.

    n_top : int, default=5
        How many features to name.

    feature_names : array-like of shape (n_features,), default=None
        Names of the features that the last step of the model sees. None takes
        ``feature_names_in_``, or what the steps before give, or ``x0, x1, ...``.

    output : {"frame", "text"}, default="frame"
        Whether to return a pandas DataFrame, or a table as text, without pandas.

    Returns
    -------
    report : DataFrame or str
        One row for each expert, named ``expert``: after its segment if cells have
        names, else after its cell, its number, or as it was named. The columns are

        - ``n_train``: training rows routed to it;
        - ``n_rows``: rows of X in its cell;
        - ``traffic``: its share in the routing weights of X;
        - ``n_nonzero``: its coefficients that are not 0;
        - ``score_in``, ``score_out``: accuracy or R^2 of this expert alone on the rows
          of X in its cell, and on the others;
        - ``top_features``: the features of the largest absolute coefficients, with
          their signs;
        - ``n_deviations``, ``top_deviations``: the same for its differences from the
          shared model;
        - ``fit_time``: seconds;
        - ``state``: of its cell, as in ``fit_report_``.

        What is not known, or not defined, is NaN or None.

    Raises
    ------
    ValueError
        If X, y or a parameter cannot be used.
    TypeError
        If the model is of another kind.
    NotFittedError
        If the model is not fitted.
    ImportError
        For ``output="frame"`` without pandas.

    Notes
    -----
    Coefficients compare as features do: scale X. For more than two classes, or several
    outputs, a feature is named with the one for which its coefficient is the largest.
    An expert that is not linear has neither coefficients nor top features. An expert
    that is a pipeline is described by the features that its last step sees.

    Differences are those of ``sharing="deviation"``; of gated experts with
    ``shared=True``, where an expert alone is the sum of its coefficients and the shared
    ones, ``shared_coef_``: with ``n_estimators`` above 1 these are means. Of the
    estimators of a combiner each one serves all rows, by alpha.

    R^2 needs two rows.

    Examples
    --------
    >>> from skexperts.datasets import make_piecewise_classification
    >>> from skexperts.ensemble import PartitionedExpertsClassifier
    >>> from skexperts.inspection import expert_report
    >>> X, y = make_piecewise_classification(n_regions=3, random_state=0)
    >>> model = PartitionedExpertsClassifier(n_experts=3, random_state=0)
    >>> model = model.fit(X[:800], y[:800])
    >>> report = expert_report(model, X[800:], y[800:])
    >>> report.loc["cell 0", ["n_rows", "score_in", "score_out"]].round(3).tolist()
    [66.0, 0.97, 0.478]
    >>> report.loc["cell 0", "top_features"]
    '-x0, -x5, -x19, +x16, +x2'
    """
    validate_parameter_constraints(
        _CONSTRAINTS, {"n_top": n_top, "output": output}, caller_name="expert_report"
    )
    if y is None:
        raise ValueError(
            "expert_report scores every expert on the rows of X, but y is None. Pass "
            "their labels or values."
        )
    front, last = split_pipeline(model)
    names = input_names(front, last, feature_names)
    X = X if front is None else front.transform(X)
    check_consistent_length(X, y)
    columns = _report(last, X, np.asarray(y), names, n_top)
    return text_table(columns) if output == "text" else pandas_frame(columns, "expert")


def _report(last, X, y, names, n_top):
    """Return the columns of the report, one entry for each expert."""
    experts = list(read_experts(last, names))
    shared = None
    if hasattr(last, "shared_coef_"):
        shared = experts.pop()
    X, traffic, cells = _serve(last, X, len(experts))
    classes = getattr(last, "classes_", None)
    rows = []
    for k, expert in enumerate(experts):
        deviation = _deviation(last, expert, k)
        if shared is not None:
            expert = expert._replace(
                coef=expert.coef + shared.coef,
                intercept=expert.intercept + shared.intercept,
            )
        inside = np.zeros(len(y), dtype=bool)
        inside[cells[k]] = True
        predicted = _predict(last, expert, X)
        n_nonzero, top_features = _largest(expert.coef, expert, classes, n_top)
        n_deviations, top_deviations = _largest(deviation, expert, classes, n_top)
        rows.append(
            {
                "expert": expert.name,
                "n_rows": np.count_nonzero(inside),
                "traffic": traffic[k],
                "n_nonzero": n_nonzero,
                "score_in": _score(y, predicted, inside, classes),
                "score_out": _score(y, predicted, ~inside, classes),
                "top_features": top_features,
                "n_deviations": n_deviations,
                "top_deviations": top_deviations,
            }
        )
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    n_train, fit_time, state = _of_fit(last, len(experts))
    return {
        "expert": columns.pop("expert"),
        "n_train": n_train,
        **columns,
        "fit_time": fit_time,
        "state": state,
    }


def _serve(last, X, n_experts):
    """Return X as the experts get it, their traffic, and the rows of their cells."""
    if isinstance(last, BasePartitionedExperts | BaseGatedExperts):
        routing = csr_array(last.route(X))
        n_rows = routing.shape[0]
        traffic = routing.sum(axis=0) / n_rows
        largest = np.maximum.reduceat(routing.data, routing.indptr[:-1])
        rows = np.repeat(np.arange(n_rows), np.diff(routing.indptr))
        first = routing.data == largest[rows]
        numbers, rows = routing.indices[first], rows[first]
        cells = [rows[numbers == k] for k in range(n_experts)]
        return last._validate_new(X), traffic, cells
    cells = [slice(None)] * n_experts
    if isinstance(last, BaseAlphaCombiner):
        return validate_predict(last, X, dtype=last._dtype), last.alpha_, cells
    return X, np.ones(n_experts), cells


def _predict(last, expert, X):
    """Return what an expert alone predicts for all rows."""
    if expert.estimator is not None:
        return expert.estimator.predict(take_columns(X, expert.columns))
    values = safe_sparse_dot(X, expert.coef.T, dense_output=True) + expert.intercept
    if not is_classifier(last):
        return values
    if values.shape[1] == 1:
        return last.classes_[(values[:, 0] > 0).astype(np.intp)]
    return last.classes_[values.argmax(axis=1)]


def _deviation(last, expert, k):
    """Return by how much the coefficients of expert k differ from the shared ones."""
    if hasattr(last, "shared_coef_"):
        return expert.coef
    deviation = getattr(last, "deviation_", ())
    return deviation[k] if k < len(deviation) else None


def _largest(coef, expert, classes, n_top):
    """Return how many coefficients are not 0, and the names of the largest."""
    if coef is None:
        return np.nan, None
    coef = dense(coef)
    best = np.abs(coef).argmax(axis=0)
    values = coef[best, np.arange(coef.shape[1])]
    outputs = np.arange(len(coef)) if classes is None else classes
    of = None if len(coef) == 1 else outputs[best]
    names = signed_names(values, expert.features, n_top=n_top, of=of)
    return np.count_nonzero(coef), names


def _score(y, predicted, rows, classes):
    """Return accuracy or R^2 on some rows, NaN if it is not defined."""
    if np.count_nonzero(rows) < (2 if classes is None else 1):
        return np.nan
    score = r2_score if classes is None else accuracy_score
    return score(y[rows], predicted[rows])


def _of_fit(last, n_experts):
    """Return training rows, seconds and states of the experts, from fit_report_."""
    unknown = np.full(n_experts, np.nan)
    report = getattr(last, "fit_report_", None)
    if report is None:
        return unknown, unknown, np.full(n_experts, "fitted", dtype=object)
    if isinstance(last, BasePartitionedExperts):
        # As an index, -1 is the last entry: that of the rows that no cell claims.
        cells = last.cells_
        return tuple(report[name][cells] for name in ("n_routed", "fit_time", "state"))
    usage = report["n_routed"]
    return usage, unknown, np.where(usage > 0, "fitted", "unused").astype(object)
