"""A heat map of the coefficients of linear experts."""

from numbers import Integral

import numpy as np

from skexperts._sklearn import Interval, StrOptions, validate_parameter_constraints
from skexperts.inspection._model import (
    dense,
    expert_coefficients,
    feature_names,
    input_names,
    read_experts,
    split_pipeline,
)
from skexperts.inspection._plotting import draw_matrix, matrix_size, new_axes
from skexperts.inspection._routing import expert_labels

# The quantile at which colours end: few coefficients are far larger than the others.
_END = 0.99


class CoefficientDisplay:
    r"""Heat map of the coefficients of linear experts, features by experts.

    Features are sorted by their use: the number of experts in which the coefficient is
    not zero, then the sum of absolute values. Exact zeros stay blank.

    Use :meth:`from_estimator` to make a display of a fitted model.

    Parameters
    ----------
    values : ndarray of shape (n_shown, n_experts)
        The coefficients, or their mean absolute values over the classes; NaN for an
        expert that has none.

    features : ndarray of shape (n_shown,)
        Numbers of the features, most used first.

    feature_labels : list of str
        Names of these features.

    expert_labels : list of str
        Names of the experts.

    quantity : str
        What the values are, beside the colour bar.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes drawn on.

    figure_ : matplotlib Figure
        The figure they are in.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from skexperts.datasets import make_piecewise_regression
    >>> from skexperts.ensemble import PartitionedExpertsRegressor
    >>> from skexperts.inspection import CoefficientDisplay
    >>> X, y = make_piecewise_regression(n_samples=500, random_state=0)
    >>> model = PartitionedExpertsRegressor(n_experts=4, random_state=0).fit(X, y)
    >>> display = CoefficientDisplay.from_estimator(model, max_features=5)
    >>> display.values.shape
    (5, 4)
    >>> plt.close("all")
    """

    def __init__(self, *, values, features, feature_labels, expert_labels, quantity):
        self.values = values
        self.features = features
        self.feature_labels = feature_labels
        self.expert_labels = expert_labels
        self.quantity = quantity

    def plot(self, ax=None, *, artist_kwargs=None):
        """Draw the heat map.

        Colours diverge from zero; of values that are not negative they rise from it.
        The largest hundredth of the values share the last colours.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a figure.

        artist_kwargs : dict, default=None
            Passed to ``Axes.imshow``.

        Returns
        -------
        self : CoefficientDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        ax = new_axes(self, ax, matrix_size(*self.values.shape))
        shown = np.where(self.values == 0, np.nan, self.values)
        sizes = np.abs(shown[~np.isnan(shown)])
        top = np.quantile(sizes, _END) if sizes.size else 1.0
        signed = bool((self.values < 0).any())
        options = {
            "cmap": "RdBu_r" if signed else "viridis_r",
            "vmin": -top if signed else 0.0,
            "vmax": top,
        }
        draw_matrix(
            ax,
            shown,
            rows=self.feature_labels,
            columns=self.expert_labels,
            label=self.quantity,
            artist_kwargs=options | (artist_kwargs or {}),
        )
        ax.set(xlabel="expert", ylabel="feature")
        return self

    @classmethod
    def from_estimator(
        cls,
        model,
        *,
        kind="coefficients",
        class_label=None,
        max_features=30,
        ax=None,
        artist_kwargs=None,
    ):
        """Read the coefficients of the experts of a fitted model and draw them.

        Parameters
        ----------
        model : fitted estimator
            Partitioned experts that are linear, gated experts, an alpha combiner of
            linear estimators, or a pipeline that ends with one of them.

        kind : {"coefficients", "deviations"}, default="coefficients"
            ``"deviations"`` draws by how much experts differ from what they share:
            ``deviation_`` of ``sharing="deviation"``, or ``coef_`` of gated experts
            with ``shared=True``. Those of gated experts are the same for
            ``"coefficients"``, which has the shared expert as the last column.

        class_label : object, default=None
            Class whose coefficients are drawn. None is the second of two classes, and
            of more the mean absolute value over all classes.

        max_features : int, default=30
            Number of most used features to draw. Those that no expert uses are left
            out.

        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a figure.

        artist_kwargs : dict, default=None
            Passed to ``Axes.imshow``.

        Returns
        -------
        display : CoefficientDisplay

        Raises
        ------
        ValueError
            For another kind, for deviations of a model that shares nothing, and for a
            label that is none of the classes.
        TypeError
            If the experts have no coefficients.
        NotFittedError
            If the model is not fitted.
        ImportError
            If matplotlib is not installed.
        """
        validate_parameter_constraints(
            {
                "kind": [StrOptions({"coefficients", "deviations"})],
                "max_features": [Interval(Integral, 1, None, closed="left")],
            },
            {"kind": kind, "max_features": max_features},
            caller_name=f"{cls.__name__}.from_estimator",
        )
        front, last = split_pipeline(model)
        seen = input_names(front, last)
        if kind == "deviations":
            coef = _deviations(last)
            names = next(read_experts(last, seen)).features
        else:
            coef, names = expert_coefficients(model), feature_names(model)
        if np.isnan(coef).all():
            raise TypeError(
                f"The experts of {type(last).__name__} have no coefficients to draw. "
                "Use linear experts."
            )
        values, quantity = _one_value(
            coef,
            getattr(last, "classes_", None),
            class_label,
            what=kind.removesuffix("s"),
        )
        used = np.nan_to_num(values)
        order = np.lexsort((-np.abs(used).sum(axis=0), -np.count_nonzero(used, axis=0)))
        n_used = np.count_nonzero(used.any(axis=0))
        features = order[: min(max_features, n_used or max_features)]
        display = cls(
            values=values.T[features],
            features=features,
            feature_labels=[str(names[j]) for j in features],
            expert_labels=expert_labels(last, seen)[: len(coef)],
            quantity=quantity,
        )
        return display.plot(ax, artist_kwargs=artist_kwargs)


def _deviations(last):
    """Return the deviations of all experts, (n_experts, n_outputs, n_features)."""
    if hasattr(last, "deviation_"):
        return np.stack([dense(deviation) for deviation in last.deviation_])
    if hasattr(last, "shared_coef_"):
        return last.coef_
    raise ValueError(
        f"kind='deviations' needs experts that share, but {type(last).__name__} was "
        "fitted without. Fit partitioned experts with sharing='deviation', or gated "
        "experts with shared=True."
    )


def _one_value(coef, classes, class_label, *, what):
    """Return one value for each expert and feature, and what it is."""
    if class_label is None and coef.shape[1] > 1:
        outputs = "outputs" if classes is None else "classes"
        return np.abs(coef).mean(axis=1), f"mean absolute {what} over the {outputs}"
    if classes is None and class_label is None:
        return coef[:, 0], what
    if class_label is None:
        class_label = classes.tolist()[-1]
    labels = [] if classes is None else classes.tolist()
    if class_label not in labels:
        raise ValueError(
            f"class_label={class_label!r} is none of the classes of the model: "
            f"{labels}."
        )
    position = labels.index(class_label)
    text = f"{what} for class {class_label}"
    if coef.shape[1] == 1:
        return coef[:, 0] * (1 if position else -1), text
    return coef[:, position], text
