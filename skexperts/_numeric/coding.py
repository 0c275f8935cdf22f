"""Sparse codes of a block of rows, given its products with the atoms."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from skexperts._kernels.coding import code_lasso, code_pursuit
from skexperts._kernels.coding import squared_norms as fill_squared_norms

# Rows of one product. Blocks begin at multiples of it: so the last bits of a product,
# which may depend on the place of a row in it, do not depend on the size of a batch.
BLOCK_ROWS = 256

CodeArrays = tuple[NDArray, NDArray, NDArray]


class LassoCodes(NamedTuple):
    """Codes of rows, and what is known of each row without another product.

    Attributes
    ----------
    arrays : tuple of ndarrays
        Values, atoms (ascending in each row) and bounds of the rows, as in CSR.
    n_missed : int
        Rows that did not get to the duality gap.
    objectives : ndarray of shape (n_rows,), float64
    losses : ndarray of shape (n_rows,), float64
        Objectives without the l1 norm.
    largest : ndarray of shape (n_rows,), float64
        Largest absolute product with an atom; largest product, or 0, if positive.
    """

    arrays: CodeArrays
    n_missed: int
    objectives: NDArray
    losses: NDArray
    largest: NDArray


def squared_norms(X: NDArray | csr_array) -> NDArray:
    """Return the squared norms of rows, summed in float64.

    Parameters
    ----------
    X : ndarray in C order, or CSR, of shape (n_rows, n_features)

    Returns
    -------
    norms : ndarray of shape (n_rows,), float64
    """
    if not isinstance(X, np.ndarray):
        X = X.astype(np.float64)
        return np.asarray(X.multiply(X).sum(axis=1)).ravel()
    norms = np.empty(X.shape[0])
    fill_squared_norms(np.ascontiguousarray(X), norms)
    return norms


def lasso_codes(
    products: NDArray,
    squared_norms: NDArray,
    gram: NDArray,
    n_features: int,
    *,
    l1: float,
    l2: float,
    positive: bool,
    tol: float,
    max_iter: int,
) -> LassoCodes:
    """Code rows by the elastic net.

    For each row x, with the dictionary D, solve

        min over z of |x - zD|^2 / 2 + l1 |z|_1 + l2 |z|^2 / 2

    Parameters
    ----------
    products : ndarray of shape (n_rows, n_atoms), of x and the atoms
    squared_norms : ndarray of shape (n_rows,), float64, of x
    gram : ndarray of shape (n_atoms, n_atoms), DD', of the dtype of products
    n_features : int
        Length of x: of more atoms some can be left out.
    l1 : float, positive
    l2 : float, not negative
    positive : bool
        Whether z must not be negative.
    tol : float
        Stop at a duality gap of ``tol`` times |x|^2; not below 64 machine epsilons.
    max_iter : int
        Steps of a row; sweeps where coordinate descent has to take over.

    Returns
    -------
    codes : LassoCodes
    """
    n_rows, n_atoms = products.shape
    # Of more atoms than that some depend on the others.
    capacity = n_atoms if l2 > 0 else min(n_atoms, n_features + 8)
    codes = _empty_codes(n_rows, n_atoms, products.dtype)
    tol = max(tol, 64 * float(np.finfo(products.dtype).eps))
    objectives, losses, largest = np.empty((3, n_rows))
    n_missed = code_lasso(
        products,
        squared_norms,
        gram,
        l1,
        l2,
        positive,
        tol,
        max_iter,
        capacity,
        *codes,
        objectives,
        losses,
        largest,
    )
    return LassoCodes(_cut(codes), n_missed, objectives, losses, largest)


def pursuit_codes(
    products: NDArray, gram: NDArray, *, n_nonzero: int, positive: bool, tol: float
) -> CodeArrays:
    """Code rows of norm 1 by orthogonal matching pursuit on atoms of norm 1.

    Parameters
    ----------
    products : ndarray of shape (n_rows, n_atoms)
    gram : ndarray of shape (n_atoms, n_atoms), of the dtype of products
    n_nonzero : int, at least 1
    positive : bool
        Whether coefficients must not be negative: an atom that gets to zero leaves.
    tol : float
        Stop at a squared residual of ``tol``.

    Returns
    -------
    codes : tuple of ndarrays
        Values, atoms (ascending in each row) and bounds of the rows, as in CSR.
    """
    codes = _empty_codes(len(products), n_nonzero, products.dtype)
    code_pursuit(
        products, np.ones(len(products)), gram, n_nonzero, positive, tol, *codes
    )
    return _cut(codes)


def join_codes(blocks: Sequence[CodeArrays], n_atoms: int) -> csr_array:
    """Return the codes of consecutive blocks of rows as one CSR array."""
    values, atoms, bounds = zip(*blocks, strict=True)
    lengths = np.concatenate([np.diff(block) for block in bounds])
    n_stored = int(lengths.sum(dtype=np.int64))
    wide = np.int64 if n_stored > np.iinfo(np.int32).max else np.int32
    indptr = np.zeros(len(lengths) + 1, dtype=wide)
    np.cumsum(lengths, out=indptr[1:])
    indices = np.concatenate(atoms).astype(wide, copy=False)
    return csr_array(
        (np.concatenate(values), indices, indptr), shape=(len(lengths), n_atoms)
    )


def _empty_codes(n_rows: int, capacity: int, dtype: np.dtype) -> CodeArrays:
    # Room for the worst case: what is not written to takes no memory.
    room = n_rows * capacity
    return (
        np.empty(room, dtype),
        np.empty(room, np.int32),
        np.empty(n_rows + 1, np.int32),
    )


def _cut(codes: CodeArrays) -> CodeArrays:
    values, atoms, bounds = codes
    return values[: bounds[-1]].copy(), atoms[: bounds[-1]].copy(), bounds
