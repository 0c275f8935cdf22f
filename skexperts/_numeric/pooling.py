"""Codes of the patches of images, pooled over the cells of a grid.

A pool has the parts of codes above zero, then those below. A cell without any code is
zero, and so is what no code exceeds.
"""

import numpy as np
from numpy.typing import NDArray

from skexperts._kernels import pooling
from skexperts._numeric.coding import CodeArrays
from skexperts._numeric.patches import PatchGeometry, floor_code


def grid_cells(n_places: tuple[int, int], grid: tuple[int, int]) -> NDArray:
    """Return the cell of every patch: cells of equal size, up to one row or column.

    Parameters
    ----------
    n_places : tuple of (int, int), patches in a column and in a row
    grid : tuple of (int, int), cells in a column and in a row, not more than patches

    Returns
    -------
    cells : ndarray of shape (n_patches,), int32
    """
    down, across = (
        np.arange(n, dtype=np.int32) * m // n
        for n, m in zip(n_places, grid, strict=True)
    )
    return (down[:, None] * grid[1] + across).ravel().astype(np.int32)


def pool_thresholds(
    images: NDArray,
    geometry: PatchGeometry,
    cells: NDArray,
    filters: NDArray,
    *,
    floor: float | None,
    alpha: float,
    largest: bool,
    pools: NDArray,
) -> None:
    """Pool soft thresholds of the products of patches and filters.

    Parameters
    ----------
    images : ndarray of shape (n_images, n_pixels)
    geometry : PatchGeometry
    cells : ndarray of shape (n_patches,), int32
    filters : ndarray of shape (patch_size, n_atoms)
    floor : float or None
        Of the variance of a patch, see :func:`~skexperts._numeric.patches.cut_patches`.
    alpha : float
    largest : bool
        Whether pools have the largest parts, not the sums.
    pools : ndarray of shape (n_images, n_cells, 2, n_atoms)
        Changed in place.
    """
    pooling.pool_thresholds(
        images,
        geometry.starts,
        cells,
        *geometry.runs,
        floor_code(floor),
        filters,
        alpha,
        largest,
        pools,
    )


def pool_codes(
    codes: CodeArrays, cells: NDArray, *, largest: bool, pools: NDArray
) -> None:
    """Pool codes of the patches of an image.

    Parameters
    ----------
    codes : tuple of ndarrays, as in CSR
    cells : ndarray of shape (n_patches,), int32
    largest : bool
    pools : ndarray of shape (n_cells, 2, n_atoms)
        Changed in place.
    """
    pooling.pool_codes(*codes, cells, largest, pools)


def join_signs(pools: NDArray, *, largest: bool) -> NDArray:
    """Return sums of codes, or the codes of largest absolute value.

    Parameters
    ----------
    pools : ndarray of shape (n_images, n_cells, 2, n_atoms)
    largest : bool

    Returns
    -------
    joined : ndarray of shape (n_images, n_cells, n_atoms)
        Of a tie the positive one.
    """
    up, down = pools[:, :, 0], pools[:, :, 1]
    return np.where(up >= down, up, -down) if largest else up - down
