"""One classifier per region of the data, combined by a gate."""

from sklearn.base import ClassifierMixin, is_classifier

from skexperts._numeric.links import squared_hinge_probabilities
from skexperts._sklearn import StrOptions, fit_context
from skexperts._validation import (
    all_or_nothing,
    classes_of,
    times_class_weights,
    weights_of_classes,
)
from skexperts.combine import AlphaCombinerClassifier
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

    partitioner : estimator or callable, default=None
        Divides the rows into cells: any scikit-learn clusterer or mixture, a pipeline
        ending in one, a :class:`~skexperts.partition.PartitionerMixin` (a column, a
        tree, groups of features, at random), or a function ``partitioner(X)`` that
        gives labels. None means ``KMeans``, on a sample of 30 000 rows (or 256 a cell,
        if that is more) where there are more.

    n_experts : int or "auto", default=None
        Number of cells to ask the partitioner for. None leaves it to the partitioner;
        for the default one it is 8, or the number of rows if that is lower. ``"auto"``
        tries 1, 2, 4, ... by cross-validation, until two in turn improve nothing, and
        takes the smallest number whose mean score is within one standard error of the
        best [BFOS]_: 1, a plain classifier, where a partition does not help. 1 is taken
        as well if chance alone (at level 1 %) explains the lead of the best over it.

    gate : {"distance", "hard", "softmax", "sigmoid"} or gate, default="distance"
        ``"distance"`` is :class:`~skexperts.gating.DistanceGate`, a softmax of minus
        the squared distance to the cells; ``"hard"`` is
        :class:`~skexperts.gating.HardGate`. ``"softmax"`` and ``"sigmoid"`` are
        :class:`~skexperts.gating.SoftmaxGate` and
        :class:`~skexperts.gating.SigmoidGate`, learned from the cells or, with
        ``target="competence"``, from how well the experts serve each row.

    top_k : int, default=4
        How many experts a row is routed to at the most. Ties go to the lowest cell id.

    capacity_factor : float, default=None
        No expert is fitted on more than this many times the mean number of rows of an
        expert; rows that find their expert full go on to their next choice, and stay if
        their gate gives none, as a hard gate. None sets no limit. Predictions have
        none, so that they do not depend on other rows.

    n_rounds : int, default=1
        With a learned gate, how often gate and experts are fitted in turn [CBB]_. From
        the second time on (with ``target="competence"`` from the first) experts are
        fitted out of fold, in three folds, to see which of them serves each row best;
        the gate learns that, and the experts are fitted on the rows it routes to them.

    sharing : {"deviation"} or None, default=None
        ``"deviation"`` fits all experts in one convex problem, each as a shared linear
        model plus a sparse deviation [GH]_::

            min |w_0|_1 + deviation_penalty sum_k (|d_k|_1 + |e_k| / s)
                + C sum_ik g_k(x_i) loss(y_i, (w_0 + d_k)'x_i + b_0 + e_k)

        where s is three times the root mean square norm of the rows. It takes
        :class:`~skexperts.svm.L1SVC` as expert. Small cells then lean on
        all rows, and ``deviation_`` says how a cell differs from the others.

    deviation_penalty : float, default=0.5
        What a deviation costs next to the shared coefficients. Infinity gives the
        shared model to all; below one over the number of experts nothing is shared.

    combiner : AlphaCombinerClassifier, default=None
        Multiplies the gate weights by a weight alpha of each expert, on the simplex and
        normalised for each row: given by its ``alpha``, or learned for its ``loss`` on
        out-of-fold outputs by its ``cv``, ``tol`` and ``max_iter``; its other
        parameters play no part. The partition and the gate are those of all rows.

    class_weight : dict, "balanced" or None, default=None
        Weights of the classes of all rows, by which the sample weights are multiplied:
        in the partition, the gate, the experts and alpha. ``class_weight="balanced"``
        of an expert balances each cell instead.

    min_cell_size : int, default=10
        A cell with fewer training rows gets no expert: its rows go to the next nearest
        cell, or, if none claims them, to the expert of cell -1. At least one stays.

    cv : int, splitter or iterable of splits, default=None
        Folds of ``n_experts="auto"``; None means 5. Numbers give shuffled folds.

    cell_timeout : float, default=None
        Seconds without an expert done after which the workers are stopped. What they
        were at is tried again, and fails the third time; so allow several times what an
        expert takes. It needs ``n_jobs`` of 2 or more and joblib's default backend.

    on_cell_error : {"raise", "fallback"}, default="raise"
        An expert that cannot be fitted is an error that names its cell, or, with
        ``"fallback"``, one warning: a shared expert, fitted on all rows, serves its
        cell (for groups of features a constant one), as ``fit_report_`` says.

    checkpoint : str or path, default=None
        A folder in which every expert is kept as soon as it is fitted; nothing in it is
        ever deleted. The same fit, begun again, reads the experts that are there and
        fits the others, with the same bits in the end; those of other parameters, data
        or versions are fitted again. Where code of your own has changed, use a new
        folder. It needs a ``random_state``. Experts of more than arrays and numbers are
        pickles, which can run code: a folder that others can write to is refused.

    n_jobs : int, default=None
        Number of experts fitted at a time, as in joblib. The model is the same.

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
        Cell id of each expert. A partition that may leave rows unclaimed, as noise or
        as an unseen value of a column, has an expert for them at the end, fitted on all
        rows, with cell id -1.

    shared_ : estimator
        The shared model of ``sharing="deviation"``, else the expert of cell -1; absent
        if there is neither.

    deviation_ : list of csr_array of shape (n_problems, n_features)
        With ``sharing="deviation"``, by how much the coefficients of each expert (but
        that of cell -1) differ from those of ``shared_``.

    deviation_intercept_ : ndarray of shape (n_experts, n_problems)
        The same for the intercepts.

    alpha_ : ndarray of shape (n_experts_,)
        With a combiner, the weight of each expert.

    n_experts_scores_ : dict of ndarrays
        With ``n_experts="auto"``: ``n_experts``, ``mean_score`` (accuracy) and
        ``std_error``, over the rows, which are taken to be independent.

    partitioner_ : estimator
        The fitted partitioner.

    gate_ : estimator
        The fitted gate.

    fit_report_ : dict of ndarrays of shape (n_cells,)
        One entry per cell of the partition: ``cell`` (its id), ``n_rows`` (rows nearest
        to it), ``n_routed`` (rows its expert was fitted on), ``gate_weight`` (their
        sum), ``n_classes``, ``fit_time`` (seconds) and ``state``: ``"fitted"``,
        ``"constant"`` (one class only), ``"merged"`` (fewer rows than
        ``min_cell_size``), ``"empty"``, ``"unused"`` (the gate routes no training row
        to it), ``"fallback"`` (a shared expert stands for one that could not be
        fitted), or ``"global"`` (``n_experts="auto"``: no partition does better).
        ``pandas.DataFrame(model.fit_report_)`` is a table. Cell -1 is the last one.

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

    A pandas or polars frame stays one: partitioner, gate and experts see its columns
    with their names and types. Other X reaches them as an array of floats, or CSR.

    The fitted bits do not depend on ``n_jobs`` or the backend, unless an expert draws
    from a generator of the whole process, as ``LinearSVC`` does, and runs in threads.

    References
    ----------
    R. A. Jacobs, M. I. Jordan, S. J. Nowlan, G. E. Hinton (1991). Adaptive mixtures of
    local experts. Neural Computation 3(1).

    L. Ladicky, P. H. S. Torr (2011). Locally linear support vector machines. ICML.

    .. [CBB] R. Collobert, S. Bengio, Y. Bengio (2002). A parallel mixture of SVMs for
       very large scale problems. Neural Computation 14(5).

    .. [GH] Q. Gu, J. Han (2013). Clustered support vector machines. AISTATS.

    .. [BFOS] L. Breiman, J. Friedman, R. Olshen, C. Stone (1984). Classification and
       regression trees. Wadsworth. (The rule of one standard error.)

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

    _parameter_constraints: dict = {
        **BasePartitionedExperts._parameter_constraints,
        "combiner": [AlphaCombinerClassifier, None],
        "class_weight": [StrOptions({"balanced"}), dict, None],
    }
    _is_expert_kind = staticmethod(is_classifier)
    _expert_kind = "classifier"

    def __init__(
        self,
        expert=None,
        *,
        partitioner=None,
        n_experts=None,
        gate="distance",
        top_k=4,
        capacity_factor=None,
        n_rounds=1,
        sharing=None,
        deviation_penalty=0.5,
        combiner=None,
        class_weight=None,
        min_cell_size=10,
        cv=None,
        cell_timeout=None,
        on_cell_error="raise",
        checkpoint=None,
        n_jobs=None,
        random_state=None,
    ):
        super().__init__(
            expert,
            partitioner=partitioner,
            n_experts=n_experts,
            gate=gate,
            top_k=top_k,
            capacity_factor=capacity_factor,
            n_rounds=n_rounds,
            sharing=sharing,
            deviation_penalty=deviation_penalty,
            combiner=combiner,
            min_cell_size=min_cell_size,
            cv=cv,
            cell_timeout=cell_timeout,
            on_cell_error=on_cell_error,
            checkpoint=checkpoint,
            n_jobs=n_jobs,
            random_state=random_state,
        )
        self.class_weight = class_weight

    def _default_expert(self):
        return L1SVC()

    def _weigh(self, y, sample_weight):
        if self.class_weight is None:
            return sample_weight
        kept = slice(None) if sample_weight is None else sample_weight > 0
        classes = classes_of(y[kept])
        factors = weights_of_classes(self.class_weight, classes, y, sample_weight)
        # For other rows of some cells, which may have one class only.
        self._class_weights = classes, factors
        return times_class_weights(factors, classes, y, sample_weight)

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, sample_weight=None, **params):
        """Partition the rows and fit one expert per cell.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data. Sparse data stay sparse.

        y : array-like of shape (n_samples,)
            Class labels, at least two classes.

        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights. Rows of weight 0 are left out.

        **params : dict
            Metadata that the expert or the partitioner request, or the splitters
            ``cv`` and ``combiner.cv``, such as ``groups``. Only with
            ``sklearn.set_config(enable_metadata_routing=True)``; then expert and
            partitioner must say by ``set_fit_request`` whether they take
            ``sample_weight``, if it is given.

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
        task = self._fit_task()
        with all_or_nothing(self):
            self._fit(X, y, sample_weight, params, task)
        return self

    def _learn_target(self, y):
        self.classes_ = classes_of(y)
        return self.classes_

    def _decode(self, combined):
        return self.classes_[combined.argmax(axis=1)]

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
        return self._predict(X)
