"""Rows and their targets for a loss: classes, or a quantity in a unit."""

from typing import NamedTuple

import numpy as np
from sklearn.utils.multiclass import type_of_target

from skexperts._validation import (
    add_class_weights,
    check_classes,
    classes_of,
    drop_weightless,
    validate_fit,
    validate_sample_weight,
)
from skexperts.decomposition._train import Rows


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
            return (y[:, None] - self.mean) / self.scale
        labels = np.searchsorted(self.classes, y)
        own = np.arange(len(self.classes)) if self.n_outputs > 1 else np.ones(1)
        is_own = labels[:, None] == own
        if self.loss == "log_loss":
            return (1 - smoothing) * is_own + smoothing / len(self.classes)
        return np.where(is_own, 1.0, -1.0)


def rows_of_task(coder, X, y, sample_weight, *, reset=True, classes=None):
    """Return what y is, and the rows of positive weight.

    Parameters
    ----------
    coder : TaskDrivenSparseCoder
    X, y, sample_weight : as given by the user
    reset : bool
        Whether y says what it is, or the attributes of the coder do.
    classes : as given by the user

    Returns
    -------
    target : Target
    rows : Rows
    """
    dtype = {} if reset else {"dtype": coder.components_.dtype}
    X, y = validate_fit(coder, X, y, reset=reset, **dtype)
    weights = validate_sample_weight(sample_weight, X)
    weights, X, y = drop_weightless(weights, X, y)
    loss = _loss_of(y, coder.loss) if reset else coder.loss_
    if loss == "squared_error":
        y = _as_quantity(y)
    if reset:
        target = _target_of(y, weights, loss, classes)
    else:
        known = getattr(coder, "classes_", None)
        target = Target(loss, known, coder._mean, coder._scale)
    if target.classes is not None:
        check_classes(target.classes, y, classes, coder.class_weight)
        weights = add_class_weights(coder.class_weight, target.classes, y, weights)
        weights, X, y = drop_weightless(weights, X, y)
    elif coder.class_weight is not None or classes is not None:
        raise ValueError(
            "squared_error is a loss for a quantity, which has no classes: leave "
            'class_weight and classes out, or set loss="log_loss".'
        )
    weights = np.ones(len(y)) if weights is None else weights
    return target, Rows(X, target.encode(y, coder.label_smoothing), weights)


def _loss_of(y, loss) -> str:
    """Return the loss; for "auto" that of a quantity if y is continuous."""
    if loss != "auto":
        return loss
    with np.errstate(invalid="ignore"):  # values that no whole number holds
        kind = type_of_target(y, input_name="y")
    return "squared_error" if kind.startswith("continuous") else "log_loss"


def _as_quantity(y):
    """Return y as float64, or raise a ValueError."""
    try:
        quantity = y.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"y has entries that are no numbers ({error}), but squared_error is a loss "
            'for a quantity: set loss="log_loss" for classes.'
        ) from error
    if not np.isfinite(quantity).all():
        raise ValueError("y has missing or infinite values. Leave those rows out.")
    return quantity


def _target_of(y, weights, loss, classes) -> Target:
    """Return what y is."""
    if loss != "squared_error":
        return Target(loss, classes_of(y if classes is None else np.asarray(classes)))
    if (y == y[0]).all():
        # Its mean may be another number, by the last bit.
        return Target(loss, None, float(y[0]))
    with np.errstate(over="ignore", invalid="ignore"):
        mean = np.average(y, weights=weights)
        variance = np.average((y - mean) ** 2, weights=weights)
    if not np.isfinite(variance):
        raise ValueError(
            f"y has values up to {np.abs(y).max():.3g}, whose variance overflows "
            "float64. Scale y."
        )
    return Target(loss, None, float(mean), float(variance**0.5) or 1.0)
