"""What the classifier and the regressor that learn alpha have in common."""

import warnings
from abc import ABCMeta, abstractmethod
from numbers import Integral, Real

import numpy as np
from sklearn.base import MetaEstimatorMixin
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.utils import Bunch, check_array, get_tags
from sklearn.utils.metadata_routing import MetadataRouter
from sklearn.utils.validation import check_is_fitted

from skexperts._callbacks import CallbackSupport
from skexperts._doc_links import DocLinkMixin
from skexperts._experts import read_outputs
from skexperts._metadata import FIT, SPLIT, route_fit
from skexperts._numeric.alpha import fit_alpha
from skexperts._sklearn import BaseComposition, Interval, StrOptions
from skexperts._splits import draw_splits
from skexperts._validation import validate_predict
from skexperts._warnings import users_stacklevel
from skexperts.combine._out_of_fold import fit_estimators, metadata_of_fits
from skexperts.combine._outputs import check_outputs

_SUM_TOLERANCE = 1e-6


class BaseAlphaCombiner(
    DocLinkMixin,
    CallbackSupport,
    MetaEstimatorMixin,
    BaseComposition,
    metaclass=ABCMeta,
):
    """Named estimators, out-of-fold outputs, alpha; subclasses say what y is."""

    _parameter_constraints: dict = {
        "estimators": [list, None],
        "alpha": [
            StrOptions({"learned"}),
            Interval(Real, 0, 1, closed="both"),
            "array-like",
        ],
        "cv": ["cv_object", StrOptions({"prefit"})],
        "tol": [Interval(Real, 0, None, closed="left")],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "n_jobs": [Integral, None],
    }

    @staticmethod
    @abstractmethod
    def _is_kind(estimator):
        """Say whether an estimator is a classifier, or a regressor."""

    def get_params(self, deep=True):
        """Return the parameters, with those of the named estimators.

        Parameters
        ----------
        deep : bool, default=True
            With the estimators by name and their parameters as ``name__parameter``.

        Returns
        -------
        params : dict
        """
        return self._get_params("estimators", deep=deep)

    def set_params(self, **params):
        """Set parameters, estimators by name, or their parameters.

        Parameters
        ----------
        **params : dict
            ``parameter=value``, ``name=estimator`` (or ``name="drop"``) or
            ``name__parameter=value``.

        Returns
        -------
        self : estimator
        """
        self._set_params("estimators", **params)
        return self

    def get_metadata_routing(self):
        """Return how metadata go to the estimators and to the splitter.

        Returns
        -------
        routing : MetadataRouter
        """
        router = MetadataRouter(owner=self).add_self_request(self)
        # No estimator can have the name of a parameter.
        router.add(method_mapping=SPLIT, cv=self.cv)
        prefit = isinstance(self.cv, str)
        for name, estimator in [] if prefit else self.estimators or []:
            if hasattr(estimator, "fit"):
                router.add(method_mapping=FIT, **{name: estimator})
        return router

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        try:
            tags.input_tags.sparse = all(
                get_tags(estimator).input_tags.sparse
                for _, estimator in self.estimators
                if not isinstance(estimator, str)
            )
        except (AttributeError, TypeError, ValueError):
            # Not a list of named estimators: fit says so, tags must not fail.
            tags.input_tags.sparse = False
        return tags

    def _live_estimators(self):
        """Return the (name, estimator) pairs that are not dropped, checked."""
        if not self.estimators or not all(
            isinstance(pair, tuple | list)
            and len(pair) == 2
            and isinstance(pair[0], str)
            for pair in self.estimators
        ):
            raise ValueError(
                "estimators must be a non-empty list of (name, estimator) tuples. Got "
                f"{self.estimators!r}."
            )
        self._validate_names([name for name, _ in self.estimators])
        live = []
        for name, estimator in self.estimators:
            if isinstance(estimator, str) and estimator == "drop":
                continue
            if isinstance(estimator, type) or not hasattr(estimator, "fit"):
                raise TypeError(
                    f"Estimator {name!r} must be an estimator object or 'drop'. Got "
                    f"{estimator!r}."
                )
            if not self._is_kind(estimator):
                raise TypeError(
                    f"Estimator {name!r} ({type(estimator).__name__}) is not a "
                    f"{self._kind}. Pass one, or use the other one of "
                    "AlphaCombinerClassifier and AlphaCombinerRegressor."
                )
            live.append((name, estimator))
        if not live:
            raise ValueError("All estimators are 'drop': at least one must be left.")
        return live

    def given_alpha(self, n_estimators):
        """Return the weights given by the user, or None if alpha is to be learned.

        Parameters
        ----------
        n_estimators : int

        Returns
        -------
        alpha : ndarray of shape (n_estimators,) or None
        """
        if isinstance(self.alpha, str):
            return None
        if isinstance(self.alpha, Real):
            if n_estimators != 2:
                raise ValueError(
                    f"alpha={self.alpha} is one number, which weighs two estimators as "
                    f"(alpha, 1 - alpha), but there are {n_estimators}. Pass one "
                    "weight for each."
                )
            return np.array([self.alpha, 1.0 - self.alpha])
        alpha = check_array(
            self.alpha, ensure_2d=False, dtype=np.float64, input_name="alpha"
        )
        if alpha.shape != (n_estimators,):
            raise ValueError(
                f"alpha must have one weight for each of the {n_estimators} "
                f"estimators. Got shape {alpha.shape}."
            )
        if (alpha < 0).any() or abs(alpha.sum() - 1.0) > _SUM_TOLERANCE:
            raise ValueError(
                "alpha must be non-negative and sum to 1. Got "
                f"{alpha.tolist()}, of sum {alpha.sum():.10g}."
            )
        return alpha / alpha.sum()

    @abstractmethod
    def _encode(self, y, scale):
        """Return targets of shape (n_rows, n_outputs); a classifier sets classes_."""

    @abstractmethod
    def loss_and_scale(self):
        """Return the loss of alpha, and the scale on which outputs are read."""

    def _fit(self, X, y, sample_weight, params, task):
        """Fit estimators and alpha on validated data and publish the attributes."""
        loss, scale = self.loss_and_scale()
        named = self._live_estimators()
        alpha = self.given_alpha(len(named))
        prefit = isinstance(self.cv, str)
        to_fit = [] if prefit else named
        routed = route_fit(self, [e for _, e in to_fit], sample_weight, params)
        metadata = metadata_of_fits(to_fit, routed, sample_weight, X.shape[0])
        kept = np.arange(X.shape[0])
        if sample_weight is not None:
            kept = np.flatnonzero(sample_weight)
            sample_weight = sample_weight[kept]
        targets = self._encode(y[kept], scale)
        classes = getattr(self, "classes_", None)
        for name, estimator in named:
            if prefit or isinstance(estimator, FrozenEstimator):
                self._check_fitted_before(name, estimator)
        splits = []
        if alpha is None and not prefit:
            of_splits = routed["cv"]["split"] if routed else {}
            classifier = classes is not None
            splits = draw_splits(
                self.cv, X, y, kept, classifier=classifier, metadata=of_splits
            )
        if len(kept) < X.shape[0]:
            X, y = X[kept], y[kept]
            metadata = [of_fit.take(kept) for of_fit in metadata]
        if prefit:
            fitted, outputs, rows = [e for _, e in named], None, np.arange(X.shape[0])
        else:
            fitted, outputs, rows = fit_estimators(
                named,
                metadata,
                X,
                y,
                splits,
                scale=scale,
                classes=classes,
                n_jobs=self.n_jobs,
                task=task,
            )
        self._names = [name for name, _ in named]
        self._scale, self._dtype = scale, X.dtype.name
        self.estimators_ = fitted
        self._all_names = [name for name, _ in self.estimators]
        if alpha is None:
            if prefit:
                outputs = np.stack([self._outputs(k, X) for k in range(len(fitted))])
            weights = _weight_of_appearances(rows, sample_weight)
            self._learn_alpha(outputs, targets[rows], weights, loss)
        else:
            self.alpha_, self.scale_, self.duality_gap_ = alpha, 1.0, np.nan
            self.n_iter_ = 1

    @property
    def named_estimators_(self):
        """The fitted estimators by name."""
        # Not stored: skops, which loads what it trusts only, does not trust Bunch.
        named = dict.fromkeys(self._all_names, "drop")
        return Bunch(**named | dict(zip(self._names, self.estimators_, strict=True)))

    def _learn_alpha(self, outputs, targets, weights, loss):
        for k, output in enumerate(outputs):
            check_outputs(self._names[k], self.estimators_[k], output)
        self.alpha_, self.scale_, self.duality_gap_, n_iter = fit_alpha(
            outputs, targets, weights, loss=loss, tol=self.tol, max_iter=self.max_iter
        )
        self.n_iter_ = max(1, n_iter)
        if self.scale_ == 0.0:
            warnings.warn(
                "No combination of the margins has a lower loss than the margin 0: "
                "scale_ is 0 and every prediction is the first class. The estimators "
                f"{self._names} say nothing about y on rows they were not fitted on.",
                UserWarning,
                stacklevel=users_stacklevel(),
            )

    def _check_fitted_before(self, name, estimator):
        """Check that an estimator was fitted, on the features of X."""
        try:
            check_is_fitted(estimator)
        except NotFittedError as error:
            raise NotFittedError(
                f"Estimator {name!r} ({type(estimator).__name__}) must be fitted "
                "before. Cloning, as in cross-validation, drops what was fitted: wrap "
                "the fitted estimator in FrozenEstimator to keep it."
            ) from error
        theirs = getattr(estimator, "feature_names_in_", None)
        ours = getattr(self, "feature_names_in_", None)
        if theirs is not None and ours is not None and list(theirs) != list(ours):
            raise ValueError(
                f"Estimator {name!r} was fitted on the features {list(theirs)}, but X "
                f"has {list(ours)}. Pass the same columns in the same order."
            )

    def _outputs(self, k, X):
        """Outputs of fitted estimator k on the common scale."""
        estimator = self.estimators_[k]
        classes = getattr(self, "classes_", None)
        outputs = read_outputs(estimator, X, scale=self._scale, classes=classes)
        check_outputs(self._names[k], estimator, outputs)
        return outputs

    def _combine(self, X):
        """Return ``scale_ * sum_k alpha_k outputs_k`` for new data."""
        check_is_fitted(self)
        X = validate_predict(self, X, dtype=self._dtype)
        live = np.flatnonzero(self.alpha_)
        return self.scale_ * sum(self.alpha_[k] * self._outputs(k, X) for k in live)


def _weight_of_appearances(rows, sample_weight):
    """Divide the weight of every row among the test folds it appears in."""
    times = np.bincount(rows)[rows]
    return 1.0 / times if sample_weight is None else sample_weight[rows] / times
