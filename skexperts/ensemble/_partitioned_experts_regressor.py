"""One regressor per region of the data, combined by a gate."""

from sklearn.base import RegressorMixin, is_regressor

from skexperts._sklearn import fit_context
from skexperts._validation import all_or_nothing, validate_fit, validate_sample_weight
from skexperts.ensemble._base import BasePartitionedExperts
from skexperts.svm import L1SVR


class PartitionedExpertsRegressor(RegressorMixin, BasePartitionedExperts):
    """Partition the data, fit one regressor in each cell, combine them by a gate.

    The model is::

        F(x) = sum_k g_k(x) f_k(x)

    where ``g(x)`` are the gate weights of row x, non-negative, at most ``top_k`` of
    them positive, summing to 1, and ``f_k`` is the prediction of expert k. Expert k is
    fitted on the rows routed to it, with the gate weights as sample weights (scaled to
    mean 1 over all routed pairs, so that a penalty means the same for any ``top_k``).

    Parameters
    ----------
    expert : regressor, default=None
        Cloned for every cell. None means ``L1SVR(C=0.1)``, see
        :class:`~skexperts.svm.L1SVR`. Any pipeline or regressor will do. An expert
        whose ``fit`` takes no sample weights is fitted on its rows without gate
        weights.

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
    experts_ : list of length n_experts_
        The fitted experts.

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
        sum), ``n_classes`` (0), ``fit_time`` (seconds) and ``state``: ``"fitted"``,
        ``"merged"`` (fewer rows than ``min_cell_size``) or ``"empty"``.
        ``pandas.DataFrame(model.fit_report_)`` is a table.

    n_features_in_ : int
        Number of features seen during fit.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if ``X`` had string column names.

    See Also
    --------
    PartitionedExpertsClassifier : The same for classification.
    skexperts.combine.AlphaCombinerRegressor : Combine models of all the data.

    Notes
    -----
    The penalty of the default expert is in the units of y: scale y, or pass an expert.
    Experts and partitioner see X as an array of floats, or CSR, without column names.
    With a single cell the predictions are exactly those of the expert
    fitted on all rows.

    References
    ----------
    R. A. Jacobs, M. I. Jordan, S. J. Nowlan, G. E. Hinton (1991). Adaptive mixtures of
    local experts. Neural Computation 3(1).

    Examples
    --------
    >>> from sklearn.linear_model import LinearRegression
    >>> from skexperts.datasets import make_piecewise_regression
    >>> from skexperts.ensemble import PartitionedExpertsRegressor
    >>> X, y = make_piecewise_regression(n_samples=2000, random_state=0)
    >>> one = LinearRegression().fit(X[:1000], y[:1000])
    >>> many = PartitionedExpertsRegressor(random_state=0).fit(X[:1000], y[:1000])
    >>> bool(many.score(X[1000:], y[1000:]) > one.score(X[1000:], y[1000:]))
    True
    """

    _is_expert_kind = staticmethod(is_regressor)
    _expert_kind = "regressor"

    def _default_expert(self):
        return L1SVR(C=0.1)

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, sample_weight=None):
        """Partition the rows and fit one expert per cell.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data. Sparse data stay sparse.

        y : array-like of shape (n_samples,)
            Target values.

        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights. Rows of weight 0 are left out.

        Returns
        -------
        self : PartitionedExpertsRegressor

        Raises
        ------
        ValueError
            For data, weights or targets that cannot be used; the message says which.
        CellFitError
            If an expert cannot be fitted; the message names the cell. Whatever is
            raised, the estimator is left as it was.
        """
        with all_or_nothing(self):
            X, y = validate_fit(self, X, y, ensure_min_samples=2, y_numeric=True)
            sample_weight = validate_sample_weight(sample_weight, X)
            self._fit(X, y, sample_weight, n_outputs=1)
        return self

    def predict(self, X):
        """Return the combined predictions.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        y : ndarray of shape (n_samples,)
        """
        return self._combine(X)[:, 0]
