"""The selector of features."""

import warnings
from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.feature_selection import SelectorMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import check_is_fitted

from skexperts._doc_links import DocLinkMixin
from skexperts._numeric.linear_gates import standardise
from skexperts._sklearn import Interval, StrOptions, fit_context
from skexperts._threads import one_blas_thread
from skexperts._validation import (
    all_or_nothing,
    classes_of,
    drop_weightless,
    validate_fit,
    validate_sample_weight,
)
from skexperts._warnings import users_stacklevel
from skexperts.feature_selection._clusters import dbscan_clusters, kmeans_clusters
from skexperts.feature_selection._graph import betweenness_scores, pagerank_scores
from skexperts.feature_selection._logistic import logistic_scores
from skexperts.feature_selection._t_test import relevance, t_test_scores

_NEEDS_Y = {"t_test", "logistic"}
_MAY_HAVE_Y = {"pagerank", "dbscan"}
_CLUSTERS = {"kmeans", "dbscan"}


class SparseFeatureSelector(DocLinkMixin, SelectorMixin, BaseEstimator):
    r"""Keep the k features that score highest by statistics, a graph, or clusters.

    With few features a gate and linear experts have less to learn and are easier to
    read. Features are compared on one scale: those that are standardised, with
    correlations :math:`r_{jl}`. Sparse X stays sparse.

    Parameters
    ----------
    strategy : str, default="t_test"
        What the score of a feature is, one of these.

        - ``"t_test"``: the largest absolute t statistic of Welch [1]_ of a class
          against all other rows; for a quantity that of its correlation with the
          feature.
        - ``"logistic"``: the largest absolute coefficient in L1-penalised logistic
          regressions of each class against the rest, with the strongest penalty of a
          path at which `k` features have one. Takes classes only.
        - ``"pagerank"``: PageRank [2]_ on the graph of the features, each joined to the
          10 that it correlates most with, edges of weight :math:`|r_{jl}|`. With y,
          the walk begins anew at features in proportion to their relevance
          :math:`t / \sqrt{n + t^2}`, where t is the score of ``"t_test"`` and n the
          number of rows.
        - ``"betweenness"``: the share of shortest paths through the feature [3]_ on
          the same graph, edges of length :math:`1 - |r_{jl}|`. With more than 200
          features only the paths from 200 of them, drawn at random.
        - ``"kmeans"``: `k` clusters of the features by k-means in the space of the
          rows, at distances :math:`\sqrt{2 (1 - r_{jl})}`. The feature nearest to the
          centre of a cluster scores the size of the cluster, others 0.
        - ``"dbscan"``: clusters of features joined by chains of
          :math:`|r_{jl}| \ge 1 -` `eps`. The feature with the highest sum of absolute
          correlations with its neighbours represents its cluster, and one that is
          unlike any other itself. They score their relevance as above if there is y,
          else the size of the cluster, others 0.

        ``"t_test"`` and ``"logistic"`` need y, ``"pagerank"`` and ``"dbscan"`` may have
        it, the others ignore it. The two on graphs need networkx.

    k : int or "all", default=10
        Number of features to keep. ``"kmeans"`` and ``"dbscan"`` keep no feature that
        scores 0: so ``"dbscan"`` may keep less than `k`, and ``"all"`` stands for one
        of each cluster and all that are unlike any other.

    task : {"auto", "classification", "regression"}, default="auto"
        Whether y has classes or is a quantity. "auto" takes strings, booleans and whole
        numbers as classes and other numbers as quantities; set it for counts.

    eps : float, default=0.3
        Largest distance :math:`1 - |r_{jl}|` of neighbours for ``"dbscan"``, between 0
        and 1.

    random_state : int, RandomState instance or None, default=None
        Used by ``"kmeans"``, by ``"betweenness"`` with more than 200 features, and for
        the order of the steps of ``"logistic"``.

    Attributes
    ----------
    scores_ : ndarray of shape (n_features,)
        The score of each feature. Constant features score 0.

    support_ : ndarray of shape (n_features,), of bool
        Which features are kept: those of highest score, a tie to the lowest index.

    labels_ : ndarray of shape (n_features,)
        For ``"kmeans"`` and ``"dbscan"``, the cluster of each feature; -1 for features
        that are constant or unlike any other.

    n_features_in_ : int
        Number of features seen during fit.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if ``X`` had string column names.

    See Also
    --------
    sklearn.feature_selection.SelectKBest : Scores by a function of X and y.
    sklearn.feature_selection.SelectFromModel : Scores by a model.
    SparseCoder : Sparse codes, new features rather than some of the old.

    Notes
    -----
    A feature that separates a class without any spread has the t statistic infinity. A
    single row, or a total weight of at most 1, has no variance: such a class plays no
    part in ``"t_test"``.

    A row of weight 2 is the same as the row twice. Rows of weight 0 are left out.

    Correlations of all pairs of features, for the graphs and ``"dbscan"``, take time
    that grows with the square of their number, and memory of a block of them at a time.
    The graph has at most 10 edges for each feature; that of ``"dbscan"`` has all pairs
    within `eps`. Points of ``"kmeans"`` that would have more than 2^24 coordinates are
    projected at random to at least 128 dimensions.

    References
    ----------
    .. [1] B. L. Welch (1947). The generalization of "Student's" problem when several
       different population variances are involved. Biometrika 34.
    .. [2] L. Page, S. Brin, R. Motwani, T. Winograd (1999). The PageRank citation
       ranking: bringing order to the web. Stanford InfoLab.
    .. [3] U. Brandes (2001). A faster algorithm for betweenness centrality. Journal of
       Mathematical Sociology 25(2).

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from skexperts.feature_selection import SparseFeatureSelector
    >>> X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    >>> selector = SparseFeatureSelector(k=3).fit(X, y)
    >>> selector.get_feature_names_out().tolist()
    ['mean concave points', 'worst perimeter', 'worst concave points']
    >>> SparseFeatureSelector("dbscan", k="all").fit_transform(X).shape
    (569, 8)
    """

    _parameter_constraints: dict = {
        "strategy": [StrOptions(_NEEDS_Y | _CLUSTERS | {"pagerank", "betweenness"})],
        "k": [Interval(Integral, 1, None, closed="left"), StrOptions({"all"})],
        "task": [StrOptions({"auto", "classification", "regression"})],
        "eps": [Interval(Real, 0, 1, closed="neither")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        strategy="t_test",
        *,
        k=10,
        task="auto",
        eps=0.3,
        random_state=None,
    ):
        self.strategy = strategy
        self.k = k
        self.task = task
        self.eps = eps
        self.random_state = random_state

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.target_tags.required = self.strategy in _NEEDS_Y
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, sample_weight=None):
        """Score the features and choose.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        y : array-like of shape (n_samples,), default=None
            Classes, or a quantity; see `task`.

        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights. They count repetitions.

        Returns
        -------
        self : SparseFeatureSelector

        Raises
        ------
        ImportError
            If the strategy needs networkx, and it is not installed.
        ValueError
            For data that cannot be used; the message says which. The estimator is left
            as it was.

        Warns
        -----
        UserWarning
            If there are fewer than `k` features. All are then kept, as far as the
            strategy allows.
        """
        with all_or_nothing(self):
            X, y, weights, classes = self._validate(X, y, sample_weight)
            k = X.shape[1] if self.k == "all" else self.k
            if k > X.shape[1]:
                warnings.warn(
                    f"k={k} is greater than the number of features, {X.shape[1]}: none "
                    'is left out for its score. Lower k, or set k="all".',
                    stacklevel=users_stacklevel(),
                )
            with one_blas_thread(), np.errstate(over="ignore", invalid="ignore"):
                scores, labels = self._score(X, y, weights, classes, k)
            best = np.argsort(-scores, kind="stable")[:k]
            if self.strategy in _CLUSTERS:
                best = best[scores[best] > 0]
            vars(self).pop("labels_", None)
            if labels is not None:
                self.labels_ = labels
            self.scores_ = scores
            self.support_ = np.zeros(len(scores), dtype=bool)
            self.support_[best] = True
        return self

    def _validate(self, X, y, sample_weight):
        reads_y = self.strategy in _NEEDS_Y or (
            self.strategy in _MAY_HAVE_Y and y is not None
        )
        if reads_y:
            y_numeric = self.task == "regression"
            X, y = validate_fit(self, X, y, ensure_min_samples=2, y_numeric=y_numeric)
            if y_numeric and y.dtype.kind not in "biuf":
                raise ValueError(
                    f'task="regression" needs y of numbers. Got the type {y.dtype}. '
                    'Leave task="auto" for classes.'
                )
        else:
            X, y = validate_fit(self, X, ensure_min_samples=2), None
        weights = validate_sample_weight(sample_weight, X)
        weights, X, y = drop_weightless(weights, X, y)
        if weights is None:
            weights = np.ones(X.shape[0])
        classes = None
        if reads_y and not self._is_regression(y):
            classes = classes_of(y)
        elif self.strategy == "logistic":
            raise ValueError(
                'strategy="logistic" needs classes, but y is a quantity. Use '
                'strategy="t_test", or set task="classification" for classes.'
            )
        return X, y, weights, classes

    def _is_regression(self, y):
        if self.task != "auto":
            return self.task == "regression"
        return type_of_target(y, input_name="y").startswith("continuous")

    def _score(self, X, y, weights, classes, k):
        """Return the scores, and the labels of clusters or None."""
        if self.strategy == "t_test":
            return _finite(t_test_scores(X, y, weights, classes=classes)), None
        shares = weights / weights.sum()
        columns = standardise(X, shares)
        _finite(columns.scale)
        if self.strategy in _CLUSTERS and np.isinf(columns.scale).all():
            raise ValueError(
                f"no feature of X varies, so that strategy={self.strategy!r} has "
                "nothing to cluster. Give features that are not constant."
            )
        rng = check_random_state(self.random_state)
        if self.strategy == "kmeans":
            return kmeans_clusters(columns, shares, k=k, rng=rng)
        seed = rng.randint(np.iinfo(np.int32).max)
        if self.strategy == "betweenness":
            return betweenness_scores(columns, shares, seed), None
        if self.strategy == "logistic":
            scores = logistic_scores(
                columns, y, shares, classes=classes, k=k, random_state=seed
            )
            return scores, None
        ties = None if y is None else relevance(X, y, weights, classes=classes)
        if self.strategy == "pagerank":
            return pagerank_scores(columns, shares, ties), None
        sizes, labels = dbscan_clusters(columns, shares, eps=self.eps)
        return sizes if ties is None else np.where(sizes > 0, ties, 0), labels

    def _get_support_mask(self):
        check_is_fitted(self)
        return self.support_.copy()


def _finite(values):
    """Return the values, which may be infinite but not NaN."""
    if np.isnan(values).any():
        raise ValueError(
            f"X has values so large that the variance of {np.isnan(values).sum()} "
            "features overflows. Scale X."
        )
    return values
