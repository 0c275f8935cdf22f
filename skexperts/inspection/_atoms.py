"""Atoms drawn as images, or as bars of their largest entries."""

import numpy as np

from skexperts.inspection._plotting import BAR, NEGATIVE

# Longer names of features would leave no room for bars.
_LONGEST_NAME = 18
# Between images.
_GREY = 0.75


def draw_images(display, ax, n_columns, artist_kwargs):
    """Draw all atoms as one mosaic, each scaled by its largest entry.

    In colour zero is grey.
    """
    from matplotlib import colormaps

    atoms = display.components
    top = np.abs(atoms).max(axis=1, keepdims=True)
    atoms = np.divide(atoms, top, where=top > 0, out=np.zeros_like(atoms))
    signed = (atoms < 0).any()
    if display.image_shape[2:] == (3,):
        atoms = (1 + atoms) / 2 if signed else atoms
    cmap = colormaps["RdBu_r" if signed else "gray_r"].with_extremes(bad=str(_GREY))
    options = {"cmap": cmap, "vmin": -1.0 if signed else 0.0, "vmax": 1.0}
    ax.imshow(_mosaic(atoms, display.image_shape, n_columns), **options | artist_kwargs)
    ax.set_axis_off()


def _mosaic(atoms, shape, n_columns):
    """Return the images in rows of ``n_columns``, grey (NaN) between them."""
    height, width, *channels = shape if shape[2:] == (3,) else shape[:2]
    n_rows = -(-len(atoms) // n_columns)
    size = n_rows * (height + 1) - 1, n_columns * (width + 1) - 1
    canvas = np.full((*size, *channels), _GREY if channels else np.nan)
    for k, atom in enumerate(atoms):
        top, left = k // n_columns * (height + 1), k % n_columns * (width + 1)
        canvas[top : top + height, left : left + width] = atom.reshape(
            height, width, *channels
        )
    return canvas


def draw_bars(display, ax, n_columns, n_entries, artist_kwargs):
    """Draw the largest entries of every atom, in a grid in place of ``ax``.

    Returns
    -------
    axes : ndarray of Axes of shape (n_shown,)
    """
    place = ax.get_subplotspec()
    if place is None:
        raise ValueError(
            "ax is divided among the atoms, but it lies in no grid. Take axes of "
            "plt.subplots, or give image_shape."
        )
    ax.set_axis_off()
    n_rows = -(-len(display.atoms) // n_columns)
    grid = place.subgridspec(n_rows, n_columns)
    axes = [ax.figure.add_subplot(grid[k]) for k in range(len(display.atoms))]
    for k, (panel, atom) in enumerate(zip(axes, display.components, strict=True)):
        _draw_entries(panel, atom, display.feature_names, n_entries, artist_kwargs)
        name = f"atom {display.atoms[k]}"
        if display.use is not None:
            name += f" ({100 * display.use[k]:.0f}%)"
        panel.set_title(name, fontsize="small")
    return np.array(axes, dtype=object)


def _draw_entries(ax, atom, names, n_entries, artist_kwargs):
    largest = np.argsort(-np.abs(atom), kind="stable")[:n_entries]
    largest = largest[atom[largest] != 0]
    values = atom[largest]
    colors = np.where(values < 0, NEGATIVE, BAR)
    ax.barh(np.arange(len(values)), values, **{"color": colors, **artist_kwargs})
    labels = [_shorten(names[j]) for j in largest]
    ax.set_yticks(np.arange(len(values)), labels)
    ax.set_ylim(n_entries - 0.5, -0.5)
    ax.axvline(0, color="0.4", linewidth=0.8)
    ax.tick_params(labelsize="x-small", length=2)
    ax.spines[["top", "right"]].set_visible(False)


def _shorten(name):
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"
