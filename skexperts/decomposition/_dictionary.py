"""How a dictionary is made: by k-means, sampled, given, or the identity."""

import numpy as np
from scipy.sparse import eye_array, issparse
from sklearn.cluster import MiniBatchKMeans
from sklearn.utils import check_array

from skexperts._numeric.coding import squared_norms
from skexperts._sklearn import align_sparse_api
from skexperts.decomposition._encode import row_norms

# Among so many rows for each first atom different ones are looked for.
_ROWS_SEEN = 20


def make_dictionary(X, dictionary, n_components, *, weights, rng):
    """Return a dictionary that is not learned, and the passes over X that made it.

    Rows of zeros take no part: they are coded by zero whatever the atoms are.

    Parameters
    ----------
    X : ndarray or CSR of shape (n_samples, n_features)
    dictionary : str or array-like of shape (n_components, n_features)
    n_components : int
    weights : ndarray of shape (n_samples,), positive, or None
    rng : RandomState

    Returns
    -------
    components : ndarray of shape (n_components, n_features)
        Of the dtype of X; sparse for the identity.
    n_iter : int
    """
    n_features = X.shape[1]
    if not isinstance(dictionary, str):
        return given_atoms(dictionary, X), 1
    if dictionary == "identity":
        return align_sparse_api(eye_array(n_features, dtype=X.dtype, format="csr")), 1
    rows, weights = without_zero_rows(X, weights)
    if rows.shape[0] < n_components:
        _raise_too_few(dictionary, n_components, X.shape[0], rows.shape[0])
    if dictionary == "kmeans":
        model = MiniBatchKMeans(n_components, n_init=1, random_state=rng)
        model.fit(rows, sample_weight=weights)
        centers = model.cluster_centers_
        return centers / row_norms(centers)[:, None], int(model.n_iter_)
    atoms = _sample(rows, n_components, rng)
    if len(atoms) < n_components:
        _raise_too_few(dictionary, n_components, X.shape[0], len(atoms))
    return atoms / row_norms(atoms)[:, None], 1


def given_atoms(dictionary, X):
    """Return a copy of the atoms of a user as an array, or raise a ValueError."""
    try:
        atoms = check_array(
            dictionary, dtype=X.dtype, order="C", copy=True, input_name="dictionary"
        )
    except ValueError as error:
        raise ValueError(
            "dictionary must be a finite array of shape (n_components, n_features), or "
            f"one of 'identity', 'kmeans', 'learn', 'sample': {error}"
        ) from error
    n_features = X.shape[1]
    if atoms.shape[1] != n_features:
        raise ValueError(
            f"dictionary has {atoms.shape[1]} features, but X has {n_features}: give "
            f"one atom per row, an array of shape (n_components, {n_features})."
        )
    return atoms


def first_atoms(X, n_components, rng):
    """Return different rows at norm 1, and zeros if there are not enough of them."""
    atoms = np.zeros((n_components, X.shape[1]), dtype=X.dtype)
    rows = without_zero_rows(X)[0]
    if rows.shape[0] > _ROWS_SEEN * n_components:
        rows = rows[rng.permutation(rows.shape[0])[: _ROWS_SEEN * n_components]]
    rows = _sample(rows, n_components, rng)
    if len(rows):
        atoms[: len(rows)] = rows / row_norms(rows)[:, None]
    return atoms


def without_zero_rows(X, weights=None):
    """Return the rows that are not all zero, and their weights."""
    if squared_norms(X).all():
        return X, weights
    used = np.asarray((X != 0).sum(axis=1)).ravel() > 0
    return X[used], None if weights is None else weights[used]


def _sample(rows, n_components, rng):
    """Draw up to n_components rows of different values."""
    drawn: dict[bytes, np.ndarray] = {}
    for i in rng.permutation(rows.shape[0]):
        # Adding 0 turns -0.0 into 0.0, an equal value of other bytes.
        row = (rows[[i]].toarray()[0] if issparse(rows) else rows[i]) + 0
        drawn.setdefault(row.tobytes(), row)
        if len(drawn) == n_components:
            break
    return np.array(list(drawn.values()), dtype=rows.dtype)


def _raise_too_few(dictionary, n_components, n_samples, n_useful):
    raise ValueError(
        f"dictionary={dictionary!r} makes n_components={n_components} atoms of "
        f"distinct non-zero rows, but X with n_samples={n_samples} has only "
        f"{n_useful}: lower n_components."
    )
