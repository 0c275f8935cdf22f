"""The penalty at which codes have a wanted number of non-zeros."""

import numpy as np

from skexperts.decomposition._encode import encode, max_useful_alpha

_SCAN_ROWS = 1024
_HALVINGS = 20


def alpha_of_density(X, n_nonzero, make):
    """Return an alpha at which the codes have n_nonzero non-zeros a row in the mean.

    Bisection between the largest useful alpha and a millionth of it, on a logarithmic
    scale; the larger of two alphas if there is a jump.

    Parameters
    ----------
    X : ndarray or CSR of shape (n_samples, n_features)
        Of many rows some, evenly spaced, are coded.
    n_nonzero : float
    make : callable
        ``make(alpha)`` gives an encoder.
    """
    rows = X[np.arange(0, X.shape[0], -(-X.shape[0] // _SCAN_ROWS))]
    high = max_useful_alpha(rows, make(1.0))
    if high == 0:
        return 1.0
    low = 1e-6 * high
    for _ in range(_HALVINGS):
        alpha = (low * high) ** 0.5
        codes, _ = encode(rows, make(alpha), batch_size=_SCAN_ROWS, n_jobs=None)
        if codes.nnz > n_nonzero * rows.shape[0]:
            low = alpha
        else:
            high = alpha
    return float(high)
