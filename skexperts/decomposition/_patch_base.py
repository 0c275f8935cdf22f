"""What coders of images do once they are fitted: codes, images of codes, names."""

import warnings
from abc import ABCMeta, abstractmethod

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_array, gen_batches
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skexperts._doc_links import DocLinkMixin
from skexperts._numeric.patches import join_patches
from skexperts._sklearn import align_sparse_api
from skexperts._validation import FLOAT_DTYPES, validate_predict
from skexperts._warnings import users_stacklevel
from skexperts.decomposition._encode_patches import PatchEncoder, encode_images


def _keeps_images(coder):
    if hasattr(coder, "_pooled"):
        return coder._pooled.grid is None and coder.contrast_floor_ is None
    return coder.pool_grid is None and coder.contrast_eps is None


class BasePatchCoder(DocLinkMixin, TransformerMixin, BaseEstimator, metaclass=ABCMeta):
    """A transformer of images with a coder of patches; subclasses fit it."""

    @abstractmethod
    def fit(self, X, y=None):
        """Fit the coder of patches."""

    def transform(self, X):
        """Code the patches of images.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_images, n_features)

        Returns
        -------
        codes : ndarray or CSR of shape (n_images, n_outputs)
            Cell by cell (or patch by patch) of the images from left to right and top to
            bottom; of each the parts above zero, one per atom, then those below.
        """
        check_is_fitted(self)
        X = validate_predict(self, X, dtype=self.components_.dtype)
        encoder = self._encoder()
        codes, n_unconverged = encode_images(
            X,
            encoder,
            sparse=self._sparse_codes,
            batch_size=self.batch_size,
            n_jobs=self.n_jobs,
        )
        if n_unconverged:
            n_patches = X.shape[0] * self._geometry.n_patches
            warnings.warn(
                f"the codes of {n_unconverged} of {n_patches} patches did not reach "
                f"tol={encoder.encoder.tol:g} in max_iter={encoder.encoder.max_iter} "
                "steps: increase max_iter, tol or alpha.",
                ConvergenceWarning,
                stacklevel=users_stacklevel(),
            )
        return align_sparse_api(codes)

    @available_if(_keeps_images)
    def inverse_transform(self, X):
        """Return the images that codes stand for: means over overlapping patches.

        Only for ``pool_grid=None`` and ``contrast_eps=None``: pooled codes have lost
        the patches, and normalised patches their means and contrast. Pixels without a
        patch are 0.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_images, n_outputs)
            Codes.

        Returns
        -------
        X_original : ndarray of shape (n_images, n_features)
        """
        check_is_fitted(self)
        codes = check_array(X, accept_sparse="csr", dtype=FLOAT_DTYPES, input_name="X")
        encoder = self._encoder()
        if codes.shape[1] != encoder.n_outputs:
            raise ValueError(
                f"X has {codes.shape[1]} columns, but codes of this PatchSparseCoder "
                f"have {encoder.n_outputs}: pass what transform returns."
            )
        atoms = self.components_
        if self.whitening_ is not None:
            atoms = np.linalg.solve(self.whitening_, atoms.T).T
        if self._pooled.n_signs == 2:
            atoms = np.vstack([atoms, -atoms])
        batches = gen_batches(codes.shape[0], self.batch_size)
        return np.vstack(
            [
                join_patches(
                    codes[rows].reshape((-1, len(atoms))) @ atoms, self._geometry
                )
                for rows in batches
            ]
        )

    def get_feature_names_out(self, input_features=None):
        """Return the names of the outputs.

        Parameters
        ----------
        input_features : Ignored
            Not used.

        Returns
        -------
        names : ndarray of str
            ``atom7+_0_1`` is what atom 7 has above zero in the cell, or patch, of row 0
            and column 1.
        """
        check_is_fitted(self)
        rows, columns = self._pooled.grid or self._geometry.n_places
        signs = "+-" if self._pooled.n_signs == 2 else [""]
        return np.array(
            [
                f"atom{k}{sign}_{row}_{column}"
                for row in range(rows)
                for column in range(columns)
                for sign in signs
                for k in range(len(self.components_))
            ],
            dtype=object,
        )

    def _encoder(self):
        return PatchEncoder(
            self._geometry,
            self.contrast_floor_,
            self.whitening_,
            self.coder_._prepared.encoder(),
            self._pooled,
        )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
