"""Pictures of a routing: load, entropy, overlap, experts and classes."""

from functools import partial

import numpy as np
from sklearn.base import is_classifier
from sklearn.utils.validation import column_or_1d

from skexperts._sklearn import StrOptions, validate_parameter_constraints
from skexperts.inspection._plotting import matrix_size, new_axes
from skexperts.inspection._routing import read_routing
from skexperts.inspection._routing_kinds import (
    count_confusion,
    count_entropy,
    count_load,
    count_overlap,
    draw_confusion,
    draw_entropy,
    draw_load,
    draw_overlap,
)

_COUNT = {"load": count_load, "entropy": count_entropy, "overlap": count_overlap}
_DRAW = {
    "load": draw_load,
    "entropy": draw_entropy,
    "overlap": draw_overlap,
    "confusion": draw_confusion,
}


class RoutingDisplay:
    r"""How a model divides rows among its experts.

    With the routing weights :math:`g_{ik}` of n rows and K experts, as ``route`` gives
    them, the kinds of picture are

    - ``"load"``: the traffic of each expert, :math:`\sum_i g_{ik} / n`, in descending
      order, against equal shares :math:`1 / K`;
    - ``"entropy"``: a histogram over the rows of the number of experts consulted,
      :math:`\exp(-\sum_k g_{ik} \log g_{ik})`, from 1 to ``top_k``;
    - ``"overlap"``: for every two experts the share of rows that both serve,
      similar experts side by side;
    - ``"confusion"``: how many rows of each class have each expert as their first
      choice, experts of the same most frequent class together.

    Use :meth:`from_estimator` to make a display of a fitted model.

    Parameters
    ----------
    kind : {"load", "entropy", "overlap", "confusion"}
        The kind of picture.

    values : ndarray
        What is drawn, experts in the order of the model: traffic of shape (n_experts,),
        experts consulted of shape (n_samples,), shares of shape (n_experts, n_experts)
        with those of the rows each expert serves on the diagonal, or counts of shape
        (n_experts, n_classes).

    order : ndarray of shape (n_experts,)
        The order in which experts are drawn.

    expert_labels : list of str
        Names of the experts, in the order of the model.

    class_labels : list of str, default=None
        Names of the classes; for ``"confusion"`` only.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes drawn on.

    figure_ : matplotlib Figure
        The figure they are in.

    See Also
    --------
    ExpertMapDisplay : Where in the data the experts are.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.preprocessing import scale
    >>> from skexperts.ensemble import PartitionedExpertsClassifier
    >>> from skexperts.inspection import RoutingDisplay
    >>> X, y = load_wine(return_X_y=True)
    >>> X = scale(X)
    >>> model = PartitionedExpertsClassifier(n_experts=3, top_k=2, random_state=0)
    >>> display = RoutingDisplay.from_estimator(model.fit(X, y), X)
    >>> round(float(display.values.sum()), 6)
    1.0
    >>> display = RoutingDisplay.from_estimator(model, X, y, kind="confusion")
    >>> display.values.shape
    (3, 3)
    >>> plt.close("all")
    """

    def __init__(self, *, kind, values, order, expert_labels, class_labels=None):
        self.kind = kind
        self.values = values
        self.order = order
        self.expert_labels = expert_labels
        self.class_labels = class_labels

    def plot(self, ax=None, *, artist_kwargs=None):
        """Draw the picture.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a figure.

        artist_kwargs : dict, default=None
            Passed to ``Axes.bar`` for ``"load"``, ``Axes.hist`` for ``"entropy"``, else
            ``Axes.imshow``.

        Returns
        -------
        self : RoutingDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        ax = new_axes(self, ax, self._size())
        _DRAW[self.kind](self, ax, artist_kwargs or {})
        return self

    def _size(self):
        if self.values.ndim == 2:
            return matrix_size(*self.values.shape)
        n_bars = len(self.values) if self.kind == "load" else 20
        return np.clip(2.4 + 0.2 * n_bars, 4.2, 12.0), 3.6

    @classmethod
    def from_estimator(
        cls, model, X, y=None, *, kind="load", ax=None, artist_kwargs=None
    ):
        """Route rows by a fitted model and draw how they are divided.

        Parameters
        ----------
        model : fitted estimator
            Partitioned or gated experts, or a pipeline that ends with such a model.

        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows to route; a pipeline's first steps transform them.

        y : array-like of shape (n_samples,), default=None
            Classes of the rows, for ``"confusion"``; the other kinds do not read it.

        kind : {"load", "entropy", "overlap", "confusion"}, default="load"
            The kind of picture, see above.

        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a figure.

        artist_kwargs : dict, default=None
            Passed to ``Axes.bar`` for ``"load"``, ``Axes.hist`` for ``"entropy"``, else
            ``Axes.imshow``.

        Returns
        -------
        display : RoutingDisplay

        Raises
        ------
        ValueError
            For another kind, and for ``"confusion"`` without y or with a regressor.
        TypeError
            If the model does not route.
        NotFittedError
            If the model is not fitted.
        ImportError
            If matplotlib is not installed.
        """
        validate_parameter_constraints(
            {"kind": [StrOptions(set(_DRAW))]},
            {"kind": kind},
            caller_name=f"{cls.__name__}.from_estimator",
        )
        if kind == "confusion":
            classes, codes = _encode(model, y)
            count = partial(count_confusion, codes=codes, n_classes=len(classes))
        else:
            classes, count = None, _COUNT[kind]
        routed = read_routing(model, X, y if kind == "confusion" else None)
        values, order = count(routed.routing)
        display = cls(
            kind=kind,
            values=values,
            order=order,
            expert_labels=routed.expert_labels,
            class_labels=classes,
        )
        return display.plot(ax, artist_kwargs=artist_kwargs)


def _encode(model, y):
    """Return the classes of y as text, and the number of the class of each row."""
    if not is_classifier(model):
        raise ValueError(
            f"kind='confusion' counts the classes of rows, but {model!r} is no "
            "classifier. Use another kind."
        )
    if y is None:
        raise ValueError(
            "kind='confusion' counts the classes of rows, but y is None. Pass the "
            "classes of the rows of X."
        )
    classes, codes = np.unique(column_or_1d(y), return_inverse=True)
    return [str(label) for label in classes], codes
