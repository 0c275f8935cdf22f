"""What the displays have in common: axes, colours, ticks and matrices."""

import numpy as np

# The "muted" scheme of Paul Tol (2021): told apart by the colour-blind.
PALETTE = (
    "#332288",
    "#DDCC77",
    "#117733",
    "#CC6677",
    "#88CCEE",
    "#882255",
    "#44AA99",
    "#999933",
    "#AA4499",
)
BAR, NEGATIVE, MARK = PALETTE[0], PALETTE[3], PALETTE[5]
# Of labels, in points, and the room of a line.
_FONT, _LINE = 8, 10.5
# Of colour bars, in points.
_BAR_WIDTH = 10
# Whether values are below and above the ends of a colour bar.
_EXTEND = {
    (False, False): "neither",
    (False, True): "max",
    (True, False): "min",
    (True, True): "both",
}
# More columns of numbers are not read any more.
_MOST_COLUMNS = 16


def new_axes(display, ax, size):
    """Return the axes to draw on: those given, or those of a new figure.

    Parameters
    ----------
    display : display
        Gets ``ax_`` and ``figure_``.
    ax : matplotlib Axes or None
    size : (float, float)
        Width and height of a new figure, in inches.

    Raises
    ------
    ImportError
        If matplotlib cannot be imported.
    """
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            f"{type(display).__name__}.plot needs matplotlib, which cannot be imported."
            ' Install it: pip install "skexperts[plot]"'
        ) from error
    if ax is None:
        _, ax = plt.subplots(figsize=size, layout="constrained")
    display.ax_, display.figure_ = ax, ax.figure
    return ax


def distinct_colors(centers):
    """Return a colour for every point of the plane, different for near ones.

    Parameters
    ----------
    centers : ndarray of shape (n_points, 2)

    Returns
    -------
    colors : list of str
    """
    centers = np.nan_to_num(centers)
    numbers = np.arange(len(centers))
    for k in range(len(PALETTE), len(centers)):
        distance = np.square(centers[:k] - centers[k]).sum(axis=1)
        nearest = [distance[numbers[:k] == c].min() for c in range(len(PALETTE))]
        numbers[k] = np.argmax(nearest)
    return [PALETTE[number] for number in numbers]


def matrix_size(n_rows, n_columns):
    """Return width and height of the figure of a matrix, in inches."""
    width = np.clip(2.6 + 0.28 * n_columns, 4.5, 11.0)
    return width, np.clip(1.2 + 0.26 * n_rows, 2.8, 9.5)


def label_ticks(ax, side, labels):
    """Label the positions 0, 1, ... of an axis, as many of them as have room.

    Parameters
    ----------
    ax : matplotlib Axes
    side : {"x", "y"}
    labels : sequence of str
    """
    width, height = _points(ax)
    points = width if side == "x" else height
    longest = 0.62 * _FONT * (0.6 + max(len(label) for label in labels))
    upright = side == "x" and longest > _LINE and longest * len(labels) > points
    room = longest if side == "x" and not upright else _LINE
    step = int(np.ceil(room * len(labels) / points))
    positions = np.arange(0, len(labels), step)
    axis = ax.xaxis if side == "x" else ax.yaxis
    axis.set_ticks(positions, [labels[i] for i in positions])
    axis.set_tick_params(labelsize=_FONT, length=2, rotation=90 if upright else 0)


def _points(ax):
    """Return width and height of axes before any layout, in points."""
    box = ax.get_window_extent()
    return box.width * 72 / ax.figure.dpi, box.height * 72 / ax.figure.dpi


def draw_matrix(ax, values, *, rows, columns, label, artist_kwargs):
    """Draw a matrix with its labels and a colour bar; NaN stays blank.

    Parameters
    ----------
    ax : matplotlib Axes
    values : ndarray of shape (n_rows, n_columns)
    rows, columns : sequences of str
    label : str
        Of the colour bar.
    artist_kwargs : dict
        For ``Axes.imshow``.

    Returns
    -------
    image : matplotlib AxesImage
    """
    options = {"aspect": "auto", "interpolation": "nearest", **artist_kwargs}
    image = ax.imshow(values, **options)
    low, high = image.get_clim()
    width, height = _points(ax)
    ax.figure.colorbar(
        image,
        ax=ax,
        label=label,
        # Long labels may take half of the width.
        fraction=2 * _BAR_WIDTH / width,
        aspect=height / _BAR_WIDTH,
        pad=0.02,
        extend=_EXTEND[bool((values < low).any()), bool((values > high).any())],
    )
    label_ticks(ax, "y", rows)
    label_ticks(ax, "x", columns)
    return image


def write_values(ax, image, values, form):
    """Write the values into the cells of a matrix, if they are few and have room.

    Parameters
    ----------
    ax : matplotlib Axes
    image : matplotlib AxesImage
    values : ndarray of shape (n_rows, n_columns)
        NaN is left blank.
    form : str
        As for ``format``.
    """
    n_rows, n_columns = values.shape
    places = np.argwhere(~np.isnan(values))
    texts = [format(values[i, j], form) for i, j in places]
    longest = 0.62 * _FONT * max(map(len, texts), default=0)
    width, height = _points(ax)
    fits = longest * n_columns <= width and _LINE * n_rows <= height
    if not fits or n_columns > _MOST_COLUMNS:
        return
    for (i, j), text in zip(places, texts, strict=True):
        red, green, blue, _ = image.cmap(image.norm(values[i, j]))
        dark = 0.299 * red + 0.587 * green + 0.114 * blue < 0.5
        color = "white" if dark else "black"
        ax.text(j, i, text, ha="center", va="center", fontsize=_FONT, color=color)


def place_labels(ax, positions, labels):
    """Write labels at points, the first ones first, and leave out what would overlap.

    Parameters
    ----------
    ax : matplotlib Axes
        With its limits set.
    positions : ndarray of shape (n_labels, 2)
    labels : sequence of str
    """
    from matplotlib.patheffects import withStroke

    halo = [withStroke(linewidth=2.5, foreground="white")]
    # In points: where the axes lie is known well enough before the layout.
    places = ax.transData.transform(positions) * 72 / ax.figure.dpi
    taken = np.empty((0, 3))
    for place, position, label in zip(places, positions, labels, strict=True):
        half = 0.33 * _FONT * len(label) + 1
        overlap = (np.abs(taken[:, 0] - place[0]) < taken[:, 2] + half) & (
            np.abs(taken[:, 1] - place[1]) < _LINE
        )
        if not overlap.any():
            taken = np.vstack([taken, [*place, half]])
            ax.text(
                *position,
                label,
                ha="center",
                va="center",
                fontsize=_FONT,
                fontweight="bold",
                path_effects=halo,
                zorder=4,
            )
