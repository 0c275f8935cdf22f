"""KMeans, fitted on a sample of many rows."""

import numpy as np
from sklearn.cluster import KMeans
from sklearn.utils import check_random_state

from skexperts._rows import take_rows

# Rows beyond these say little more of the centres. The first is for all of them, the
# second for each.
_MOST_ROWS = 30_000
_ROWS_PER_CENTRE = 256


class _SampledKMeans(KMeans):
    """KMeans on 30 000 rows or 256 a centre, drawn at random if there are more.

    ``labels_`` and ``inertia_`` are those of the sample. KMeans copies the rows it is
    fitted on, so that the sample bounds the memory as well.
    """

    def fit(self, X, y=None, sample_weight=None):
        """Compute the centres.

        Parameters
        ----------
        X : ndarray, CSR or dataframe of shape (n_samples, n_features)
        y : ignored
        sample_weight : ndarray of shape (n_samples,), optional

        Returns
        -------
        self : KMeans
        """
        n_rows = X.shape[0]
        size = max(_MOST_ROWS, _ROWS_PER_CENTRE * self.n_clusters)
        if n_rows > size:
            rng = check_random_state(self.random_state)
            rows = np.sort(rng.permutation(n_rows)[:size])
            X = take_rows(X, rows)
            sample_weight = None if sample_weight is None else sample_weight[rows]
        return super().fit(X, y, sample_weight)
