"""Patches of images: where they are, their contrast, whitening, and images of them.

An image is a row of pixels from left to right and top to bottom, each with all its
channels; the patches of an image come in the same order.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from skexperts._kernels.pooling import copy_patches


@dataclass(frozen=True)
class PatchGeometry:
    """The shape of images and of the patches that are cut out of them.

    Attributes
    ----------
    image_shape : tuple of (int, int, int), height, width and channels
    patch_shape : tuple of (int, int), at most that of the image
    stride : tuple of (int, int), steps down and to the right
    """

    image_shape: tuple[int, int, int]
    patch_shape: tuple[int, int]
    stride: tuple[int, int]

    @property
    def n_places(self) -> tuple[int, int]:
        """Patches of an image, in a column and in a row."""
        (height, width, _), (high, wide), (down, right) = (
            self.image_shape,
            self.patch_shape,
            self.stride,
        )
        return (height - high) // down + 1, (width - wide) // right + 1

    @property
    def n_patches(self) -> int:
        """Patches of an image."""
        rows, columns = self.n_places
        return rows * columns

    @property
    def n_pixels(self) -> int:
        """Entries of an image."""
        height, width, channels = self.image_shape
        return height * width * channels

    @property
    def patch_size(self) -> int:
        """Entries of a patch."""
        high, wide = self.patch_shape
        return high * wide * self.image_shape[2]

    @property
    def runs(self) -> tuple[int, int, int]:
        """Runs of entries of a patch, their length, and the stride between them."""
        (_, width, channels), (high, wide) = self.image_shape, self.patch_shape
        return high, wide * channels, width * channels

    @property
    def starts(self) -> NDArray:
        """Place of the first entry of each patch in the image, (n_patches,)."""
        (_, width, channels), (down, right) = self.image_shape, self.stride
        rows, columns = self.n_places
        tops = np.arange(rows, dtype=np.intp) * (down * width)
        return ((tops[:, None] + np.arange(columns) * right) * channels).ravel()


def cut_patches(
    images: NDArray, starts: NDArray, runs: tuple[int, int, int], floor: float | None
) -> NDArray:
    """Return patches, normalised unless ``floor`` is None.

    A patch x of mean m and variance v becomes (x - m) / sqrt(v + floor), zero if all
    entries are equal.

    Parameters
    ----------
    images : ndarray in C order
    starts : ndarray of shape (n_patches,), intp
        Place of the first entry of each patch in the flat images.
    runs : tuple of (int, int, int), of a :class:`PatchGeometry`
    floor : float, not negative, or None

    Returns
    -------
    patches : ndarray of shape (n_patches, patch_size), of the dtype of images
    """
    patches = np.empty((len(starts), runs[0] * runs[1]), images.dtype)
    copy_patches(images.reshape(-1), starts, *runs, floor_code(floor), patches)
    return patches


def floor_code(floor: float | None) -> float:
    """Return what kernels take for the floor of the variance, -1 for None."""
    return -1.0 if floor is None else floor


def patch_variances(patches: NDArray) -> NDArray:
    """Return the variance of the entries of each patch, 0 exactly where all are equal.

    Parameters
    ----------
    patches : ndarray of shape (n_patches, patch_size)

    Returns
    -------
    variances : ndarray of shape (n_patches,), float64
    """
    return (patches - patches[:, :1]).var(axis=1, dtype=np.float64)


def whitening_matrix(patches: NDArray, weights: NDArray | None, eps: float) -> NDArray:
    """Return the symmetric matrix W that makes the entries of patches uncorrelated.

    With the second moments M of the patches, of d entries,

        W = (M + eps * trace(M) / d * I)^(-1/2)

    Parameters
    ----------
    patches : ndarray of shape (n_patches, patch_size), not all zero
    weights : ndarray of shape (n_patches,) or None
    eps : float, positive

    Returns
    -------
    whitening : ndarray of shape (patch_size, patch_size), of the dtype of patches
    """
    weighted = patches if weights is None else patches * weights[:, None]
    moments = np.asarray(weighted.T @ patches, dtype=np.float64)
    moments /= len(patches) if weights is None else weights.sum()
    values, vectors = np.linalg.eigh(moments)
    values = np.maximum(values, 0) + eps * values.mean()
    return ((vectors / np.sqrt(values)) @ vectors.T).astype(patches.dtype)


def join_patches(patches: NDArray, geometry: PatchGeometry) -> NDArray:
    """Return images of the means of all patches over a pixel, 0 where there is none.

    Parameters
    ----------
    patches : ndarray of shape (n_images * n_patches, patch_size)
    geometry : PatchGeometry

    Returns
    -------
    images : ndarray of shape (n_images, n_pixels)
    """
    (high, wide), (down, right) = geometry.patch_shape, geometry.stride
    rows, columns = geometry.n_places
    channels = geometry.image_shape[2]
    patches = patches.reshape(-1, rows, columns, high, wide, channels)
    images = np.zeros((len(patches), *geometry.image_shape), patches.dtype)
    counts = np.zeros(geometry.image_shape, patches.dtype)
    for y in range(high):
        for x in range(wide):
            below = slice(y, y + (rows - 1) * down + 1, down)
            beside = slice(x, x + (columns - 1) * right + 1, right)
            images[:, below, beside] += patches[:, :, :, y, x]
            counts[below, beside] += 1
    images /= np.maximum(counts, 1)
    return images.reshape(len(images), geometry.n_pixels)
