"""Images coded patch by patch and pooled, batch by batch."""

from dataclasses import astuple, dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, issparse, vstack
from sklearn.utils import gen_batches

from skexperts._numeric.patches import PatchGeometry, cut_patches
from skexperts._numeric.pooling import (
    grid_cells,
    join_signs,
    pool_codes,
    pool_thresholds,
)
from skexperts._parallel import run_threads
from skexperts.decomposition._encode import Encoder, encode_here


@dataclass(frozen=True)
class Pooling:
    """How the codes of the patches of an image become one row.

    Attributes
    ----------
    grid : tuple of (int, int), cells in a column and in a row; None keeps all codes
    statistic : {"sum", "average", "max"}
    n_signs : int, 2 if the parts above and below zero are apart, else 1
    """

    grid: tuple[int, int] | None
    statistic: str
    n_signs: int


class PatchEncoder(NamedTuple):
    """All that is needed to code images.

    ``floor`` is that of the variance of a patch, None where patches stay as they are;
    ``whitening`` is None where they are not whitened.
    """

    geometry: PatchGeometry
    floor: float | None
    whitening: NDArray | None
    encoder: Encoder
    pooling: Pooling

    @property
    def n_outputs(self) -> int:
        """Length of the row of an image."""
        grid = self.pooling.grid or self.geometry.n_places
        return grid[0] * grid[1] * self.pooling.n_signs * self.n_atoms

    @property
    def n_atoms(self) -> int:
        """Number of atoms."""
        return len(self.encoder.dictionary)

    @property
    def filters(self) -> NDArray:
        """What normalised patches are multiplied by, (patch_size, n_atoms)."""
        atoms = self.encoder.dictionary.T
        filters = atoms if self.whitening is None else self.whitening @ atoms
        return np.ascontiguousarray(filters)

    def patches(self, image) -> NDArray:
        """Return the patches of an image, as they are coded."""
        geometry = self.geometry
        patches = cut_patches(image, geometry.starts, geometry.runs, self.floor)
        return patches if self.whitening is None else patches @ self.whitening


def encode_images(X, encoder: PatchEncoder, *, sparse, batch_size, n_jobs):
    """Return the rows of all images, and how many patches did not reach ``tol``.

    Parameters
    ----------
    X : ndarray or CSR of shape (n_images, n_pixels)
        CSR is made dense batch by batch.
    encoder : PatchEncoder
    sparse : bool
        Whether the rows are CSR.
    batch_size : int
        Images of a task.
    n_jobs : int or None

    Returns
    -------
    rows : ndarray or csr_array of shape (n_images, n_outputs), dtype of X
    n_unconverged : int
    """
    out = None if sparse else np.empty((X.shape[0], encoder.n_outputs), X.dtype)
    tasks = [
        (X[rows], None if out is None else out[rows])
        for rows in gen_batches(X.shape[0], batch_size)
    ]
    done = run_threads(_encode_batch, tasks, common=(encoder,), n_jobs=n_jobs)
    blocks, n_unconverged = zip(*done, strict=True)
    rows = vstack(blocks, format="csr") if out is None else out
    return rows, sum(n_unconverged)


def _encode_batch(encoder, X, out):
    """Return CSR, or None if the rows are written to ``out``, and how many missed."""
    images = X.toarray() if issparse(X) else X
    code = _keep if encoder.pooling.grid is None else _pool
    rows, n_unconverged = code(encoder, images)
    if out is None:
        return csr_array(rows), n_unconverged
    out[:] = rows.toarray() if issparse(rows) else rows
    return None, n_unconverged


def _keep(encoder, images):
    """Return the codes of all patches of an image side by side, as CSR."""
    n_places, n_signs = encoder.geometry.n_patches, encoder.pooling.n_signs
    blocks, missed = zip(*(_codes(encoder, image) for image in images), strict=True)
    codes = vstack(blocks, format="csr")
    places = np.repeat(np.arange(codes.shape[0]) % n_places, np.diff(codes.indptr))
    columns = places * n_signs * encoder.n_atoms + codes.indices
    if n_signs == 2:
        columns += np.where(codes.data < 0, encoder.n_atoms, 0)
        codes.data = np.abs(codes.data)
    rows = csr_array(
        (codes.data, columns, codes.indptr[::n_places]),
        shape=(len(images), encoder.n_outputs),
    )
    rows.sort_indices()
    return rows, sum(missed)


def _pool(encoder, images):
    """Return the pooled codes of images, an array."""
    grid, statistic, n_signs = astuple(encoder.pooling)
    cells = grid_cells(encoder.geometry.n_places, grid)
    largest, missed = statistic == "max", 0
    shape = len(images), grid[0] * grid[1], 2, encoder.n_atoms
    pools = np.zeros(shape, images.dtype)
    if encoder.encoder.method == "threshold":
        pool_thresholds(
            images,
            encoder.geometry,
            cells,
            encoder.filters,
            floor=encoder.floor,
            alpha=encoder.encoder.alpha,
            largest=largest,
            pools=pools,
        )
    else:
        for image, pool in zip(images, pools, strict=True):
            codes, n_missed = _codes(encoder, image)
            arrays = codes.data, codes.indices, codes.indptr
            pool_codes(arrays, cells, largest=largest, pools=pool)
            missed += n_missed
    if encoder.encoder.positive:
        pools = pools[:, :, :1]
    elif n_signs == 1:
        pools = join_signs(pools, largest=largest)
    rows = pools.reshape(len(images), -1)
    if statistic == "average":
        counts = np.bincount(cells).astype(rows.dtype)
        rows /= np.repeat(counts, n_signs * encoder.n_atoms)
    return rows, missed


def _codes(encoder, image):
    """Return the codes of the patches of an image, and how many missed ``tol``."""
    return encode_here(encoder.patches(image), encoder.encoder)
