"""Checks of what fitted partitioners say: they may be anybody's."""

import numpy as np


def check_labels(labels, X, partitioner, source):
    """Return one label for each row, or say which rule the partitioner broke.

    Parameters
    ----------
    labels : as the partitioner gave them
    X : rows
    partitioner : estimator
    source : str
        The attribute or method that the labels are from.
    """
    labels = np.asarray(labels)
    name = f"{source} of the partitioner {type(partitioner).__name__}"
    if labels.shape != (X.shape[0],):
        raise ValueError(
            f"{name} must give a label for each row, of shape ({X.shape[0]},). Got "
            f"shape {labels.shape}."
        )
    if labels.dtype.kind == "f" and np.isnan(labels).any():
        raise ValueError(f"{name} must not give NaN. The label of noise is -1.")
    return labels
