"""A map of the rows and of the experts that serve them."""

from numbers import Integral

import numpy as np
from scipy.sparse import issparse
from sklearn.base import is_classifier
from sklearn.utils.validation import column_or_1d

from skexperts._sklearn import Interval, StrOptions, validate_parameter_constraints
from skexperts.inspection._plane import choices_on_grid, first_choices, project
from skexperts.inspection._plotting import distinct_colors, new_axes, place_labels
from skexperts.inspection._routing import read_routing

# Areas of the markers of rows (all together) and of experts, in square points.
_AREA_OF_ROWS, _AREA_OF_EXPERTS = 30_000, 9_000


class ExpertMapDisplay:
    r"""Map of the rows in a plane, coloured by the expert of their first choice.

    An expert k is drawn at the mean of the points :math:`x_i` of the rows it serves,
    weighted by the routing :math:`g_{ik}`, with an area in proportion to its traffic:

    .. math::

        c_k = \sum_i g_{ik} x_i / \sum_i g_{ik}, \qquad t_k = \sum_i g_{ik} / n

    Use :meth:`from_estimator` to make a display of a fitted model.

    Parameters
    ----------
    coordinates : ndarray of shape (n_samples, 2)
        The rows in the plane.

    first_choice : ndarray of shape (n_samples,)
        The expert of the largest routing weight of each row, ties to the first.

    centers : ndarray of shape (n_experts, 2)
        The centres :math:`c_k` in the plane, NaN for experts without traffic.

    traffic : ndarray of shape (n_experts,)
        Share of the routing weights of each expert.

    expert_labels : list of str
        Names of the experts.

    axis_labels : list of str, length 2
        What the axes are.

    class_labels : list of str, default=None
        The class of the largest routing weight in the rows of each expert, empty for
        experts without traffic; None if classes are not known.

    regions : tuple of ndarrays (x, y, first_choice), default=None
        For rows with two features, a grid of shapes (n_x,), (n_y,) and (n_y, n_x) with
        the first choice at each point.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes drawn on.

    figure_ : matplotlib Figure
        The figure they are in.

    See Also
    --------
    RoutingDisplay : How rows are divided among the experts, in figures.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn.datasets import load_wine
    >>> from sklearn.preprocessing import scale
    >>> from skexperts.ensemble import PartitionedExpertsClassifier
    >>> from skexperts.inspection import ExpertMapDisplay
    >>> X, y = load_wine(return_X_y=True)
    >>> X = scale(X)
    >>> model = PartitionedExpertsClassifier(n_experts=3, random_state=0).fit(X, y)
    >>> display = ExpertMapDisplay.from_estimator(model, X, y)
    >>> display.centers.shape
    (3, 2)
    >>> plt.close("all")
    """

    def __init__(
        self,
        *,
        coordinates,
        first_choice,
        centers,
        traffic,
        expert_labels,
        axis_labels,
        class_labels=None,
        regions=None,
    ):
        self.coordinates = coordinates
        self.first_choice = first_choice
        self.centers = centers
        self.traffic = traffic
        self.expert_labels = expert_labels
        self.axis_labels = axis_labels
        self.class_labels = class_labels
        self.regions = regions

    def plot(self, ax=None, *, annotate="expert", artist_kwargs=None):
        """Draw the map.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a figure.

        annotate : {"expert", "class"} or None, default="expert"
            What to write at the centres: the expert, or the most frequent class of its
            rows. Experts of much traffic come first; a label that would overlap one
            written before is left out.

        artist_kwargs : dict, default=None
            Passed to ``Axes.scatter`` for the rows.

        Returns
        -------
        self : ExpertMapDisplay

        Raises
        ------
        ValueError
            If `annotate` is something else, or ``"class"`` and classes are not known.
        ImportError
            If matplotlib is not installed.
        """
        labels = self._labels(annotate)
        ax = new_axes(self, ax, (6.6, 5.4))
        colors = distinct_colors(self.centers)
        if self.regions is not None:
            self._draw_regions(ax, colors)
        self._draw_rows(ax, np.asarray(colors), artist_kwargs or {})
        used = np.flatnonzero(self.traffic > 0)
        used = used[np.argsort(-self.traffic[used], kind="stable")]
        ax.scatter(
            *self.centers[used].T,
            s=np.clip(_AREA_OF_EXPERTS * self.traffic[used], 25, 400),
            c=[colors[k] for k in used],
            edgecolors="white",
            linewidths=1.2,
            alpha=0.9,
            zorder=3,
        )
        ax.set(xlabel=self.axis_labels[0], ylabel=self.axis_labels[1])
        if labels is not None:
            ax.autoscale_view()
            place_labels(ax, self.centers[used], [labels[k] for k in used])
        return self

    def _labels(self, annotate):
        validate_parameter_constraints(
            {"annotate": [StrOptions({"expert", "class"}), None]},
            {"annotate": annotate},
            caller_name=f"{type(self).__name__}.plot",
        )
        if annotate == "class" and self.class_labels is None:
            raise ValueError(
                "annotate='class' needs the classes of the rows. Pass y, with a "
                "classifier, to from_estimator."
            )
        return {"expert": self.expert_labels, "class": self.class_labels}.get(annotate)

    def _draw_rows(self, ax, colors, artist_kwargs):
        n_rows = len(self.coordinates)
        options = {
            "s": np.clip(_AREA_OF_ROWS / n_rows, 5, 25),
            "alpha": 0.6 if n_rows > 1000 else 0.8,
            "linewidths": 0,
            # A file of vectors with so many points is slow to open.
            "rasterized": n_rows > 5000,
            "zorder": 2,
            **artist_kwargs,
        }
        if "color" not in options:
            options.setdefault("c", colors[self.first_choice])
        ax.scatter(*self.coordinates.T, **options)

    def _draw_regions(self, ax, colors):
        from matplotlib.colors import ListedColormap

        x, y, choice = self.regions
        ax.pcolormesh(
            x,
            y,
            choice,
            cmap=ListedColormap(colors),
            vmin=-0.5,
            vmax=len(colors) - 0.5,
            alpha=0.25,
            shading="nearest",
            rasterized=True,
            zorder=1,
        )

    @classmethod
    def from_estimator(
        cls,
        model,
        X,
        y=None,
        *,
        plane=None,
        grid_resolution=200,
        annotate="expert",
        ax=None,
        artist_kwargs=None,
    ):
        """Route rows by a fitted model and draw them on a map.

        Parameters
        ----------
        model : fitted estimator
            Partitioned or gated experts, or a pipeline that ends with such a model.

        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Rows to route. A pipeline's first steps transform them, and the map is of
            what the last step sees.

        y : array-like of shape (n_samples,), default=None
            Classes of the rows, for ``annotate="class"``. Values are not read.

        plane : pair of columns, fitted transformer or None, default=None
            The plane of the map: two columns of what the model sees, by number or by
            name, or a fitted transformer to two columns, such as a PCA. None is the two
            features if there are only two, else the first two principal components, for
            sparse data those of ``TruncatedSVD``.

        grid_resolution : int, default=200
            Points on each side of the grid on which the regions of the experts are
            drawn if X is dense with two features and `plane` is None; 0 draws none.

        annotate : {"expert", "class"} or None, default="expert"
            What to write at the centres: the expert, or the most frequent class of its
            rows.

        ax : matplotlib Axes, default=None
            Axes to draw on; None makes a figure.

        artist_kwargs : dict, default=None
            Passed to ``Axes.scatter`` for the rows.

        Returns
        -------
        display : ExpertMapDisplay

        Raises
        ------
        ValueError
            If the plane has not two columns, or columns of X are not numbers.
        TypeError
            If the model does not route.
        NotFittedError
            If the model is not fitted.
        ImportError
            If matplotlib is not installed.
        """
        validate_parameter_constraints(
            {"grid_resolution": [Interval(Integral, 0, None, closed="left")]},
            {"grid_resolution": grid_resolution},
            caller_name=f"{cls.__name__}.from_estimator",
        )
        routed = read_routing(model, X, y)
        routing = routed.routing
        coordinates, axis_labels = project(routed.X, routed.feature_names, plane)
        weight = routing.sum(axis=0)
        centers = np.full((routing.shape[1], 2), np.nan)
        np.divide(
            routing.T @ coordinates,
            weight[:, None],
            out=centers,
            where=weight[:, None] > 0,
        )
        classes = None
        if y is not None and is_classifier(model):
            classes = _main_classes(routing, y)
        regions = None
        is_plane = routed.X.shape[1] == 2 and not issparse(routed.X)
        if plane is None and is_plane and grid_resolution > 0:
            regions = choices_on_grid(
                routed.model, routed.X, coordinates, grid_resolution
            )
        display = cls(
            coordinates=coordinates,
            first_choice=first_choices(routing),
            centers=centers,
            traffic=weight / routing.shape[0],
            expert_labels=routed.expert_labels,
            axis_labels=axis_labels,
            class_labels=classes,
            regions=regions,
        )
        return display.plot(ax, annotate=annotate, artist_kwargs=artist_kwargs)


def _main_classes(routing, y):
    """Return the class with the largest weight in the rows of each expert."""
    classes, codes = np.unique(column_or_1d(y), return_inverse=True)
    weights = routing.T @ (codes[:, None] == np.arange(len(classes)))
    return [
        str(classes[row.argmax()]) if row.any() else "" for row in np.asarray(weights)
    ]
