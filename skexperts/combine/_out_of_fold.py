"""Fits of all estimators on all folds, as tasks of one parallel section."""

import numpy as np
from sklearn.base import clone
from sklearn.dummy import DummyClassifier
from sklearn.frozen import FrozenEstimator

from skexperts._callbacks import NO_TASK
from skexperts._experts import read_outputs, takes_weights, weight_parameter
from skexperts._metadata import NO_METADATA, sort_metadata
from skexperts._parallel import run_tasks


def metadata_of_fits(named, routed, sample_weight, n_rows):
    """Return what the fit of each estimator is given besides X and y.

    Parameters
    ----------
    named : list of (name, estimator)
    routed : mapping
        What :func:`skexperts._metadata.route_fit` says.
    sample_weight : ndarray of shape (n_rows,) or None
    n_rows : int

    Returns
    -------
    metadata : list of Metadata
    """
    metadata = []
    for name, estimator in named:
        asked = routed[name]["fit"] if routed else {}
        if sample_weight is not None:
            if not takes_weights(estimator):
                raise ValueError(
                    f"sample_weight was given, but fit of estimator {name!r} "
                    f"({type(estimator).__name__}) takes no sample weights. Set it to "
                    "'drop', wrap a fitted one in FrozenEstimator, or leave "
                    "sample_weight out."
                )
            weight_name = weight_parameter(estimator)
            if not routed and weight_name is not None:
                asked = {weight_name: sample_weight}
        metadata.append(sort_metadata(asked, n_rows))
    return metadata


def fit_estimators(
    named, metadata, X, y, splits, *, scale, classes, n_jobs, task=NO_TASK
):
    """Fit every estimator on every fold and on all rows.

    Parameters
    ----------
    named : list of (name, estimator)
        The estimators are cloned.
    metadata : list of Metadata
        Of the training rows, for the fits of each estimator.
    X, y : the training rows
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
    everything = [(np.arange(X.shape[0]), None), *splits]
    tasks = [
        (name, clone(estimator), of_fit, fold, train, test)
        for (name, estimator), of_fit in zip(named, metadata, strict=True)
        for fold, (train, test) in enumerate(everything, start=-1)
    ]
    results = run_tasks(
        _fit_task,
        tasks,
        common=(X, y, scale, classes),
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


def _fit_task(X, y, scale, classes, name, estimator, metadata, fold, train, test, task):
    """Return the estimator fitted on all rows, or its outputs for the test rows."""
    frozen = isinstance(estimator, FrozenEstimator)
    if classes is not None and not frozen and np.unique(y[train]).size == 1:
        estimator, metadata = DummyClassifier(strategy="most_frequent"), NO_METADATA
    parameters = metadata.take(train).parameters()
    try:
        X_train, y_train = X[train], y[train]
        with task.running(X_train, y_train, fits=estimator):
            estimator.fit(X_train, y_train, **parameters)
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
