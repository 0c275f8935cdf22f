"""What coders by a dictionary have in common: codes, their inverse, and the encoder."""

import warnings
from abc import ABCMeta, abstractmethod

import numpy as np
from scipy.sparse import issparse
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted

from skexperts._doc_links import DocLinkMixin
from skexperts._sklearn import align_sparse_api
from skexperts._validation import (
    FLOAT_DTYPES,
    drop_weightless,
    validate_fit,
    validate_predict,
    validate_sample_weight,
)
from skexperts._warnings import users_stacklevel
from skexperts.decomposition._alpha import alpha_of_density
from skexperts.decomposition._encode import (
    Preparation,
    encode,
    make_encoder,
    max_useful_alpha,
)

# Codes on the way to a dictionary need not be exact.
_TOL_ON_THE_WAY = 1e-4


class BaseSparseCoder(
    DocLinkMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    BaseEstimator,
    metaclass=ABCMeta,
):
    """A transformer with ``components_``; subclasses say where these come from."""

    # What of the parameters helps where codes are not exact.
    _remedies = "max_iter, tol or alpha"

    @abstractmethod
    def fit(self, X, y=None):
        """Make the dictionary."""

    def transform(self, X):
        """Code the rows of X.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        codes : CSR or ndarray of shape (n_samples, n_components)
        """
        check_is_fitted(self)
        encoder = self._prepared.encoder()
        accept_sparse = encoder.method != "omp" or not issparse(self.components_)
        _check_sparse(X, accept_sparse)
        X = validate_predict(
            self, X, accept_sparse=accept_sparse, dtype=self.components_.dtype
        )
        codes, n_unconverged = encode(
            X, encoder, batch_size=self._task_rows, n_jobs=self.n_jobs
        )
        if n_unconverged:
            warnings.warn(
                f"the codes of {n_unconverged} of {X.shape[0]} rows did not reach "
                f"tol={encoder.tol:g} in max_iter={encoder.max_iter} steps: increase "
                f"{self._remedies}.",
                ConvergenceWarning,
                stacklevel=users_stacklevel(),
            )
        if codes.nnz == 0 and (X.count_nonzero() if issparse(X) else X.any()):
            warnings.warn(
                _explain_zeros(X, encoder), UserWarning, stacklevel=users_stacklevel()
            )
        return align_sparse_api(codes) if self._sparse_codes else codes.toarray()

    def inverse_transform(self, X):
        """Return the rows that codes stand for, codes times dictionary.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_components)
            Codes.

        Returns
        -------
        X_original : ndarray of shape (n_samples, n_features)
            CSR for CSR codes with ``dictionary="identity"``.
        """
        check_is_fitted(self)
        codes = check_array(X, accept_sparse="csr", dtype=FLOAT_DTYPES, input_name="X")
        if codes.shape[1] != self._n_features_out:
            raise ValueError(
                f"X has {codes.shape[1]} columns, but codes of this "
                f"{type(self).__name__} have {self._n_features_out}, one per atom: "
                "pass what transform returns."
            )
        return align_sparse_api(codes @ self.components_)

    def _validate(self, X, sample_weight, reset=True):
        accept_sparse = self._accepts_sparse()
        _check_sparse(X, accept_sparse)
        if reset:
            X = validate_fit(self, X, accept_sparse=accept_sparse)
        else:
            X = validate_predict(
                self, X, accept_sparse=accept_sparse, dtype=self.components_.dtype
            )
        weights = validate_sample_weight(sample_weight, X)
        weights, X = drop_weightless(weights, X)
        return X, weights

    def _check_n_components(self):
        """Raise a ValueError unless partial_fit can go on."""
        if self.n_components != len(self.components_):
            raise ValueError(
                f"n_components={self.n_components}, but the dictionary that "
                f"partial_fit goes on with has {len(self.components_)} atoms. Call fit "
                "to begin anew."
            )

    def _penalty(self, rows, alpha):
        """Arguments of the encoder of the codes on the way to the dictionary."""
        method = "elastic_net" if self.method == "elastic_net" else "lasso"
        options = self._encoder_options() | {"method": method, "tol": _TOL_ON_THE_WAY}
        if alpha is None:
            alpha = self._choose_alpha(rows, options)
        return options | {"alpha": alpha}

    def _prepare(self, alpha):
        self.alpha_ = alpha
        self._prepared = Preparation(
            self.components_, alpha=alpha, **self._encoder_options()
        )
        self._sparse_codes = self.sparse_output

    def _choose_alpha(self, X, options):
        if self.alpha != "auto":
            return float(self.alpha)
        if options["method"] == "omp" or not X.shape[0]:
            return 1.0  # without effect
        wanted = self.n_nonzero_coefs or max(1, X.shape[1] // 10)
        return alpha_of_density(
            X,
            wanted,
            lambda alpha: make_encoder(self.components_, alpha=alpha, **options),
        )

    def _encoder_options(self):
        return {
            "method": self.method,
            "l1_ratio": self.l1_ratio,
            "n_nonzero_coefs": self.n_nonzero_coefs,
            "positive": self.positive,
            "tol": self.tol,
            "max_iter": self.max_iter,
        }

    def _dictionary_is(self, name) -> bool:
        return isinstance(self.dictionary, str) and self.dictionary == name

    def _accepts_sparse(self) -> bool:
        return not (self._dictionary_is("identity") and self.method == "omp")

    @property
    def _task_rows(self) -> int:
        """Rows that a thread codes at a time."""
        return self.batch_size

    @property
    def _n_features_out(self) -> int:
        return self.components_.shape[0]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = self._accepts_sparse()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _check_sparse(X, accept_sparse):
    if issparse(X) and not accept_sparse:
        raise TypeError(
            'X is sparse, but method="omp" with dictionary="identity" needs dense X: '
            'use another dictionary, method="threshold", or X.toarray().'
        )


def _explain_zeros(X, encoder) -> str:
    limit = max_useful_alpha(X, encoder)
    if 0 < limit < np.inf:
        return (
            f"all codes are zero: alpha={encoder.alpha:g} is too large; the largest "
            f"useful alpha for these rows is {limit:.6g}."
        )
    rule = "has a positive product" if encoder.positive else "correlates"
    return f"all codes are zero: no atom {rule} with any of these rows."
