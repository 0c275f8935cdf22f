"""The transformer to sparse codes whose dictionary is trained for a target."""

from numbers import Integral, Real

import numpy as np
from sklearn.utils import check_random_state

from skexperts._numeric.task_driven import Descent, Head, into_ball
from skexperts._sklearn import Interval, StrOptions, fit_context
from skexperts._validation import all_or_nothing
from skexperts.decomposition._base import BaseSparseCoder
from skexperts.decomposition._dictionary import given_atoms
from skexperts.decomposition._sparse_coder import SparseCoder
from skexperts.decomposition._targets import rows_of_task
from skexperts.decomposition._train import (
    TASK_ROWS,
    Model,
    Settings,
    begin,
    train,
    train_on,
)

# Steps of a row that is coded.
_MAX_STEPS = 1000
_MAX_SEED = np.iinfo(np.int32).max


class TaskDrivenSparseCoder(BaseSparseCoder):
    r"""Sparse codes on a dictionary that is trained for a linear model of y.

    With :math:`z(x, D)` the lasso or elastic net code of a row :math:`x` on the atoms
    :math:`D`, see :class:`SparseCoder`, atoms and a linear head minimise together

    .. math::

        \min_{D, W, b} \tfrac1n \sum_i s_i \, \mathrm{loss}(y_i, W z(x_i, D) + b)
        + \tfrac{\lambda}{2} \lVert W \rVert_2^2, \qquad \lVert d_k \rVert_2 \le 1

    by stochastic gradient descent [1]_. The codes are for a linear model, or as the
    front of any other one. It knows y, so score it on rows that `fit` has not seen.

    Parameters
    ----------
    n_components : int, default=100
        Number of atoms. Ignored if `dictionary` is an array.

    alpha : float or "auto", default="auto"
        Weight of the penalty of a code, in units of the products :math:`x \cdot d_k`.
        ``"auto"`` finds the value at which the codes by the first dictionary have
        `n_nonzero_coefs` non-zeros in the mean. It stays while the atoms are trained,
        and the number of non-zeros does not.

    l1_ratio : float, default=1.0
        Share of the l1 norm in the penalty, in (0, 1]: 1 is the lasso. Less keeps codes
        steady where atoms are alike; then X should have rows of norm about 1, as the
        other share of `alpha` is compared with the squared norm of an atom.

    n_nonzero_coefs : int, default=None
        What ``alpha="auto"`` aims at; None means a tenth of the features, at least 1.

    loss : {"auto", "log_loss", "squared_hinge", "squared_error"}, default="auto"
        ``"log_loss"`` is the cross-entropy of the softmax of the scores (of the
        sigmoid, for two classes), ``"squared_hinge"`` that of each class against the
        rest, ``"squared_error"`` is for a quantity, in units of its standard deviation.
        ``"auto"`` takes the last for a y that is continuous, as
        :func:`~sklearn.utils.multiclass.type_of_target` tells it, else the first.

    label_smoothing : float, default=0.3
        With the log loss, how much of the true class is spread over all classes. It
        keeps training from ending where all training rows are right, and new ones not.

    l2 : float, default=1e-5
        Penalty :math:`\lambda` of the coefficients, in units of the mean squared norm
        of the codes by the first dictionary.

    dictionary : {"learn", "kmeans", "sample"} or array, default="learn"
        Where training begins; as in :class:`SparseCoder`. An array has shape
        (n_components, n_features); atoms of norm above 1 are scaled to it.

    positive : bool, default=False
        Whether codes must be non-negative.

    learning_rate_init : float, default=0.1
        The largest part of its norm by which a step moves an atom. In `fit` it rises to
        that and falls to 0, along cosines [2]_; in `partial_fit` it begins there and
        falls as ``1 / sqrt(1 + steps / 1000)``. Neither the unit of X nor the number of
        features has a part in it. Try 0.03 for a quantity, and for few features.

    batch_size : int or "auto", default="auto"
        Rows to a step. ``"auto"`` takes a 64th of the rows, at least 16, at most 256.

    max_iter : int, default=20
        Passes over the rows in `fit`.

    tol : float, default=1e-4
        Precision of the code of a row: the duality gap is at most `tol` times its
        squared norm.

    class_weight : dict, "balanced" or None, default=None
        Weights of the classes, by which the sample weights are multiplied.

    n_jobs : int, default=None
        Number of threads in which rows are coded by a dictionary that stays: in
        `transform`, and before and after training. It may be changed after fit.

    random_state : int, RandomState instance or None, default=None
        Seed of the first dictionary and of the order of the rows.

    sparse_output : bool, default=True
        Whether `transform` returns CSR or, as `set_output` needs it, a dense array.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        The atoms, one per row, of norm at most 1.

    coef_ : ndarray of shape (n_outputs, n_components)
        The head: scores are ``codes @ coef_.T + intercept_``. One output for a quantity
        and for two classes, of which a positive score means the second. After `fit` it
        is the best for its atoms.

    intercept_ : ndarray of shape (n_outputs,)
        Its intercepts.

    classes_ : ndarray of shape (n_classes,)
        The classes, sorted; not for ``"squared_error"``.

    loss_ : str
        The loss that is minimised.

    loss_curve_ : list of float
        Mean loss over the rows in each pass, or call of `partial_fit`, each batch
        before its step.

    alpha_ : float
        The weight of the penalty of a code.

    n_iter_ : int
        Passes over the rows; calls of `partial_fit`.

    n_features_in_ : int
        Number of features seen during fit.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if X had any.

    Raises
    ------
    ValueError
        If y has one class only, if `class_weight` or classes come with a quantity, if
        the dictionary cannot be made, as for :class:`SparseCoder`, or if training
        diverges.

    See Also
    --------
    SparseCoder : Codes by a dictionary that knows no y.

    Notes
    -----
    Where the atoms in use stay the same, a code is the solution of linear equations in
    them. So the gradient in the atoms costs each row another Cholesky factor of those
    in use. Steps are those of Adam, followed by a projection of the atoms. An atom that
    no row uses stays as it is.

    Training only pays where codes are sparse enough to differ between classes: a tenth
    of the atoms, or less. Rows of very different norms are best scaled to norm 1 first
    (:class:`~sklearn.preprocessing.Normalizer`).

    As batches are drawn by row, a weight of 2 is not quite the same as a row that is
    there twice. Results do not depend on `n_jobs`.

    All parameters but `n_jobs` are read by `fit`: setting them later changes nothing
    until the next `fit`, or `partial_fit`.

    References
    ----------
    .. [1] J. Mairal, F. Bach and J. Ponce, "Task-driven dictionary learning", IEEE
       Transactions on Pattern Analysis and Machine Intelligence 34(4), 2012.
    .. [2] L. Smith and N. Topin, "Super-convergence: very fast training of neural
       networks using large learning rates", SPIE 11006, 2019.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.pipeline import make_pipeline
    >>> from skexperts import L1SVC, TaskDrivenSparseCoder
    >>> X, y = load_digits(return_X_y=True)
    >>> coder = TaskDrivenSparseCoder(40, max_iter=10, random_state=0)
    >>> model = make_pipeline(coder, L1SVC()).fit(X[:1000], y[:1000])
    >>> model[0].loss_curve_[-1] < model[0].loss_curve_[0]
    True
    >>> bool(model.score(X[1000:], y[1000:]) > 0.9)
    True
    """

    _parameter_constraints: dict = {
        "n_components": [Interval(Integral, 1, None, closed="left")],
        "alpha": [Interval(Real, 0, None, closed="neither"), StrOptions({"auto"})],
        "l1_ratio": [Interval(Real, 0, 1, closed="right")],
        "n_nonzero_coefs": [Interval(Integral, 1, None, closed="left"), None],
        "loss": [StrOptions({"auto", "log_loss", "squared_hinge", "squared_error"})],
        "label_smoothing": [Interval(Real, 0, 1, closed="left")],
        "l2": [Interval(Real, 0, None, closed="neither")],
        "dictionary": [StrOptions({"learn", "kmeans", "sample"}), "array-like"],
        "positive": ["boolean"],
        "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
        "batch_size": [
            Interval(Integral, 1, None, closed="left"),
            StrOptions({"auto"}),
        ],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "tol": [Interval(Real, 0, None, closed="left")],
        "class_weight": [StrOptions({"balanced"}), dict, None],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
        "sparse_output": ["boolean"],
    }

    method = "elastic_net"
    _remedies = "tol or alpha"

    def __init__(
        self,
        n_components=100,
        *,
        alpha="auto",
        l1_ratio=1.0,
        n_nonzero_coefs=None,
        loss="auto",
        label_smoothing=0.3,
        l2=1e-5,
        dictionary="learn",
        positive=False,
        learning_rate_init=0.1,
        batch_size="auto",
        max_iter=20,
        tol=1e-4,
        class_weight=None,
        n_jobs=None,
        random_state=None,
        sparse_output=True,
    ):
        self.n_components = n_components
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.n_nonzero_coefs = n_nonzero_coefs
        self.loss = loss
        self.label_smoothing = label_smoothing
        self.l2 = l2
        self.dictionary = dictionary
        self.positive = positive
        self.learning_rate_init = learning_rate_init
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.tol = tol
        self.class_weight = class_weight
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.sparse_output = sparse_output

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None) -> "TaskDrivenSparseCoder":
        """Train atoms and head.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training rows. Sparse rows stay sparse.
        y : array-like of shape (n_samples,)
            Classes, at least two, or a quantity; see `loss`.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights. Rows of weight 0 are left out.

        Returns
        -------
        self : TaskDrivenSparseCoder
        """
        with all_or_nothing(self):
            target, rows = rows_of_task(self, X, y, sample_weight)
            rows = rows._replace(weights=rows.weights / rows.weights.mean())
            rng = check_random_state(self.random_state)
            settings, model = self._begin(target, rows, rng)
            options = {"n_passes": self.max_iter, "rng": rng, "n_jobs": self.n_jobs}
            model, self.loss_curve_ = train(model, rows, settings, **options)
            self._publish(target, model, settings)
            vars(self).pop("_descent", None)
            self.n_iter_ = self.max_iter
        return self

    @fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self, X, y, classes=None, sample_weight=None
    ) -> "TaskDrivenSparseCoder":
        """Take one pass over some rows, in the order given.

        The first call makes the first dictionary of its rows, and fixes `alpha`, the
        loss, and the classes or the unit of y. `n_components` must stay. After `fit`,
        lower `learning_rate_init` to keep what was learned.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training rows.
        y : array-like of shape (n_samples,)
            Classes or a quantity.
        classes : array-like of shape (n_classes,), default=None
            All classes. Needed in the first call, if y lacks some of them.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights. Rows of weight 0 are left out.

        Returns
        -------
        self : TaskDrivenSparseCoder
        """
        with all_or_nothing(self):
            first = not hasattr(self, "components_")
            if not first and isinstance(self.dictionary, str):
                self._check_n_components()
            target, rows = rows_of_task(
                self, X, y, sample_weight, reset=first, classes=classes
            )
            if first:
                rng = check_random_state(self.random_state)
                settings, model = self._begin(target, rows, rng)
                self.loss_curve_, self.n_iter_ = [], 0
            else:
                settings = self._settings(target.loss, self.alpha_)
                model = self._model(target)
            model, loss = train_on(model, rows, settings)
            self.loss_curve_ = [*self.loss_curve_, loss]
            self._publish(target, model, settings)
            self._descent = model.descent
            self.n_iter_ += 1
        return self

    def _begin(self, target, rows, rng):
        """Return settings, and the model of the unsupervised dictionary."""
        dictionary = self.dictionary
        if not isinstance(dictionary, str):
            dictionary = into_ball(given_atoms(dictionary, rows.X))
        coder = SparseCoder(
            self.n_components,
            method=self.method,
            alpha=self.alpha,
            l1_ratio=self.l1_ratio,
            n_nonzero_coefs=self.n_nonzero_coefs,
            dictionary=dictionary,
            positive=self.positive,
            tol=self.tol,
            n_jobs=self.n_jobs,
            random_state=rng.randint(_MAX_SEED),
        ).fit(rows.X, sample_weight=rows.weights)
        settings = self._settings(target.loss, coder.alpha_)
        atoms = into_ball(coder.components_)
        return settings, begin(atoms, target.n_outputs, rows, settings, self.n_jobs)

    def _settings(self, loss, alpha):
        return Settings(
            loss=loss,
            l2=self.l2,
            learning_rate=self.learning_rate_init,
            batch_size=self.batch_size,
            coding={**self._encoder_options(), "alpha": alpha},
        )

    def _publish(self, target, model, settings):
        """Set the attributes that say what was learned."""
        self.loss_, self._mean, self._scale = target.loss, target.mean, target.scale
        vars(self).pop("classes_", None)
        if target.classes is not None:
            self.classes_ = target.classes
        self.components_ = model.components
        coef, intercept = (each.astype(np.float64) for each in model.head)
        self.coef_ = coef * target.scale
        self.intercept_ = intercept * target.scale + target.mean
        self._unit, self._size = model.unit, model.size
        self._prepare(settings.coding["alpha"])

    def _model(self, target):
        """Return the model that the attributes stand for."""
        coef = self.coef_ / target.scale
        intercept = (self.intercept_ - target.mean) / target.scale
        dtype = self.components_.dtype
        head = Head(coef.astype(dtype), intercept.astype(dtype))
        # Neither a fit nor a flat file leaves a descent behind.
        descent = getattr(self, "_descent", Descent.start(self.components_, *head))
        return Model(self.components_, head, descent, self._unit, self._size)

    def _encoder_options(self):
        return super()._encoder_options() | {"max_iter": _MAX_STEPS}

    @property
    def _task_rows(self):
        return TASK_ROWS

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags
