"""What y is, for a loss: classes, or a quantity in a unit."""

from typing import NamedTuple

import numpy as np
from sklearn.utils.multiclass import type_of_target

from skexperts._validation import classes_of


class Target(NamedTuple):
    """What is known of y.

    Attributes
    ----------
    loss : {"log_loss", "squared_hinge", "squared_error"}
    classes : ndarray of shape (n_classes,), or None for a quantity
    mean, scale : float
        Of a quantity, else 0 and 1.
    """

    loss: str
    classes: np.ndarray | None
    mean: float = 0.0
    scale: float = 1.0

    @property
    def n_outputs(self) -> int:
        """Scores of a row."""
        binary = self.classes is not None and len(self.classes) == 2
        return 1 if self.classes is None or binary else len(self.classes)

    def encode(self, y, smoothing):
        """Return y as the loss wants it, of shape (n_samples, n_outputs).

        The log loss spreads a part of each class, the smoothing, over all of them.
        """
        if self.classes is None:
            return (y.astype(np.float64)[:, None] - self.mean) / self.scale
        labels = np.searchsorted(self.classes, y)
        own = np.arange(len(self.classes)) if self.n_outputs > 1 else np.ones(1)
        is_own = labels[:, None] == own
        if self.loss == "log_loss":
            return (1 - smoothing) * is_own + smoothing / len(self.classes)
        return np.where(is_own, 1.0, -1.0)


def target_of(y, weights, loss, classes=None) -> Target:
    """Return what y is.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
    weights : ndarray of shape (n_samples,), positive, or None
    loss : str
        "auto" is the squared error for a continuous y, else the log loss.
    classes : array-like or None
        All classes, where y may lack some.

    Raises
    ------
    ValueError
        For classes that cannot be used, or a quantity whose variance overflows.
    """
    if loss == "auto":
        quantity = type_of_target(y, input_name="y").startswith("continuous")
        loss = "squared_error" if quantity else "log_loss"
    if loss != "squared_error":
        return Target(loss, classes_of(y if classes is None else np.asarray(classes)))
    y = y.astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        mean = np.average(y, weights=weights)
        variance = np.average((y - mean) ** 2, weights=weights)
    if not np.isfinite(variance):
        raise ValueError(
            f"y has values up to {np.abs(y).max():.3g}, whose variance overflows "
            "float64. Scale y."
        )
    return Target(loss, None, float(mean), float(variance**0.5) or 1.0)
