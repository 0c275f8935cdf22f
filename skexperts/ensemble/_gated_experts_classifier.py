"""Gate and linear classifiers, trained jointly."""

from numbers import Real

import numpy as np
from sklearn.model_selection import train_test_split

from skexperts._sklearn import Interval, StrOptions, fit_context
from skexperts._validation import (
    add_class_weights,
    all_or_nothing,
    check_classes,
    classes_of,
    drop_weightless,
)
from skexperts.ensemble._gated_base import BaseGatedExperts
from skexperts.ensemble._gated_classes import GatedAnswers
from skexperts.ensemble._gated_rows import validate_rows_of_fit


class GatedExpertsClassifier(GatedAnswers, BaseGatedExperts):
    """Sparse linear experts and their gate, learned jointly by gradient descent.

    For a row x the gate chooses the ``top_k`` experts of largest logits
    ``z_k = v_k'x + c_k`` and combines what they say::

        F(x) = sum_k g_k(x) (W_k x + b_k),    sum_k g_k(x) = 1

    with g the sigmoids of the chosen logits over their sum (or the softmax of them).
    Experts and gate minimise together::

        min  1/n sum_i s_i loss(y_i, F(x_i)) + balance K sum_k r_k mean_i g_k(x_i)
             + alpha |W|_1

    by proximal steps of Adam on mini-batches, where r_k is the share of expert k in the
    routed pairs of a batch. Only routed pairs of row and expert are computed, in
    training as in prediction.

    Parameters
    ----------
    n_experts : int, default=64
        Number of experts, at most one for 30 rows; in ``partial_fit`` for 10 rows of
        the first call.

    top_k : int, default=8
        How many experts serve a row. Ties go to the lowest number. With 1 the gate
        stays where it begins: a single weight is 1, whatever its logit.

    gate : {"softmax", "sigmoid"}, default="sigmoid"
        How weights come from logits. Those of the chosen experts are normalised.

    alpha : float, default=0.0
        L1 penalty of the coefficients of the experts: the larger, the more of them are
        exactly 0.

    l2 : float or "auto", default="auto"
        Decay of the coefficients of experts and gate in each step, see Notes. "auto" is
        10 n_features / n_rows, at most .5; in ``partial_fit`` of the rows so far.

    balance : float, default=1.0
        Weight of the term that makes all experts serve about as many rows [SF]_. 0
        leaves it to the data.

    shared : bool, default=False
        Whether one more expert serves all rows with weight 1, so that the others say
        how their regions differ from it.

    init : {"kmeans", "uniform", "normal"}, default="kmeans"
        Where the gate begins: at the softmax of minus the squared distances to k-means
        centres, or at coefficients drawn at random. Experts begin at 0.

    loss : {"log_loss", "squared_hinge"}, default="log_loss"
        Of the whole mixture: cross-entropy of the softmax of F (of the sigmoid, for two
        classes), or the one-vs-rest squared hinge of the margins F.

    label_smoothing : float, default=0.1
        With the log loss, how much of the true class is spread over all classes.

    learning_rate_init : float or "auto", default="auto"
        The largest learning rate: in ``fit`` the rate rises to it and falls to 0, along
        cosines [ST]_; in ``partial_fit`` it begins there and falls as
        ``1 / sqrt(1 + steps / 1000)``. "auto" is .4 over the mean sum of the absolute
        values of a (centred) row, at most .03.

    batch_size : int or "auto", default="auto"
        Rows to a step. "auto" takes a 64th of the rows, at least 16, at most 256.

    max_iter : int, default=40
        Passes over the rows in ``fit``.

    tol : float, default=1e-4
        By how much the validation score must rise to count as a rise.

    n_iter_no_change : int, default=10
        With early stopping, training ends after so many passes without a rise.

    early_stopping : bool, default=False
        Whether to leave out rows, score the model on them after each pass, end when the
        score rises no more, and keep the best model. If not, all passes are taken.

    validation_fraction : float, default=0.1
        Share of the rows of each class that early stopping leaves out.

    warm_start : bool, default=False
        Whether ``fit`` goes on from the last coefficients, if they still fit.

    n_estimators : int, default=1
        Number of models trained from different seeds, whose F are averaged.

    class_weight : dict, "balanced" or None, default=None
        Weights of the classes, by which the sample weights are multiplied.

    n_jobs : int, default=None
        Number of models trained at a time, as in joblib.

    random_state : int, RandomState instance or None, default=None
        Seeds the start and, in ``fit``, the order of the rows.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes, sorted.

    n_experts_ : int
        Number of experts of all models together.

    coef_, intercept_ : ndarrays of shape (n_experts_, n_outputs, n_features_in_) \
            and (n_experts_, n_outputs)
        Coefficients of the experts; one output for two classes.

    sparse_coef_ : csr_array of shape (n_experts_ * n_outputs, n_features_in_)
        The same coefficients without the zeros.

    gate_coef_, gate_intercept_ : ndarrays of shape (n_experts_, n_features_in_) \
            and (n_experts_,)
        Coefficients and intercepts of the gate.

    shared_coef_, shared_intercept_ : ndarrays of shape (n_outputs, n_features_in_) \
            and (n_outputs,)
        With ``shared=True`` those of the shared expert, the mean over all models.

    loss_curve_ : list of float
        Mean loss of each pass, of the first model.

    validation_scores_ : list of float
        With early stopping, the accuracy after each pass, of the first model.

    n_iter_ : int
        Number of passes taken.

    fit_report_ : dict of ndarrays of shape (n_experts_,)
        For each expert ``expert``, ``estimator`` (the model it belongs to),
        ``n_routed`` (training rows it served in the last pass), ``n_nonzero``
        (coefficients) and ``n_reseeded`` (how often it died and began anew).
        Of a stream, for the rows of the last call.
        ``pandas.DataFrame(model.fit_report_)`` is a table.

    n_features_in_ : int
        Number of features seen during fit.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if ``X`` had string column names.

    See Also
    --------
    GatedExpertsRegressor : The same for regression.
    PartitionedExpertsClassifier : Any classifiers, on a partition that is found first.

    Notes
    -----
    Scale X as for any gradient descent, for example by ``StandardScaler``; it is cast
    to float32, in which all is computed. Dense columns are centred inside, in
    ``partial_fit`` by the means of the first rows; the intercepts are for X as it is.

    A step at the rate r multiplies coefficients by ``1 - r l2`` [LH]_, which is not
    quite the gradient of a penalty, and then takes the proximal step of ``alpha |W|_1``
    in the metric of Adam, after which a coefficient stays 0 where the mean gradient of
    the loss is at most alpha. Intercepts are free of both.

    An expert that serves no row in a pass begins anew, as a copy of the expert of a row
    that is served badly, whose region the two then divide. With one job, Ctrl-C
    ends training; the model is then what was reached, with a warning.

    Results do not depend on ``n_jobs`` or the number of BLAS threads. As batches are
    drawn by row, a weight of 2 is not quite the same as a row that is there twice.

    References
    ----------
    .. [SF] N. Shazeer et al. (2017). Outrageously large neural networks: the sparsely-
       gated mixture-of-experts layer. ICLR. W. Fedus, B. Zoph, N. Shazeer (2022).
       Switch transformers. JMLR 23(120).

    .. [ST] L. Smith, N. Topin (2019). Super-convergence: very fast training of neural
       networks using large learning rates. SPIE 11006.

    .. [LH] I. Loshchilov, F. Hutter (2019). Decoupled weight decay regularization.
       ICLR.

    Examples
    --------
    >>> from sklearn.preprocessing import scale
    >>> from skexperts.datasets import load_letter
    >>> from skexperts.ensemble import GatedExpertsClassifier
    >>> X, y = load_letter(subset="test", return_X_y=True)
    >>> X = scale(X)
    >>> model = GatedExpertsClassifier(random_state=0).fit(X[:3000], y[:3000])
    >>> bool(model.score(X[3000:], y[3000:]) > 0.85)
    True
    """

    _parameter_constraints: dict = {
        **BaseGatedExperts._parameter_constraints,
        "loss": [StrOptions({"log_loss", "squared_hinge"})],
        "label_smoothing": [Interval(Real, 0, 1, closed="left")],
        "class_weight": [StrOptions({"balanced"}), dict, None],
    }

    def __init__(
        self,
        n_experts=64,
        *,
        top_k=8,
        gate="sigmoid",
        alpha=0.0,
        l2="auto",
        balance=1.0,
        shared=False,
        init="kmeans",
        loss="log_loss",
        label_smoothing=0.1,
        learning_rate_init="auto",
        batch_size="auto",
        max_iter=40,
        tol=1e-4,
        n_iter_no_change=10,
        early_stopping=False,
        validation_fraction=0.1,
        warm_start=False,
        n_estimators=1,
        class_weight=None,
        n_jobs=None,
        random_state=None,
    ):
        self.n_experts = n_experts
        self.top_k = top_k
        self.gate = gate
        self.alpha = alpha
        self.l2 = l2
        self.balance = balance
        self.shared = shared
        self.init = init
        self.loss = loss
        self.label_smoothing = label_smoothing
        self.learning_rate_init = learning_rate_init
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.warm_start = warm_start
        self.n_estimators = n_estimators
        self.class_weight = class_weight
        self.n_jobs = n_jobs
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None):
        """Train experts and gate.

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
        self : GatedExpertsClassifier

        Raises
        ------
        ValueError
            For data that cannot be used, or if training diverges; the message says
            where, and what to do. The estimator is left as it was.
        """
        with all_or_nothing(self):
            old = getattr(self, "classes_", None)
            rows = self._rows(X, y, sample_weight)
            self._forget(models=not np.array_equal(self.classes_, old))
            self._fit(*rows)
        return self

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, classes=None, sample_weight=None):
        """Take one pass over some rows.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)

        classes : array-like of shape (n_classes,), default=None
            All classes. Needed in the first call, if y lacks some of them.

        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        self : GatedExpertsClassifier
        """
        with all_or_nothing(self):
            new = not hasattr(self, "_models")
            rows = self._rows(X, y, sample_weight, reset=new, classes=classes)
            self._partial_fit(*rows)
        return self

    def _rows(self, X, y, sample_weight, *, reset=True, classes=None):
        """Return the rows of positive weight and their weights; learn the classes."""
        X, y, weights = validate_rows_of_fit(self, X, y, sample_weight, reset=reset)
        if reset:
            self.classes_ = classes_of(y if classes is None else np.asarray(classes))
        check_classes(self.classes_, y, classes, self.class_weight)
        weights = add_class_weights(self.class_weight, self.classes_, y, weights)
        weights, X, y = drop_weightless(weights, X, y)
        return X, y, weights

    def _encode(self, y):
        return np.searchsorted(self.classes_, y).astype(np.int32), None

    def _split(self, y, seed):
        return train_test_split(
            np.arange(len(y)),
            test_size=self.validation_fraction,
            stratify=y,
            random_state=seed,
        )

    @property
    def _n_outputs(self):
        return 1 if len(self.classes_) == 2 else len(self.classes_)

    def _smoothing(self):
        return self.label_smoothing if self.loss == "log_loss" else 0.0
