"""Linear experts of an ensemble as one stack."""

import numpy as np
from scipy.sparse import issparse
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import (
    ElasticNet,
    ElasticNetCV,
    Lasso,
    LassoCV,
    LinearRegression,
    Ridge,
    RidgeCV,
    SGDRegressor,
)
from sklearn.svm import LinearSVC, LinearSVR

from skexperts._numeric.linear_experts import LinearExpert, stack_experts
from skexperts.svm import L1SVC, L1SVCCV, L1SVR, L1SVRCV

# Their outputs are ``X @ coef_.T + intercept_``. Subclasses may do something else.
_CLASSIFIERS = (L1SVC, L1SVCCV, LinearSVC)
_REGRESSORS = (
    ElasticNet,
    ElasticNetCV,
    L1SVR,
    L1SVRCV,
    Lasso,
    LassoCV,
    LinearRegression,
    LinearSVR,
    Ridge,
    RidgeCV,
    SGDRegressor,
)


def stack_linear(experts, columns, n_features, n_outputs, *, scale, classes):
    """Stack experts if all of several are linear, else return None.

    One expert alone answers itself: its predictions are then exactly its own.

    Parameters
    ----------
    experts : list of fitted estimators
    columns : list of ndarray or None
        Columns of X that each expert sees.
    n_features, n_outputs : int
    scale : {"margin", "probability", "value"}
        On which the experts are read. Probabilities are not linear.
    classes : ndarray of shape (n_classes,) or None

    Returns
    -------
    stack : LinearExperts or None
    """
    if scale == "probability" or len(experts) == 1:
        return None
    parts = []
    for expert, own in zip(experts, columns, strict=True):
        part = _linear(expert, own, n_features, classes)
        if part is None:
            return None
        parts.append(part)
    return stack_experts(parts, n_features, n_outputs)


def stack_of(model, n_features):
    """Return the stack of the experts of a fitted model, or None.

    Parameters
    ----------
    model : PartitionedExpertsClassifier or PartitionedExpertsRegressor
    n_features : int
        Number of columns of X.
    """
    return stack_linear(
        model.experts_,
        model._router.columns,
        n_features,
        model._n_outputs,
        scale=model._scale,
        classes=getattr(model, "classes_", None),
    )


def _linear(expert, columns, n_features, classes):
    n_columns = n_features if columns is None else len(columns)
    if classes is None:
        if type(expert) not in _REGRESSORS:
            return None
        coef = expert.coef_ if expert.coef_.ndim == 2 else expert.coef_.reshape(1, -1)
        outputs = np.arange(len(coef))
    elif type(expert) is DummyClassifier:
        # A cell of one class: probability 1, margin 1, and -1 for the others.
        margins = np.where(np.isin(classes, expert.classes_), 1.0, -1.0)
        coef = np.zeros((len(classes), n_columns))
        return LinearExpert(coef, margins, columns, np.arange(len(classes)))
    elif type(expert) in _CLASSIFIERS:
        coef, outputs = expert.coef_, np.searchsorted(classes, expert.classes_)
    else:
        return None
    intercept = np.atleast_1d(expert.intercept_)
    if classes is not None and len(outputs) == 2:
        if issparse(coef):
            return None
        coef, intercept = np.vstack([-coef, coef]), np.append(-intercept, intercept)
    fits = coef.shape == (len(outputs), n_columns) and np.isfinite(intercept).all()
    return LinearExpert(coef, intercept, columns, outputs) if fits else None
