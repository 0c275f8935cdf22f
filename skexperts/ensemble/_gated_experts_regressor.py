"""Gate and linear regressors, trained jointly."""

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.model_selection import train_test_split

from skexperts._sklearn import StrOptions, fit_context
from skexperts._validation import all_or_nothing
from skexperts.ensemble._gated_base import BaseGatedExperts
from skexperts.ensemble._gated_rows import validate_rows_of_fit


class GatedExpertsRegressor(RegressorMixin, BaseGatedExperts):
    """Sparse linear experts and their gate, learned jointly by gradient descent.

    For a row x the gate chooses the ``top_k`` experts of largest logits
    ``z_k = v_k'x + c_k`` and combines what they predict::

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

    top_k : int, default=16
        How many experts serve a row. Ties go to the lowest number. With 1 the gate
        stays where it begins: a single weight is 1, whatever its logit.

    gate : {"softmax", "sigmoid"}, default="sigmoid"
        How weights come from logits. A sigmoid opens each gate on its own; the weights
        of the chosen experts are normalised in both cases.

    alpha : float, default=0.0
        L1 penalty of the coefficients of the experts: the larger, the more of them are
        exactly 0.

    l2 : float or "auto", default="auto"
        Decay of the coefficients of experts and gate in each step, see Notes. "auto" is
        10 n_features / n_rows, at most .5; in ``partial_fit`` of the rows so far.

    balance : float, default=0.0
        Weight of the term that makes all experts serve about as many rows [SF]_. 0
        leaves it to the data.

    shared : bool, default=False
        Whether there is one more expert that serves all rows with weight 1, so that the
        others say how their regions differ from it.

    init : {"kmeans", "uniform", "normal"}, default="kmeans"
        Where the gate begins: as the softmax of minus the squared distances to k-means
        centres, or with coefficients drawn from a uniform or a normal distribution.
        Experts begin at 0.

    loss : {"squared_error", "huber"}, default="squared_error"
        Of the whole mixture, for y in units of its standard deviation: half the squared
        error, or the Huber loss, which is linear beyond an error of one half.

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
        With early stopping, how much the validation score must rise to count.

    n_iter_no_change : int, default=10
        With early stopping, training ends after so many passes without a rise.

    early_stopping : bool, default=False
        Whether to leave out rows, score the model on them after each pass, end when the
        score rises no more, and keep the best model. If False all ``max_iter`` passes
        are taken.

    validation_fraction : float, default=0.1
        Share of the rows that early stopping leaves out, at least 2 rows.

    warm_start : bool, default=False
        Whether ``fit`` goes on from the last coefficients, if their shapes are still
        right.

    n_estimators : int, default=1
        Number of models trained from different seeds, whose F are averaged.

    n_jobs : int, default=None
        Number of models trained at a time, as in joblib. The result does not depend on
        it.

    random_state : int, RandomState instance or None, default=None
        Seeds the start and, in ``fit``, the order of the rows.

    Attributes
    ----------
    n_experts_ : int
        Number of experts of all models together.

    coef_ : ndarray of shape (n_experts_, n_outputs, n_features_in_)
        Coefficients of the experts, in units of y.

    intercept_ : ndarray of shape (n_experts_, n_outputs)
        Intercepts of the experts.

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
        With early stopping, R^2 after each pass, of the first model.

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
    GatedExpertsClassifier : The same for classification.
    PartitionedExpertsRegressor : Any regressors, on a partition that is found first.

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
    that is served badly, whose region the two then divide.

    For the same seed results do not depend on ``n_jobs`` or on the number of BLAS
    threads. Sample weights scale the loss of rows; as batches are drawn by row, a
    weight of 2 is not quite the same as a row that is there twice.

    With one job, Ctrl-C ends training; the model is then what was reached, with a
    warning.

    References
    ----------
    R. A. Jacobs, M. I. Jordan, S. J. Nowlan, G. E. Hinton (1991). Adaptive mixtures of
    local experts. Neural Computation 3(1).

    .. [SF] N. Shazeer et al. (2017). Outrageously large neural networks: the sparsely-
       gated mixture-of-experts layer. ICLR. W. Fedus, B. Zoph, N. Shazeer (2022).
       Switch transformers. JMLR 23(120).

    .. [ST] L. Smith, N. Topin (2019). Super-convergence: very fast training of neural
       networks using large learning rates. SPIE 11006.

    .. [LH] I. Loshchilov, F. Hutter (2019). Decoupled weight decay regularization.
       ICLR.

    Examples
    --------
    >>> from skexperts.datasets import make_piecewise_regression
    >>> from skexperts.ensemble import GatedExpertsRegressor
    >>> X, y = make_piecewise_regression(4000, noise=0.1, random_state=0)
    >>> model = GatedExpertsRegressor(random_state=0).fit(X[:3000], y[:3000])
    >>> bool(model.score(X[3000:], y[3000:]) > 0.9)
    True
    """

    _parameter_constraints: dict = {
        **BaseGatedExperts._parameter_constraints,
        "loss": [StrOptions({"squared_error", "huber"})],
    }

    def __init__(
        self,
        n_experts=64,
        *,
        top_k=16,
        gate="sigmoid",
        alpha=0.0,
        l2="auto",
        balance=0.0,
        shared=False,
        init="kmeans",
        loss="squared_error",
        learning_rate_init="auto",
        batch_size="auto",
        max_iter=40,
        tol=1e-4,
        n_iter_no_change=10,
        early_stopping=False,
        validation_fraction=0.1,
        warm_start=False,
        n_estimators=1,
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
        self.learning_rate_init = learning_rate_init
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.warm_start = warm_start
        self.n_estimators = n_estimators
        self.n_jobs = n_jobs
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None):
        """Train experts and gate.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data. Sparse data stay sparse.

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Values.

        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights. Rows of weight 0 are left out.

        Returns
        -------
        self : GatedExpertsRegressor

        Raises
        ------
        ValueError
            For data or weights that cannot be used, or if training diverges; the
            message says where, and what to do. The estimator is left as it was.
        """
        with all_or_nothing(self):
            rows = self._rows(X, y, sample_weight)
            new = not self.warm_start or self._other_outputs(rows[1])
            self._forget(models=new)
            self._fit(*rows)
        return self

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, sample_weight=None):
        """Take one pass over some rows.

        The unit of y, its standard deviation, is that of the first call.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Values.

        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights. Rows of weight 0 are left out.

        Returns
        -------
        self : GatedExpertsRegressor
        """
        with all_or_nothing(self):
            new = not hasattr(self, "_models")
            self._partial_fit(*self._rows(X, y, sample_weight, reset=new))
        return self

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def _rows(self, X, y, sample_weight, *, reset=True):
        """Return the rows of positive weight and their weights."""
        X, y, weights = validate_rows_of_fit(
            self,
            X,
            y,
            sample_weight,
            reset=reset,
            multi_output=True,
            y_numeric=True,
        )
        y = y.astype(np.float64, copy=False)
        if not reset and self._other_outputs(y):
            raise ValueError(
                f"y has the shape {y.shape}, but the first call of partial_fit has had "
                f"{len(self._mean)} outputs."
            )
        if reset:
            self._flat = y.ndim == 1
        return X, y, weights

    def _other_outputs(self, y):
        """Whether there is no model yet, or one of another number of outputs."""
        return not hasattr(self, "_models") or len(self._mean) != y[0].size

    def _learn_target(self, y, sample_weight):
        y = y.reshape(len(y), -1)
        self._mean = np.average(y, axis=0, weights=sample_weight)
        with np.errstate(over="ignore", invalid="ignore"):
            square = (y - self._mean) ** 2
            variance = np.average(square, axis=0, weights=sample_weight)
        self._scale = np.where(variance > 0, np.sqrt(variance), 1.0)
        if not np.isfinite(self._scale).all():
            raise ValueError(
                f"y has values up to {np.abs(y).max():.3g}, whose variance overflows "
                "float64. Scale y."
            )

    def _encode(self, y):
        standardised = (y.reshape(len(y), -1) - self._mean) / self._scale
        return None, np.ascontiguousarray(standardised, dtype=np.float32)

    def _split(self, y, seed):
        # R^2 of one row is not defined.
        size = self.validation_fraction
        if len(y) > 2 and size * len(y) <= 1:
            size = 2
        rows, left_out = train_test_split(
            np.arange(len(y)), test_size=size, random_state=seed
        )
        if len(left_out) < 2:
            raise ValueError(
                f"early_stopping needs 2 rows to score a model on; there are {len(y)} "
                "rows in all. Give more rows, or set early_stopping=False."
            )
        return rows, left_out

    @property
    def _n_outputs(self):
        return len(self._mean)

    def _output_scale(self):
        return self._scale, self._mean

    def predict(self, X):
        """Return the predicted values.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        values : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        """
        combined = self._combine(X)
        return combined[:, 0] if self._flat else combined
