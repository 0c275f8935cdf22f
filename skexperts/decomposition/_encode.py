"""Sparse codes of rows against a fixed dictionary: pure functions, batch by batch.

Boundary conventions: a zero atom and a zero row have code 0; of equal atoms matching
pursuit takes the first.
"""

import warnings
from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array, issparse, vstack
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import ElasticNet
from sklearn.utils import gen_batches

from skexperts._parallel import one_blas_thread, run_tasks

# For rows and atoms of norm 1: a correlation that explains nothing but rounding, and a
# squared distance from the span of other atoms at which an atom is taken to lie in it.
_ROUNDING = 1e-10
_SCAN_ROWS = 1024


class Encoder(NamedTuple):
    """A dictionary and how to code against it, fixed at fit.

    ``dictionary=None`` stands for the identity. Without ``gram`` the code has a closed
    form. For ``"omp"`` the atoms are at norm 1, and ``atom_norms`` are what they were.
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
    if issparse(components):
        dictionary = np.eye(n_features) if method == "omp" else None
    if method == "omp":
        atom_norms = row_norms(dictionary)
        dictionary = dictionary / atom_norms[:, None]
    if dictionary is not None and method != "threshold":
        dictionary = np.ascontiguousarray(dictionary, dtype=np.float64)
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
        CSR only for an encoder without Gram matrix.
    encoder : Encoder
    batch_size : int
        Rows coded at once; the dense codes of one batch are the largest temporary.
    n_jobs : int or None

    Returns
    -------
    codes : csr_array of shape (n_samples, n_components), dtype of X
    n_unconverged : int
    """
    batches = gen_batches(X.shape[0], batch_size)
    if encoder.gram is None:
        # One product a batch: other processes would cost more than they save.
        with one_blas_thread():
            codes = [_closed_form(encoder, X[rows]) for rows in batches]
        return vstack(codes, format="csr"), 0
    tasks = [(X[rows],) for rows in batches]
    done = run_tasks(_encode_batch, tasks, common=(encoder,), n_jobs=n_jobs)
    codes, n_unconverged = zip(*done, strict=True)
    return vstack(codes, format="csr"), sum(n_unconverged)


def max_useful_alpha(X, encoder: Encoder) -> float:
    """Smallest alpha for which every code of X is zero; inf for matching pursuit."""
    if encoder.method == "omp":
        return np.inf
    largest = 0.0
    for rows in gen_batches(X.shape[0], _SCAN_ROWS):
        products = _products(X[rows], encoder)
        values = products.data if issparse(products) else products
        values = values if encoder.positive else np.abs(values)
        largest = max(largest, float(values.max(initial=0)))
    return largest / encoder.l1_ratio


def row_norms(rows):
    """Euclidean norms that neither overflow nor underflow; 1 for a row of zeros."""
    largest = np.abs(rows).max(axis=1)
    largest[largest == 0] = 1
    norms = largest * np.linalg.norm(rows / largest[:, None], axis=1)
    norms[norms == 0] = 1
    return norms


def _products(X, encoder):
    return X if encoder.dictionary is None else X @ encoder.dictionary.T


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
    l1 = encoder.alpha * encoder.l1_ratio
    l2 = encoder.alpha * (1 - encoder.l1_ratio)
    if encoder.positive:
        return np.maximum(values - l1, 0) / (1 + l2)
    return (values - np.clip(values, -l1, l1)) / (1 + l2)


def _encode_batch(encoder, X):
    """Return (codes, n_unconverged) of one batch of dense rows."""
    solve = _pursue if encoder.method == "omp" else _descend
    codes, n_unconverged = solve(encoder, X.astype(np.float64, copy=False))
    return csr_array(codes.astype(X.dtype, copy=False)), n_unconverged


def _descend(encoder, X):
    """Minimise the elastic net objective of each row by coordinate descent."""
    n_samples, n_features = X.shape
    model = ElasticNet(
        alpha=encoder.alpha / n_features,
        l1_ratio=encoder.l1_ratio,
        fit_intercept=False,
        precompute=encoder.gram,
        copy_X=False,
        positive=encoder.positive,
        tol=encoder.tol,
        max_iter=encoder.max_iter,
    )
    with warnings.catch_warnings():
        # One warning per row, each with other numbers: counted below instead.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(encoder.dictionary.T, X.T, check_input=False)
    gap = np.atleast_1d(model.dual_gap_) * n_features
    stopped = np.atleast_1d(model.n_iter_) >= encoder.max_iter
    n_unconverged = np.sum(stopped & (gap > encoder.tol * np.einsum("ij,ij->i", X, X)))
    return model.coef_.reshape(n_samples, -1), int(n_unconverged)


def _pursue(encoder, X):
    """Code each row by orthogonal matching pursuit against the atoms at norm 1."""
    norms = row_norms(X)[:, None]
    products = (X / norms) @ encoder.dictionary.T
    codes = np.zeros_like(products)
    for code, product in zip(codes, products, strict=True):
        _pursue_row(encoder.gram, product, encoder.n_nonzero_coefs, encoder.tol, code)
    return codes * norms / encoder.atom_norms, 0


def _pursue_row(gram, product, n_nonzero_coefs, tol, code):
    """Fill the code of one row of norm 1, given its products with atoms of norm 1."""
    support: list[int] = []
    inverse = np.empty((n_nonzero_coefs, n_nonzero_coefs))  # of the support's Gram
    correlation = product
    for size in range(n_nonzero_coefs):
        atom = int(np.argmax(np.abs(correlation)))
        projection = inverse[:size, :size] @ gram[support, atom]
        distance = gram[atom, atom] - projection @ gram[support, atom]
        if abs(correlation[atom]) <= _ROUNDING or distance <= _ROUNDING:
            return
        inverse[:size, :size] += np.outer(projection, projection) / distance
        inverse[size, :size] = inverse[:size, size] = -projection / distance
        inverse[size, size] = 1 / distance
        support.append(atom)
        values = inverse[: size + 1, : size + 1] @ product[support]
        code[support] = values
        if 1 - values @ product[support] <= tol:
            return
        correlation = product - values @ gram[support]
