"""Outputs of different estimators on one scale, so that they can be averaged."""

import numpy as np

from skexperts._experts import output_kind, read_outputs
from skexperts._numeric.links import squared_hinge_probabilities

# Squares and their sums stay far from overflow below this size.
_LARGEST = 1e100


def scaled_outputs(estimator, X, *, scale, classes):
    """Return what a fitted estimator says, on the scale asked for.

    =================  ==========================  ===================
    the estimator has  ``scale="probability"``     ``scale="margin"``
    =================  ==========================  ===================
    margins f          squared-hinge link of f     f
    probabilities p    p                           2 p - 1
    votes v in {0, 1}  v                           2 v - 1
    =================  ==========================  ===================

    Parameters
    ----------
    estimator : fitted estimator
    X : ndarray or CSR of shape (n_samples, n_features)
    scale : {"probability", "margin", "value"}
    classes : ndarray of shape (n_classes,), sorted; None for ``"value"``

    Returns
    -------
    outputs : ndarray of shape (n_samples, n_outputs)
        One column per class, or one value.

    Raises
    ------
    ValueError
        If the estimator knows a class that is not in ``classes``.
    """
    kind = output_kind(estimator)
    outputs = read_outputs(estimator, X, kind=kind, classes=classes)
    if scale == "probability" and kind == "margin":
        return squared_hinge_probabilities(outputs)
    if scale == "margin" and kind != "margin":
        return 2.0 * outputs - 1.0
    return outputs


def check_outputs(name, estimator, outputs):
    """Raise a ValueError that names the estimator unless all outputs can be squared."""
    if not (np.abs(outputs) < _LARGEST).all():
        raise ValueError(
            f"Estimator {name!r} ({type(estimator).__name__}) gave outputs that are "
            f"NaN, infinite or larger than {_LARGEST:g}. Scale X and y, regularise the "
            "estimator more strongly or drop it."
        )
