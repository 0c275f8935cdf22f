"""Fits of all estimators on all folds, as tasks of one parallel section."""

import numpy as np
from sklearn.base import clone
from sklearn.dummy import DummyClassifier
from sklearn.frozen import FrozenEstimator

from skexperts._callbacks import NO_TASK
from skexperts._experts import read_outputs, weight_parameter
from skexperts._parallel import run_tasks


def fit_estimators(
    named, X, y, sample_weight, splits, *, scale, classes, n_jobs, task=NO_TASK
):
    """Fit every estimator on every fold and on all rows.

    Parameters
    ----------
    named : list of (name, estimator)
        The estimators are cloned.
    X, y, sample_weight : the training rows; ``sample_weight`` may be None
    splits : list of (train, test)
    scale : {"probability", "margin", "value"}
    classes : ndarray of shape (n_classes,) or None
    n_jobs : int or None
    task : Task
        Of the whole fit.

    Returns
    -------
    fitted : list of n_estimators fitted estimators
        Fitted on all rows.
    outputs : ndarray of shape (n_estimators, n_tested, n_outputs), None without splits
        Outputs for the test rows of each fold, from a fit on its training rows.
    rows : ndarray of shape (n_tested,), None without splits
        The test rows of the folds, one fold after the other.
    """
    weight_names = [
        None if sample_weight is None else _weight_name(name, estimator)
        for name, estimator in named
    ]
    everything = [(np.arange(X.shape[0]), None), *splits]
    tasks = [
        (name, clone(estimator), weight_name, fold, train, test)
        for (name, estimator), weight_name in zip(named, weight_names, strict=True)
        for fold, (train, test) in enumerate(everything, start=-1)
    ]
    results = run_tasks(
        _fit_task,
        tasks,
        common=(X, y, sample_weight, scale, classes),
        costs=[len(train) for *_, train, _ in tasks],
        n_jobs=n_jobs,
        task=task.many("estimator", len(tasks)),
    )
    width = len(everything)
    fits = [results[start : start + width] for start in range(0, len(results), width)]
    fitted = [fit[0] for fit in fits]
    if not splits:
        return fitted, None, None
    outputs = np.stack([np.concatenate(fit[1:]) for fit in fits])
    return fitted, outputs, np.concatenate([test for _, test in splits])


def _weight_name(name, estimator):
    if isinstance(estimator, FrozenEstimator):
        return None
    weight_name = weight_parameter(estimator)
    if weight_name is None:
        raise ValueError(
            f"sample_weight was given, but fit of estimator {name!r} "
            f"({type(estimator).__name__}) takes no sample weights. Set it to 'drop', "
            "wrap a fitted one in FrozenEstimator, or leave sample_weight out."
        )
    return weight_name


def _fit_task(
    X,
    y,
    sample_weight,
    scale,
    classes,
    name,
    estimator,
    weight_name,
    fold,
    train,
    test,
    task,
):
    """Return the estimator fitted on all rows, or its outputs for the test rows."""
    frozen = isinstance(estimator, FrozenEstimator)
    if classes is not None and not frozen and np.unique(y[train]).size == 1:
        estimator, weight_name = DummyClassifier(strategy="most_frequent"), None
    weights = {} if weight_name is None else {weight_name: sample_weight[train]}
    try:
        X_train, y_train = X[train], y[train]
        with task.running(X_train, y_train, fits=estimator):
            estimator.fit(X_train, y_train, **weights)
        if test is None:
            return estimator
        if not test.size:
            return np.empty((0, 1 if classes is None else len(classes)))
        return read_outputs(estimator, X[test], scale=scale, classes=classes)
    except Exception as error:
        where = "the fit on all rows" if fold < 0 else f"fold {fold}"
        raise RuntimeError(
            f"Estimator {name!r} failed in {where} (n_rows={len(train)}): "
            f"{type(error).__name__}: {error}"
        ) from error
