"""Sparse codes of rows against a fixed dictionary: pure functions, batch by batch.

Boundary conventions: a zero atom and a zero row have code 0; of equal atoms matching
pursuit takes the first.
"""

from itertools import chain
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array, issparse, vstack
from sklearn.utils import gen_batches

from skexperts._numeric.coding import (
    BLOCK_ROWS,
    LassoCodes,
    join_codes,
    lasso_codes,
    pursuit_codes,
    squared_norms,
)
from skexperts._parallel import run_threads
from skexperts._threads import one_blas_thread

_SCAN_ROWS = 1024


class Encoder(NamedTuple):
    """A dictionary and how to code against it, fixed at fit.

    ``dictionary=None`` stands for the identity. Without ``gram`` the code has a closed
    form. For ``"omp"`` the atoms are at norm 1, and ``atom_norms`` are what they were.
    ``columns`` is the transposed dictionary in C order, where it is needed.
    """

    method: str
    dictionary: np.ndarray | None
    gram: np.ndarray | None
    atom_norms: np.ndarray | None
    alpha: float
    l1_ratio: float
    n_nonzero_coefs: int
    positive: bool
    tol: float
    max_iter: int
    columns: np.ndarray | None = None

    @property
    def l1(self) -> float:
        """Weight of the l1 norm."""
        return self.alpha * self.l1_ratio

    @property
    def l2(self) -> float:
        """Weight of half the squared norm."""
        return self.alpha * (1 - self.l1_ratio)


class Preparation:
    """An encoder that is made when it is first asked for, of atoms that stay."""

    _made: Encoder | None = None

    def __init__(self, components, **options):
        self.components = components
        self.options = options

    def encoder(self) -> Encoder:
        """Return the encoder; threads that ask at once may each make an equal one."""
        made = self._made
        if made is None:
            made = self._made = make_encoder(self.components, **self.options)
        return made


def make_encoder(
    components, *, method, alpha, l1_ratio, n_nonzero_coefs, positive, tol, max_iter
) -> Encoder:
    """Prepare the encoder of :class:`SparseCoder` parameters.

    Parameters
    ----------
    components : ndarray, or a sparse identity, of shape (n_components, n_features)
    method, alpha, l1_ratio, n_nonzero_coefs, positive, tol, max_iter : as given by user
    """
    n_components, n_features = components.shape
    dictionary, gram, atom_norms = components, None, None
    omp = method == "omp"
    if issparse(components):
        dictionary = np.eye(n_features, dtype=components.dtype) if omp else None
    if omp:
        atom_norms = row_norms(dictionary)
        dictionary = dictionary / atom_norms[:, None]
    if dictionary is not None and method != "threshold":
        with one_blas_thread():
            gram = dictionary @ dictionary.T
    if n_nonzero_coefs is None:
        n_nonzero_coefs = max(1, n_features // 10)
    return Encoder(
        method=method,
        dictionary=dictionary,
        gram=gram,
        atom_norms=atom_norms,
        alpha=float(alpha),
        l1_ratio=float(l1_ratio) if method == "elastic_net" else 1.0,
        n_nonzero_coefs=min(n_nonzero_coefs, n_components, n_features),
        positive=positive,
        tol=tol,
        max_iter=max_iter,
    )


def encode(X, encoder: Encoder, *, batch_size: int, n_jobs: int | None):
    """Return the codes of all rows and how many rows did not reach ``tol``.

    Parameters
    ----------
    X : ndarray or CSR of shape (n_samples, n_features)
    encoder : Encoder
    batch_size : int
        Rows of a task, rounded up to whole blocks.
    n_jobs : int or None

    Returns
    -------
    codes : csr_array of shape (n_samples, n_components), dtype of X
    n_unconverged : int
    """
    encoder = with_columns(encoder, X)
    if encoder.gram is None:
        # One product a block: threads would cost more than they save.
        size = X.shape[0] if encoder.dictionary is None else BLOCK_ROWS
        with one_blas_thread():
            blocks = [
                _closed_form(encoder, X[rows]) for rows in gen_batches(X.shape[0], size)
            ]
        return vstack(blocks, format="csr"), 0
    size = -(-batch_size // BLOCK_ROWS) * BLOCK_ROWS
    tasks = [(X[rows],) for rows in gen_batches(X.shape[0], size)]
    done = run_threads(_encode_blocks, tasks, common=(encoder,), n_jobs=n_jobs)
    blocks, n_unconverged = zip(*done, strict=True)
    codes = join_codes(list(chain.from_iterable(blocks)), len(encoder.gram))
    return codes, sum(n_unconverged)


def encode_here(X, encoder: Encoder):
    """Return what :func:`encode` does, in this thread: for hundreds of dense rows.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
    encoder : Encoder
    """
    if encoder.gram is None:
        return _closed_form(encoder, X), 0
    blocks, n_unconverged = _encode_blocks(encoder, X)
    return join_codes(blocks, len(encoder.gram)), n_unconverged


def max_useful_alpha(X, encoder: Encoder) -> float:
    """Smallest alpha for which every code of X is zero; inf for matching pursuit."""
    if encoder.method == "omp":
        return np.inf
    encoder = with_columns(encoder, X)
    largest = 0.0
    for rows in gen_batches(X.shape[0], _SCAN_ROWS):
        products = _products(X[rows], encoder)
        values = products.data if issparse(products) else products
        values = values if encoder.positive else np.abs(values)
        largest = max(largest, float(values.max(initial=0)))
    return largest / encoder.l1_ratio


def row_norms(rows):
    """Euclidean norms that neither overflow nor underflow; 1 for a row of zeros."""
    squares = squared_norms(rows)
    if ((squares > 1e-200) & (squares < 1e200)).all():
        return np.sqrt(squares).astype(rows.dtype)
    largest = abs(rows).max(axis=1)
    largest = largest.toarray().ravel() if issparse(largest) else largest
    largest[largest == 0] = 1
    scaled = (
        rows.multiply(1 / largest[:, None]).tocsr()
        if issparse(rows)
        else rows / largest[:, None]
    )
    norms = (largest * np.sqrt(squared_norms(scaled))).astype(rows.dtype)
    norms[norms == 0] = 1
    return norms


def with_columns(encoder, X):
    """Transpose the dictionary once: every product with CSR would do it again."""
    if encoder.dictionary is None or not issparse(X):
        return encoder
    return encoder._replace(columns=np.ascontiguousarray(encoder.dictionary.T))


def _products(X, encoder):
    if encoder.dictionary is None:
        return X
    return X @ (encoder.dictionary.T if encoder.columns is None else encoder.columns)


def _closed_form(encoder, X):
    products = _products(X, encoder)
    if not issparse(products):
        return csr_array(_shrink(products, encoder))
    codes = csr_array(products, copy=True)
    codes.data = _shrink(codes.data, encoder)
    codes.eliminate_zeros()
    return codes


def _shrink(values, encoder):
    """Soft threshold by the l1 part of the penalty, divide by one plus the l2 part."""
    l1, scale = encoder.l1, 1 + encoder.l2
    if encoder.positive:
        return np.maximum(values - l1, 0) / scale
    return (values - np.clip(values, -l1, l1)) / scale


def _encode_blocks(encoder, X):
    """Return the codes of the blocks of a batch, and how many rows missed ``tol``."""
    encode_block = _pursue if encoder.method == "omp" else _descend
    done = [
        encode_block(encoder, X[rows]) for rows in gen_batches(X.shape[0], BLOCK_ROWS)
    ]
    blocks, n_unconverged = zip(*done, strict=True)
    return blocks, sum(n_unconverged)


def _descend(encoder, X):
    codes = descend(encoder, X)
    return codes.arrays, codes.n_missed


def descend(encoder: Encoder, X) -> LassoCodes:
    """Code a block of rows by the lasso or the elastic net, with a Gram matrix."""
    return lasso_codes(
        _products(X, encoder),
        squared_norms(X),
        encoder.gram,
        X.shape[1],
        l1=encoder.l1,
        l2=encoder.l2,
        positive=encoder.positive,
        tol=encoder.tol,
        max_iter=encoder.max_iter,
    )


def _pursue(encoder, X):
    """Code rows scaled to norm 1, with atoms of norm 1, and scale back."""
    norms = row_norms(X)
    scaled = (
        X.multiply(1 / norms[:, None]).tocsr() if issparse(X) else X / norms[:, None]
    )
    values, atoms, bounds = pursuit_codes(
        _products(scaled, encoder),
        encoder.gram,
        n_nonzero=encoder.n_nonzero_coefs,
        positive=encoder.positive,
        tol=encoder.tol,
    )
    values *= np.repeat(norms, np.diff(bounds))
    values /= encoder.atom_norms[atoms]
    return (values, atoms, bounds), 0
