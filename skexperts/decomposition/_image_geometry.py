"""Shapes of images, patches and grids as users give them, checked."""

from math import isqrt
from numbers import Integral

import numpy as np

from skexperts._numeric.patches import PatchGeometry


def geometry_of(n_features, *, image_shape, patch_shape, stride) -> PatchGeometry:
    """Return the geometry of rows of images.

    Raises
    ------
    ValueError
        If the shapes are no whole numbers, or do not go together.
    """
    if image_shape is None:
        side = isqrt(n_features)
        shape = (side, side) if side**2 == n_features else (1, n_features)
        found = f"{shape} (square if it can be: set image_shape, which is None)"
    else:
        shape = _whole_numbers(image_shape, "image_shape", "height, width", (2, 3))
        found = f"{shape}"
    shape = (*shape, 1)[:3]
    patch = pair(patch_shape, "patch_shape", "height, width")
    geometry = PatchGeometry(shape, patch, pair(stride, "stride", "down, right"))
    if geometry.n_pixels != n_features:
        raise ValueError(
            f"image_shape={image_shape!r} has {geometry.n_pixels} entries, but X has "
            f"n_features={n_features}: every row must be one image, flattened, each "
            "pixel with all its channels."
        )
    if patch[0] > shape[0] or patch[1] > shape[1]:
        raise ValueError(
            f"patch_shape={patch_shape!r} does not fit into images of shape {found}, "
            f"n_features={n_features}: make patches smaller."
        )
    return geometry


def check_grid(grid, geometry):
    """Raise a ValueError if there are more cells than patches, down or across."""
    rows, columns = geometry.n_places
    if grid is not None and (grid[0] > rows or grid[1] > columns):
        raise ValueError(
            f"pool_grid={grid} has cells without a patch: images of shape "
            f"{geometry.image_shape[:2]} have {rows} x {columns} patches of shape "
            f"{geometry.patch_shape} at stride {geometry.stride}. Lower pool_grid, or "
            "the stride."
        )


def pair(value, name, meaning) -> tuple[int, int]:
    """Return two positive whole numbers, twice the same if one is given."""
    if isinstance(value, Integral) and not isinstance(value, bool):
        return int(value), int(value)
    return _whole_numbers(value, name, meaning, (2,))


def _whole_numbers(value, name, meaning, lengths):
    # A flag, or an array of no dimension, is array-like to validation.
    numbers = tuple(value) if np.iterable(value) else ()
    if len(numbers) not in lengths or not all(
        isinstance(n, Integral) and not isinstance(n, bool) and n >= 1 for n in numbers
    ):
        more = " and, if there are more than one, channels" if 3 in lengths else ""
        raise ValueError(
            f"{name} must be whole numbers ({meaning}){more}, at least 1. Got "
            f"{value!r}."
        )
    return tuple(int(n) for n in numbers)
