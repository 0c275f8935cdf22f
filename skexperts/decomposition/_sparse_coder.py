"""The transformer from rows to sparse codes."""

from numbers import Integral, Real

import numpy as np
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if

from skexperts._numeric.dictionary import Statistics
from skexperts._sklearn import Interval, StrOptions, fit_context
from skexperts._threads import one_blas_thread
from skexperts._validation import all_or_nothing
from skexperts.decomposition._base import BaseSparseCoder
from skexperts.decomposition._dictionary import (
    first_atoms,
    make_dictionary,
    without_zero_rows,
)
from skexperts.decomposition._encode import max_useful_alpha
from skexperts.decomposition._learn import in_batches, learn, learn_pass


def _learns(coder):
    return isinstance(coder.dictionary, str) and coder.dictionary == "learn"


class SparseCoder(BaseSparseCoder):
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

    alpha : float or "auto", default=1.0
        Weight of the penalty, or threshold, in units of the products :math:`x \cdot
        d_k`; see `max_useful_alpha_`. ``"omp"`` uses it only to learn a dictionary.
        ``"auto"`` finds the value, at least a millionth of the largest useful one, at
        which the training rows have `n_nonzero_coefs` non-zeros in the mean: while
        learning on the first atoms, and then once more on the atoms learned.
        0 is allowed for ``"threshold"``, for ``dictionary="identity"``, and for
        ``"omp"`` unless the dictionary is learned.

    l1_ratio : float, default=0.5
        Share of the l1 norm in the penalty of ``"elastic_net"``, in (0, 1].

    n_nonzero_coefs : int, default=None
        Largest number of atoms per row of ``"omp"``, and the mean number that
        ``alpha="auto"`` aims at; None means a tenth of the features, at least 1.

    dictionary : {"learn", "kmeans", "sample", "identity"} or array, default="learn"
        Where the atoms come from; an array has shape (n_components, n_features).

        - ``"learn"``: online dictionary learning [2]_ with lasso codes of weight
          `alpha` (elastic net codes for ``"elastic_net"``) and atoms of norm at most 1,
          from random rows, in passes over the rows until one improves the objective by
          less than a thousandth. Atoms that no row uses are replaced by rows that are
          coded badly.
        - ``"kmeans"``: the centres of mini-batch k-means, scaled to norm 1.
        - ``"sample"``: random distinct rows, scaled to norm 1 [3]_.
        - ``"identity"``: no dictionary; the features are coded as they are. The lasso
          is then the soft threshold of X.
        - an array: atoms used as given.

    positive : bool, default=False
        Whether codes must be non-negative.

    tol : float, default=1e-4
        Precision of the code of a row, relative to its squared norm: ``"lasso"`` and
        ``"elastic_net"`` stop when the duality gap, ``"omp"`` when the squared residual
        is at most `tol` times :math:`\lVert x \rVert_2^2`.

    max_iter : int, default=1000
        Largest number of steps per row: an atom enters, or leaves.

    batch_size : int, default=1024
        Number of rows that a thread codes at a time, rounded up to a multiple of 256.
        It has no part in the model, and may be changed after fit.

    n_jobs : int, default=None
        Number of batches that `transform` codes in parallel, in threads;
        ``"threshold"`` needs none. The codes do not depend on it. It may be changed
        after fit.

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
        by `l1_ratio` for ``"elastic_net"``. Infinite for ``"omp"``. After `partial_fit`
        the largest met so far, each row with the atoms as they were at its step.

    alpha_ : float
        The weight of the penalty that is used.

    n_iter_ : int
        Passes over the rows that made the dictionary, more than one only for
        ``"learn"`` and ``"kmeans"``; calls of `partial_fit`.

    objective_ : list of float
        For ``"learn"``, the mean over the rows (without rows of zeros) of the value of
        the lasso or elastic net problem in each pass, or call of `partial_fit`, each
        batch coded before the atoms learn from it.

    n_features_in_ : int
        Number of features seen during fit.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if X had any.

    Raises
    ------
    ValueError
        If `alpha` is 0 where the code has then no zeros, if `dictionary` is an array of
        another shape or not finite, or if X has fewer distinct non-zero rows than the
        atoms that ``"kmeans"`` and ``"sample"`` make of them.
    TypeError
        If X is sparse and would have to be made dense: for ``"omp"`` with
        ``dictionary="identity"``.

    Notes
    -----
    A row is coded by an active set: a Newton step on the atoms in use, then the atom of
    the largest correlation enters [4]_. This takes the products of the row with all
    atoms, from one matrix product of many rows, and a few rows of the Gram matrix of
    the dictionary. Codes are computed in the dtype of the training rows; `tol` is at
    least 64 of its machine epsilons, except for ``"omp"``. Zero atoms and zero rows
    have code 0.

    All parameters but `batch_size` and `n_jobs` are read by `fit`: setting them later
    changes nothing until the next `fit`.

    References
    ----------
    .. [1] R. Tibshirani, "Regression shrinkage and selection via the lasso", Journal of
       the Royal Statistical Society B 58(1), 1996.
    .. [2] J. Mairal, F. Bach, J. Ponce and G. Sapiro, "Online learning for matrix
       factorization and sparse coding", Journal of Machine Learning Research 11, 2010.
    .. [3] A. Coates and A. Y. Ng, "The importance of encoding versus training with
       sparse coding and vector quantization", ICML 2011.
    .. [4] H. Lee, A. Battle, R. Raina and A. Y. Ng, "Efficient sparse coding
       algorithms", NIPS 2006.

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
        "alpha": [Interval(Real, 0, None, closed="left"), StrOptions({"auto"})],
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
    def fit(self, X, y=None, sample_weight=None) -> "SparseCoder":
        """Make the dictionary.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training rows.
        y : Ignored
            Not used.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights in learning and k-means. Rows of weight 0 are left out.

        Returns
        -------
        self : SparseCoder
        """
        with all_or_nothing(self):
            self._check_combination()
            X, weights = self._validate(X, sample_weight)
            rng = check_random_state(self.random_state)
            self._forget()
            if _learns(self):
                rows, weights = without_zero_rows(X, weights)
                self.components_ = first_atoms(rows, self.n_components, rng)
                penalty = self._penalty(rows, None)
                self._penalty_alpha = penalty["alpha"]
                self._statistics, self.objective_ = learn(
                    rows, self.components_, weights, penalty=penalty, rng=rng
                )
                self.n_iter_ = max(1, len(self.objective_))
            else:
                self.components_, self.n_iter_ = make_dictionary(
                    X, self.dictionary, self.n_components, weights=weights, rng=rng
                )
            self._prepare(self._final_alpha(X))
            self.max_useful_alpha_ = max_useful_alpha(X, self._prepared.encoder())
        return self

    @available_if(_learns)
    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y=None, sample_weight=None) -> "SparseCoder":
        """Learn from more rows, each once, in the order given.

        Only for ``dictionary="learn"``: others are made of all rows at once.
        The first call with rows other than zeros takes its atoms from them, and fixes
        `alpha`. `n_components` must stay; other parameters are read anew.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training rows.
        y : Ignored
            Not used.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights. Rows of weight 0 are left out.

        Returns
        -------
        self : SparseCoder
        """
        with all_or_nothing(self):
            self._check_combination()
            first = not hasattr(self, "_statistics")
            if not first:
                self._check_n_components()
            X, weights = self._validate(X, sample_weight, reset=first)
            rows, weights = without_zero_rows(X, weights)
            if first:
                self.objective_, self.n_iter_, self.max_useful_alpha_ = [], 0, 0.0
            # Rows of zeros give neither atoms nor a penalty.
            nothing_yet = not self.objective_
            if nothing_yet:
                rng = check_random_state(self.random_state)
                self.components_ = first_atoms(rows, self.n_components, rng)
                self._statistics = Statistics.start(self.components_)
            else:
                self.components_ = self.components_.copy()
            penalty = self._penalty(rows, None if nothing_yet else self._penalty_alpha)
            self._penalty_alpha = penalty["alpha"]
            if rows.shape[0]:
                with one_blas_thread():
                    self._statistics, objective, useful_alpha = learn_pass(
                        in_batches(rows, weights),
                        self.components_,
                        self._statistics,
                        penalty,
                    )
                self.objective_ = [*self.objective_, objective]
                self.max_useful_alpha_ = max(self.max_useful_alpha_, useful_alpha)
            self.n_iter_ += 1
            if self.method == "omp":
                self.max_useful_alpha_ = np.inf
            self._prepare(self._final_alpha(X) if nothing_yet else self.alpha_)
        return self

    def _final_alpha(self, X):
        if self.method == "omp" and _learns(self):
            return self._penalty_alpha
        return self._choose_alpha(X, self._encoder_options())

    def _forget(self):
        for name in ("_statistics", "_penalty_alpha", "objective_"):
            vars(self).pop(name, None)

    def _check_combination(self):
        descent = self.method in ("lasso", "elastic_net")
        if self.alpha == 0 and (
            _learns(self) or (descent and not self._dictionary_is("identity"))
        ):
            raise ValueError(
                "alpha=0 is least squares and gives no zeros, but method="
                f"{self.method!r} with this dictionary needs alpha > 0: use a small "
                'alpha, or method="threshold" with a dictionary that is not learned.'
            )
