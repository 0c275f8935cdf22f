"""Random patches of images, from which a dictionary is made."""

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import gen_batches
from sklearn.utils.random import sample_without_replacement

from skexperts._numeric.patches import (
    cut_patches,
    patch_variances,
    whitening_matrix,
)

# Sparse images made dense at a time.
_BATCH_IMAGES = 256


def draw_patches(X, geometry, n_patches, rng):
    """Draw patches without replacement, as they are in the images.

    Parameters
    ----------
    X : ndarray or CSR of shape (n_images, n_pixels)
    geometry : PatchGeometry
    n_patches : int
        All are drawn if there are not more.
    rng : RandomState

    Returns
    -------
    patches : ndarray of shape (n_drawn, patch_size), in the order of the images
    images : ndarray of shape (n_drawn,), the image of each
    """
    n_all = X.shape[0] * geometry.n_patches
    if n_all <= n_patches:
        drawn = np.arange(n_all)
    else:
        drawn = np.sort(sample_without_replacement(n_all, n_patches, random_state=rng))
    images, places = np.divmod(drawn, geometry.n_patches)
    starts = geometry.starts[places]
    if not issparse(X):
        starts += images * geometry.n_pixels
        return cut_patches(X, starts, geometry.runs, None), images
    patches = np.empty((len(drawn), geometry.patch_size), X.dtype)
    for rows in gen_batches(X.shape[0], _BATCH_IMAGES):
        part = slice(*np.searchsorted(images, [rows.start, rows.stop]))
        inside = starts[part] + (images[part] - rows.start) * geometry.n_pixels
        patches[part] = cut_patches(X[rows].toarray(), inside, geometry.runs, None)
    return patches, images


def prepare_patches(patches, weights, *, contrast_eps, whiten_eps):
    """Normalise and whiten training patches.

    Parameters
    ----------
    patches : ndarray of shape (n_patches, patch_size)
    weights : ndarray of shape (n_patches,), positive, or None
    contrast_eps, whiten_eps : float, positive, or None

    Returns
    -------
    patches : ndarray of shape (n_useful, patch_size)
        Without those that are constant, or zero where contrast stays as it is.
    weights : ndarray of shape (n_useful,) or None
    floor : float or None
        What was added to the variance of a patch.
    whitening : ndarray of shape (patch_size, patch_size) or None

    Raises
    ------
    ValueError
        If squares of entries overflow or underflow.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        spread = (
            np.square(patches, dtype=np.float64).mean(axis=1)
            if contrast_eps is None
            else patch_variances(patches)
        )
    # Normalised patches are of order 1; others are squared as they are.
    kept = contrast_eps is None
    limit = float(np.finfo(patches.dtype if kept else np.float64).max)
    if not spread.max() < limit / patches.size:
        raise ValueError(
            f"X has values whose squares overflow, up to {np.abs(patches).max():g}. "
            "Scale X."
        )
    if 0 < spread.max() < np.finfo(patches.dtype).tiny:
        raise ValueError(
            f"X has values whose squares underflow, up to {np.abs(patches).max():g}. "
            "Scale X."
        )
    useful = spread > 0
    patches, spread = patches[useful], spread[useful]
    weights = None if weights is None else weights[useful]
    floor = whitening = None
    if not len(patches):
        return patches, weights, floor, whitening
    if contrast_eps is not None:
        floor = contrast_eps * float(np.average(spread, weights=weights))
        d = patches.shape[1]
        starts = np.arange(len(patches), dtype=np.intp) * d
        patches = cut_patches(patches, starts, (1, d, d), floor)
    if whiten_eps is not None:
        whitening = whitening_matrix(patches, weights, whiten_eps)
        patches = patches @ whitening
    return patches, weights, floor, whitening


def n_distinct(rows, enough):
    """Return how many different rows there are, or ``enough`` if not fewer."""
    seen = set()
    for row in rows:
        seen.add(row.tobytes())
        if len(seen) == enough:
            break
    return len(seen)
