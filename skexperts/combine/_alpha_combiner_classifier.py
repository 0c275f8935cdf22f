"""Convex combination of classifiers with learned weights."""

import numpy as np
from sklearn.base import ClassifierMixin, is_classifier
from sklearn.utils import get_tags
from sklearn.utils.metaestimators import available_if

from skexperts._callbacks import fit_task
from skexperts._numeric.links import squared_hinge_probabilities
from skexperts._sklearn import StrOptions, fit_context
from skexperts._validation import (
    all_or_nothing,
    classes_of,
    validate_fit,
    validate_sample_weight,
)
from skexperts.combine._base import BaseAlphaCombiner

_SCALES = {
    "log_loss": "probability",
    "squared_error": "probability",
    "squared_hinge": "margin",
}


def _combines_margins(combiner):
    scale = vars(combiner).get("_scale")
    if scale is None:
        return isinstance(combiner.loss, str) and combiner.loss == "squared_hinge"
    return scale == "margin"


class AlphaCombinerClassifier(ClassifierMixin, BaseAlphaCombiner):
    """Combine named classifiers with weights on the simplex, learned out of fold.

    The model is ``F(x) = scale * sum_k alpha_k f_k(x)``, where ``f_k(x)`` is what
    classifier k, fitted on all rows, says of each class. The weights solve::

        min_alpha  sum_i s_i loss(y_i, sum_k alpha_k f_k^(-i)(x_i)) / sum_i s_i
        s.t.       alpha_k >= 0,  sum_k alpha_k = 1

    where ``f_k^(-i)`` was fitted without the fold of row i, so that a classifier that
    remembers its training rows earns nothing by it.

    Parameters
    ----------
    estimators : list of (str, estimator) tuples, default=None
        The named classifiers. They are cloned and keep their own ``random_state``. An
        estimator can be set to ``"drop"``. None is for the ``combiner`` of
        :class:`~skexperts.ensemble.PartitionedExpertsClassifier`, whose experts
        are combined.

    alpha : "learned", float or array-like of shape (n_estimators,), default="learned"
        Weights given in advance: one per estimator that is not dropped, non-negative,
        of sum 1; or one number a in [0, 1], which weighs two estimators as (a, 1 - a).
        Then no out-of-fold fits are done.

    loss : {"log_loss", "squared_error", "squared_hinge"}, default="log_loss"
        What alpha minimises, and what is combined: the log loss or the squared error
        (Brier score) of mixed probabilities, or the one-vs-rest squared hinge of mixed
        margins. With the squared hinge one scale for all margins is learned as well.

    cv : int, splitter, iterable of splits, "prefit" or None, default=None
        Folds of the out-of-fold outputs; None means 5, an integer stratified folds.
        ``"prefit"`` uses the estimators as they are, fitted before, and learns alpha on
        the data given to ``fit``: give data they have not seen.

    tol : float, default=1e-8
        Stop at a duality gap of ``tol`` times the loss of the best single classifier
        (for the squared hinge, of the margin 0).

    max_iter : int, default=100
        Largest number of Newton steps for alpha.

    n_jobs : int, default=None
        Number of fits done at a time, as in joblib. The fits of all estimators on all
        folds and on all rows are one parallel section.

    Attributes
    ----------
    alpha_ : ndarray of shape (n_estimators,)
        Weight of each estimator that is not dropped.

    scale_ : float
        Factor of the combined margins, 1 for the other losses and for a given alpha. It
        is 0 if no combination of the margins is better than none.

    duality_gap_ : float
        Bound on how much lower the out-of-fold loss of any other weights could be; NaN
        for a given alpha.

    n_iter_ : int
        Newton steps done, at least 1 by convention, also for a given alpha.

    estimators_ : list of length n_estimators
        The classifiers fitted on all rows.

    named_estimators_ : :class:`~sklearn.utils.Bunch`
        The same by name, with ``"drop"`` for those that are dropped.

    classes_ : ndarray of shape (n_classes,)
        The classes, sorted.

    n_features_in_ : int
        Number of features seen during fit.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if ``X`` had string column names.

    See Also
    --------
    AlphaCombinerRegressor : The same for regression.
    sklearn.ensemble.StackingClassifier : Any model on top of the outputs.
    sklearn.ensemble.VotingClassifier : Fixed weights.

    Notes
    -----
    All outputs are brought to one scale. A margin f of the squared hinge
    (``LinearSVC``) is the probability ``clip((f + 1) / 2, 0, 1)``, normalised over the
    classes, and a probability p is the margin ``2 p - 1``. A classifier with neither
    votes: probability 1 for the class it predicts.

    A probability below 2.2e-16 for the true class counts as that in the log loss. A
    class that a fold has not seen gets probability 0; a fold with one class has a
    constant classifier. A row in several test folds counts with its weight divided
    among them; a row in none is left out of the fit of alpha.

    Classifiers with equal outputs share their weight equally; a tie between classes
    goes to the first one.

    The columns reach the estimators as a float array (or CSR) without names.

    References
    ----------
    L. Breiman (1996). Stacked regressions. Machine Learning 24.

    M. J. van der Laan, E. C. Polley, A. E. Hubbard (2007). Super learner. Statistical
    Applications in Genetics and Molecular Biology 6(1).

    M. Jaggi (2013). Revisiting Frank-Wolfe: projection-free sparse convex optimization.
    ICML.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skexperts.combine import AlphaCombinerClassifier
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> linear = make_pipeline(StandardScaler(), LogisticRegression())
    >>> combiner = AlphaCombinerClassifier(
    ...     [("linear", linear), ("bayes", GaussianNB())]
    ... )
    >>> combiner.fit(X, y).alpha_.round(2)
    array([0.95, 0.05])
    >>> bool(combiner.duality_gap_ < 1e-6)
    True
    """

    _parameter_constraints: dict = {
        **BaseAlphaCombiner._parameter_constraints,
        "loss": [StrOptions(set(_SCALES))],
    }
    _is_kind = staticmethod(is_classifier)
    _kind = "classifier"

    def __init__(
        self,
        estimators=None,
        *,
        alpha="learned",
        loss="log_loss",
        cv=None,
        tol=1e-8,
        max_iter=100,
        n_jobs=None,
    ):
        self.estimators = estimators
        self.alpha = alpha
        self.loss = loss
        self.cv = cv
        self.tol = tol
        self.max_iter = max_iter
        self.n_jobs = n_jobs

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, sample_weight=None, **params):
        """Fit the classifiers and learn alpha on their out-of-fold outputs.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Training data, sparse if all estimators take it.

        y : array-like of shape (n_samples,)
            Class labels, at least two classes.

        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights of the rows, for the estimators and for alpha. Rows of
            weight 0 are left out.

        **params : dict
            Metadata that the estimators request, or the splitter, such as ``groups``.
            Only with ``sklearn.set_config(enable_metadata_routing=True)``; then all
            estimators must say by ``set_fit_request`` whether they take
            ``sample_weight``, if it is given.

        Returns
        -------
        self : AlphaCombinerClassifier

        Raises
        ------
        ValueError
            For data, weights, alpha, folds or estimators that cannot be used, and for
            outputs that are not finite; the message says which.
        TypeError
            If an estimator is not a classifier.
        RuntimeError
            If the fit of an estimator fails; the message names it and the fold.
            Whatever is raised, the combiner is left as it was.
        """
        task = fit_task(self, 1, leave_out=["cv"])
        with all_or_nothing(self):
            sparse = get_tags(self).input_tags.sparse
            X, y = validate_fit(self, X, y, accept_sparse=sparse)
            sample_weight = validate_sample_weight(sample_weight, X)
            with task.running(X, y, complete=True):
                self._fit(X, y, sample_weight, params, task)
        return self

    def loss_and_scale(self):
        """Return the loss of alpha, and the scale on which outputs are read."""
        return self.loss, _SCALES[self.loss]

    def _encode(self, y, scale):
        self.classes_ = classes_of(y)
        one_hot = (y[:, None] == self.classes_).astype(np.float64)
        return 2.0 * one_hot - 1.0 if scale == "margin" else one_hot

    def predict(self, X):
        """Return the class of the largest combined output.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        y : ndarray of shape (n_samples,)
        """
        best = self._combine(X).argmax(axis=1)
        return self.classes_[best]

    def predict_proba(self, X):
        """Return the mixed probabilities, or the probabilities of the mixed margins.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            In the order of ``classes_``.
        """
        combined = self._combine(X)
        if self._scale == "margin":
            return squared_hinge_probabilities(combined)
        return combined

    @available_if(_combines_margins)
    def decision_function(self, X):
        """Return the combined margins; only with ``loss="squared_hinge"``.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        margins : ndarray of shape (n_samples,) or (n_samples, n_classes)
            With two classes the margin of ``classes_[1]``.
        """
        margins = self._combine(X)
        if len(self.classes_) == 2:
            return (margins[:, 1] - margins[:, 0]) / 2.0
        return margins
