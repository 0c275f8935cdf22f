"""One classifier per region of the data, combined by a gate."""

from sklearn.base import ClassifierMixin, is_classifier

from skexperts._numeric.links import squared_hinge_probabilities
from skexperts._sklearn import fit_context
from skexperts._validation import (
    all_or_nothing,
    classes_of,
    validate_fit,
    validate_sample_weight,
)
from skexperts.ensemble._base import BasePartitionedExperts
from skexperts.svm import L1SVC


class PartitionedExpertsClassifier(ClassifierMixin, BasePartitionedExperts):
    """Partition the data, fit one classifier in each cell, combine them by a gate.

    The model is::

        F_c(x) = sum_k g_k(x) f_kc(x),    predict(x) = argmax_c F_c(x)

    where ``g(x)`` are the gate weights of row x, non-negative, at most ``top_k`` of
    them positive, summing to 1, and ``f_kc`` is what expert k says of class c: its
    margin if it minimises the squared hinge loss, else its probability, else its vote.
    Expert k is fitted on the rows routed to it, with the gate weights as sample weights
    (scaled to mean 1 over all routed pairs, so that a penalty means the same for any
    ``top_k``).

    Parameters
    ----------
    expert : classifier, default=None
        Cloned for every cell. None means :class:`~skexperts.svm.L1SVC`. Any pipeline
        or classifier will do. An expert whose ``fit`` takes no sample weights is fitted
        on its rows without gate weights.

    partitioner : estimator, default=None
        Divides the rows into cells: any scikit-learn clusterer or mixture, a pipeline
        ending in one, or a :class:`~skexperts.partition.PartitionerMixin`. None means
        ``KMeans``.

    n_experts : int, default=None
        Number of cells to ask the partitioner for. None leaves it to the partitioner;
        for the default one it is 8, or the number of rows if that is lower.

    gate : {"distance", "hard"} or gate, default="distance"
        ``"distance"`` is :class:`~skexperts.gating.DistanceGate`, a softmax of minus
        the squared distance to the cells; ``"hard"`` is
        :class:`~skexperts.gating.HardGate`.

    top_k : int, default=4
        How many experts a row is routed to at the most. Ties go to the lowest cell id.

    min_cell_size : int, default=10
        A cell with fewer training rows gets no expert: its rows go to the next nearest
        cell. At least one cell stays.

    n_jobs : int, default=None
        Number of experts fitted at a time, as in joblib. The fitted model does not
        depend on it.

    random_state : int, RandomState instance or None, default=None
        Seeds the partitioner and, by cell id, every expert, where their own
        ``random_state`` is None.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes, sorted.

    experts_ : list of length n_experts_
        The fitted experts. A cell with one class has a constant expert
        (``DummyClassifier``).

    n_experts_ : int
        Number of experts.

    cells_ : ndarray of shape (n_experts_,)
        Cell id of each expert.

    partitioner_ : estimator
        The fitted partitioner.

    gate_ : estimator
        The fitted gate.

    fit_report_ : dict of ndarrays of shape (n_cells,)
        One entry per cell of the partition: ``cell`` (its id), ``n_rows`` (rows nearest
        to it), ``n_routed`` (rows its expert was fitted on), ``gate_weight`` (their
        sum), ``n_classes``, ``fit_time`` (seconds) and ``state``: ``"fitted"``,
        ``"constant"`` (one class only), ``"merged"`` (fewer rows than
        ``min_cell_size``) or ``"empty"``. ``pandas.DataFrame(model.fit_report_)`` is a
        table.

    n_features_in_ : int
        Number of features seen during fit.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if ``X`` had string column names.

    See Also
    --------
    PartitionedExpertsRegressor : The same for regression.
    skexperts.combine.AlphaCombinerClassifier : Combine models of all the data.

    Notes
    -----
    A class without rows in a cell keeps its column: probability 0, vote 0, or the
    margin -1 (the lowest of the row, if lower), at which the squared hinge gives
    probability 0. With a single cell the predictions are exactly those of the expert
    fitted on all rows.

    Experts and partitioner see X as an array of floats, or CSR, without column names.

    The fitted bits do not depend on ``n_jobs`` or the backend, unless an expert draws
    from a generator of the whole process, as ``LinearSVC`` does, and runs in threads.

    References
    ----------
    R. A. Jacobs, M. I. Jordan, S. J. Nowlan, G. E. Hinton (1991). Adaptive mixtures of
    local experts. Neural Computation 3(1).

    L. Ladicky, P. H. S. Torr (2011). Locally linear support vector machines. ICML.

    Q. Gu, J. Han (2013). Clustered support vector machines. AISTATS.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skexperts.datasets import load_letter
    >>> from skexperts.ensemble import PartitionedExpertsClassifier
    >>> X, y = load_letter(subset="test", return_X_y=True)
    >>> model = make_pipeline(
    ...     StandardScaler(), PartitionedExpertsClassifier(n_experts=30, random_state=0)
    ... )
    >>> bool(model.fit(X[:3000], y[:3000]).score(X[3000:], y[3000:]) > 0.8)
    True
    """

    _is_expert_kind = staticmethod(is_classifier)
    _expert_kind = "classifier"

    def _default_expert(self):
        return L1SVC()

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, sample_weight=None):
        """Partition the rows and fit one expert per cell.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data. Sparse data stay sparse.

        y : array-like of shape (n_samples,)
            Class labels, at least two classes.

        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights. Rows of weight 0 are left out.

        Returns
        -------
        self : PartitionedExpertsClassifier

        Raises
        ------
        ValueError
            For data, weights or labels that cannot be used; the message says which.
        CellFitError
            If an expert cannot be fitted; the message names the cell. Whatever is
            raised, the estimator is left as it was.
        """
        with all_or_nothing(self):
            X, y = validate_fit(self, X, y, ensure_min_samples=2)
            sample_weight = validate_sample_weight(sample_weight, X)
            weighted = slice(None) if sample_weight is None else sample_weight > 0
            self.classes_ = classes_of(y[weighted])
            self._fit(X, y, sample_weight, n_outputs=len(self.classes_))
        return self

    def decision_function(self, X):
        """Return the combined margins.

        Experts that are read by probability or vote enter as ``2 p - 1``, the margin
        that the squared-hinge link turns into ``p``.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        margins : ndarray of shape (n_samples, n_classes) or (n_samples,)
            For two classes the margin of ``classes_[1]``.
        """
        combined = self._combine(X)
        margins = combined if self._scale == "margin" else 2.0 * combined - 1.0
        return margins[:, 1] if margins.shape[1] == 2 else margins

    def predict_proba(self, X):
        """Return class probabilities.

        The mixture of the experts' probabilities or votes; for margins the exact
        inverse link of the squared hinge, ``p_c = clip((F_c + 1) / 2, 0, 1)``,
        normalised over the classes (Zhang 2004).

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            Columns in the order of ``classes_``.
        """
        combined = self._combine(X)
        if self._scale == "margin":
            return squared_hinge_probabilities(combined)
        return combined

    def predict(self, X):
        """Return the class with the largest combined output, ties to the lowest.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        labels : ndarray of shape (n_samples,)
        """
        combined = self._combine(X)
        return self.classes_[combined.argmax(axis=1)]
