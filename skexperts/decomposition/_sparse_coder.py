"""The transformer from rows to sparse codes."""

import warnings
from numbers import Integral, Real

import numpy as np
from scipy.sparse import issparse
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_array, check_random_state
from sklearn.utils.validation import check_is_fitted

from skexperts._parallel import users_stacklevel
from skexperts._sklearn import Interval, StrOptions, align_sparse_api, fit_context
from skexperts._validation import (
    FLOAT_DTYPES,
    all_or_nothing,
    validate_fit,
    validate_predict,
)
from skexperts.decomposition._dictionary import make_dictionary
from skexperts.decomposition._encode import encode, make_encoder, max_useful_alpha


class SparseCoder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    r"""Code every row as a combination of few atoms of a dictionary.

    With the dictionary :math:`D` of shape (n_components, n_features), the code
    :math:`z` of a row :math:`x` is

    .. math::

        \min_z \tfrac12 \lVert x - zD \rVert_2^2 + \alpha \lVert z \rVert_1

    for ``method="lasso"`` [1]_. The methods ``"elastic_net"``, ``"omp"`` and
    ``"threshold"`` are variants of it, and the dictionary is learned, made from the
    rows, or given.

    Parameters
    ----------
    n_components : int, default=100
        Number of atoms. Ignored if `dictionary` is ``"identity"`` or an array.

    method : {"lasso", "elastic_net", "omp", "threshold"}, default="lasso"
        How a row is coded.

        - ``"lasso"``: the problem above.
        - ``"elastic_net"``: with the penalty :math:`\alpha (\rho \lVert z \rVert_1 +
          \tfrac12 (1 - \rho) \lVert z \rVert_2^2)`, where :math:`\rho` is `l1_ratio`.
        - ``"omp"``: orthogonal matching pursuit. Take the atom of highest correlation
          with what is left of the row, fit the row on all atoms taken, and repeat until
          there are `n_nonzero_coefs` of them or :math:`\lVert x - zD \rVert_2^2 \le`
          `tol` :math:`\lVert x \rVert_2^2`, whichever comes first.
        - ``"threshold"``: soft threshold of the products [3]_,
          :math:`z_k = \mathrm{sign}(x \cdot d_k) \max(|x \cdot d_k| - \alpha, 0)`.

    alpha : float, default=1.0
        Weight of the penalty, or threshold, in units of the products :math:`x \cdot
        d_k`; see `max_useful_alpha_`. ``"omp"`` uses it only to learn a dictionary.
        0 is allowed for ``"threshold"``, for ``dictionary="identity"``, and for
        ``"omp"`` unless the dictionary is learned.

    l1_ratio : float, default=0.5
        Share of the l1 norm in the penalty of ``"elastic_net"``, in (0, 1].

    n_nonzero_coefs : int, default=None
        Largest number of atoms per row of ``"omp"``; None means a tenth of the
        features, at least 1.

    dictionary : {"learn", "kmeans", "sample", "identity"} or array, default="learn"
        Where the atoms come from; an array has shape (n_components, n_features).

        - ``"learn"``: online dictionary learning [2]_ with lasso codes, of weight
          `alpha` (for ``"elastic_net"`` `alpha` times `l1_ratio`), and atoms of norm
          at most 1.
        - ``"kmeans"``: the centres of mini-batch k-means, scaled to norm 1.
        - ``"sample"``: random distinct rows, scaled to norm 1 [3]_.
        - ``"identity"``: no dictionary; the features are coded as they are. The lasso
          is then the soft threshold of X.
        - an array: atoms used as given.

    positive : bool, default=False
        Whether codes must be non-negative. Not available for ``"omp"``.

    tol : float, default=1e-4
        Precision of the code of a row, relative to its squared norm: ``"lasso"`` and
        ``"elastic_net"`` stop when the duality gap, ``"omp"`` when the squared residual
        is at most `tol` times :math:`\lVert x \rVert_2^2`.

    max_iter : int, default=1000
        Largest number of sweeps over the atoms by coordinate descent, per row.

    batch_size : int, default=1024
        Number of rows coded at once by `transform`. It bounds the memory and has no
        part in the model: it may be changed after fit.

    n_jobs : int, default=None
        Number of batches coded in parallel, by ``"lasso"``, ``"elastic_net"`` and
        ``"omp"``. The codes do not depend on it. It may be changed after fit.

    random_state : int, RandomState instance or None, default=None
        Seed of the dictionary; used by ``"learn"``, ``"kmeans"`` and ``"sample"``.

    sparse_output : bool, default=True
        Whether `transform` returns CSR or, as `set_output` needs it, a dense array.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        The atoms, one per row; a sparse identity for ``dictionary="identity"``.

    max_useful_alpha_ : float
        From this alpha on every code of the training rows is zero: the largest
        :math:`|x \cdot d_k|` (if `positive`, the largest :math:`x \cdot d_k`), divided
        by `l1_ratio` for ``"elastic_net"``. Infinite for ``"omp"``.

    n_iter_ : int
        Passes over the rows that made the dictionary: more than one only for
        ``"learn"`` and ``"kmeans"``.

    n_features_in_ : int
        Number of features seen during fit.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if X had any.

    Raises
    ------
    ValueError
        If `positive` is set for ``"omp"``, if `alpha` is 0 where the code has then no
        zeros, if `dictionary` is an array of another shape or not finite, or if X has
        fewer distinct non-zero rows than the atoms to be made of them.
    TypeError
        If X is sparse and would have to be made dense. Sparse X is coded by
        ``"threshold"`` unless the dictionary is learned, and by ``"lasso"`` and
        ``"elastic_net"`` with ``dictionary="identity"``.

    Notes
    -----
    Codes are computed in float64 and returned in the dtype of the training rows. Zero
    atoms and zero rows have code 0. All parameters but `batch_size` and `n_jobs` are
    read by `fit`: setting them later changes nothing until the next `fit`.

    References
    ----------
    .. [1] R. Tibshirani, "Regression shrinkage and selection via the lasso", Journal of
       the Royal Statistical Society B 58(1), 1996.
    .. [2] J. Mairal, F. Bach, J. Ponce and G. Sapiro, "Online learning for matrix
       factorization and sparse coding", Journal of Machine Learning Research 11, 2010.
    .. [3] A. Coates and A. Y. Ng, "The importance of encoding versus training with
       sparse coding and vector quantization", ICML 2011.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skexperts.decomposition import SparseCoder
    >>> X, _ = load_digits(return_X_y=True)
    >>> coder = SparseCoder(30, alpha=10.0, dictionary="sample", random_state=0).fit(X)
    >>> codes = coder.transform(X)
    >>> codes.shape
    (1797, 30)
    >>> codes.nnz < 0.5 * codes.shape[0] * codes.shape[1]
    True
    >>> coder.inverse_transform(codes).shape
    (1797, 64)
    """

    _parameter_constraints: dict = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "method": [StrOptions({"lasso", "elastic_net", "omp", "threshold"})],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "l1_ratio": [Interval(Real, 0, 1, closed="right")],
        "n_nonzero_coefs": [Interval(Integral, 1, None, closed="left"), None],
        "dictionary": [
            StrOptions({"learn", "kmeans", "sample", "identity"}),
            "array-like",
        ],
        "positive": ["boolean"],
        "tol": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
        "sparse_output": ["boolean"],
    }

    def __init__(
        self,
        n_components=100,
        *,
        method="lasso",
        alpha=1.0,
        l1_ratio=0.5,
        n_nonzero_coefs=None,
        dictionary="learn",
        positive=False,
        tol=1e-4,
        max_iter=1000,
        batch_size=1024,
        n_jobs=None,
        random_state=None,
        sparse_output=True,
    ):
        self.n_components = n_components
        self.method = method
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.n_nonzero_coefs = n_nonzero_coefs
        self.dictionary = dictionary
        self.positive = positive
        self.tol = tol
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.sparse_output = sparse_output

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None) -> "SparseCoder":
        """Make the dictionary.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training rows.
        y : Ignored
            Not used.

        Returns
        -------
        self : SparseCoder
        """
        with all_or_nothing(self):
            self._check_combination()
            accept_sparse = self._accepts_sparse()
            _check_sparse(X, accept_sparse, self.method)
            self._fit(validate_fit(self, X, accept_sparse=accept_sparse))
        return self

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
        encoder = self._encoder
        accept_sparse = encoder.gram is None
        _check_sparse(X, accept_sparse, encoder.method)
        X = validate_predict(
            self, X, accept_sparse=accept_sparse, dtype=self.components_.dtype
        )
        codes, n_unconverged = encode(
            X, encoder, batch_size=self.batch_size, n_jobs=self.n_jobs
        )
        if n_unconverged:
            warnings.warn(
                f"the codes of {n_unconverged} of {X.shape[0]} rows did not reach "
                f"tol={encoder.tol:g} in max_iter={encoder.max_iter} sweeps: increase "
                "max_iter, tol or alpha.",
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
                f"X has {codes.shape[1]} columns, but codes of this SparseCoder have "
                f"{self._n_features_out}, one per atom: pass what transform returns."
            )
        return align_sparse_api(codes @ self.components_)

    def _fit(self, X):
        penalty = self.alpha
        if self.method == "elastic_net":
            penalty *= self.l1_ratio
        self.components_, self.n_iter_ = make_dictionary(
            X,
            self.dictionary,
            self.n_components,
            penalty=penalty,
            positive=self.positive,
            max_iter=self.max_iter,
            rng=check_random_state(self.random_state),
        )
        self._encoder = make_encoder(
            self.components_,
            method=self.method,
            alpha=self.alpha,
            l1_ratio=self.l1_ratio,
            n_nonzero_coefs=self.n_nonzero_coefs,
            positive=self.positive,
            tol=self.tol,
            max_iter=self.max_iter,
        )
        self._sparse_codes = self.sparse_output
        self.max_useful_alpha_ = max_useful_alpha(X, self._encoder)

    def _check_combination(self):
        if self.positive and self.method == "omp":
            raise ValueError(
                'positive=True is not available for method="omp": use method="lasso", '
                '"elastic_net" or "threshold".'
            )
        descent = self.method in ("lasso", "elastic_net")
        if self.alpha == 0 and (
            self._dictionary_is("learn")
            or (descent and not self._dictionary_is("identity"))
        ):
            raise ValueError(
                "alpha=0 is least squares and gives no zeros, but method="
                f"{self.method!r} with this dictionary needs alpha > 0: use a small "
                'alpha, or method="threshold" with a dictionary that is not learned.'
            )

    def _dictionary_is(self, name) -> bool:
        return isinstance(self.dictionary, str) and self.dictionary == name

    def _accepts_sparse(self) -> bool:
        if self._dictionary_is("identity"):
            return self.method != "omp"
        return self.method == "threshold" and not self._dictionary_is("learn")

    @property
    def _n_features_out(self) -> int:
        return self.components_.shape[0]

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = self._accepts_sparse()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _check_sparse(X, accept_sparse, method):
    if issparse(X) and not accept_sparse:
        raise TypeError(
            f"X is sparse, but method={method!r} with this dictionary needs dense X: "
            'use method="threshold" with dictionary="kmeans", "sample" or an array; '
            'method="lasso", "elastic_net" or "threshold" with dictionary="identity"; '
            "or X.toarray()."
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
