"""Scores by logistic regression with an L1 penalty."""

import numpy as np
from sklearn.linear_model import LogisticRegression

# C doubles at most so many times.
_MAX_DOUBLINGS = 10
# The intercept costs a thousandth of a coefficient: hardly anything.
_INTERCEPT_SCALING = 1000.0


def logistic_scores(columns, y, weights, *, classes, k, random_state):
    """Return the largest absolute coefficient of every feature.

    One regression for each class against the rest, one for two classes. C begins where
    all coefficients are 0 and doubles until `k` features have a coefficient in one of
    them, or no more will.

    Parameters
    ----------
    columns : Columns
    y : ndarray of shape (n_samples,)
    weights : ndarray of shape (n_samples,)
        Positive, sum 1.
    classes : ndarray of shape (n_classes,)
    k : int
    random_state : int

    Returns
    -------
    scores : ndarray of shape (n_features,)
    """
    positive = classes[1:] if len(classes) == 2 else classes
    sides = [y == label for label in positive]
    steepest = max(_steepest(columns, side, weights) for side in sides)
    scores = np.zeros(columns.X.shape[1])
    if steepest == 0:
        return scores
    wanted = min(k, np.isfinite(columns.scale).sum())
    for doubling in range(1, _MAX_DOUBLINGS + 1):
        model = LogisticRegression(
            C=2.0**doubling / steepest,
            l1_ratio=1.0,
            solver="liblinear",
            intercept_scaling=_INTERCEPT_SCALING,
            tol=1e-6,
            max_iter=200,
            random_state=random_state,
        )
        coefs = [
            model.fit(columns.X, side, sample_weight=weights).coef_[0] for side in sides
        ]
        scores = np.abs(coefs).max(axis=0)
        if np.count_nonzero(scores) >= wanted:
            break
    return scores


def _steepest(columns, side, weights):
    """Return the largest slope of the loss where all coefficients are 0."""
    force = weights * (side - weights @ side)
    return np.abs(columns.X.T @ force - columns.shift * force.sum()).max()
