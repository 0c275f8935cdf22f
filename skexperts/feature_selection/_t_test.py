"""Scores by t statistics."""

import numpy as np

from skexperts._numeric.t_test import correlation_t, welch_t


def t_test_scores(X, y, weights, *, classes):
    """Return the largest absolute t statistic of every feature.

    Parameters
    ----------
    X : ndarray or canonical CSR of shape (n_samples, n_features)
    y : ndarray of shape (n_samples,)
    weights : ndarray of shape (n_samples,)
        Positive; they count repetitions.
    classes : ndarray of shape (n_classes,) or None
        None means that y is a quantity.

    Returns
    -------
    scores : ndarray of shape (n_features,), from 0 to infinity
        NaN where variances overflow.

    Raises
    ------
    ValueError
        If there are too few rows for any statistic.
    """
    total = weights.sum()
    if classes is None:
        if total <= 2:
            raise ValueError(
                "the t statistic of a correlation needs more than 2 rows, but the sum "
                f"of sample_weight is {total:g}. A weight counts repetitions of a row: "
                "scale the weights up."
            )
        return np.abs(correlation_t(X, y, weights))
    t = np.abs(welch_t(X, np.searchsorted(classes, y), weights))
    if not len(t):
        raise ValueError(
            "the t-test needs a class of more than one row among rows of other "
            "classes, but none has a sum of sample_weight above 1. Give more rows of "
            "each class; a weight counts repetitions of a row: scale small ones up."
        )
    return t.max(axis=0)


def relevance(X, y, weights, *, classes):
    """Return how strongly every feature is tied to y, from 0 to 1.

    A t statistic as the correlation that would have it.

    Parameters
    ----------
    X, y, weights, classes : as above

    Returns
    -------
    relevance : ndarray of shape (n_features,)
    """
    t = t_test_scores(X, y, weights, classes=classes)
    with np.errstate(divide="ignore"):
        return 1 / np.hypot(1, np.sqrt(weights.sum()) / t)
