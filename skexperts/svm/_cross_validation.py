"""The choice of C by cross-validation along warm-started paths."""

from abc import ABCMeta, abstractmethod
from copy import copy
from numbers import Integral, Number, Real

import numpy as np
from sklearn.base import is_classifier
from sklearn.metrics import check_scoring, get_scorer_names
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping

from skexperts._metadata import SPLIT, route_fit
from skexperts._parallel import run_tasks
from skexperts._sklearn import Interval, StrOptions, check_method_params
from skexperts._splits import draw_splits
from skexperts.svm._base import fit_linear, warn_of_gaps
from skexperts.svm._path import problem_of, values_of_C


class CrossValidatedC(metaclass=ABCMeta):
    """Scores of every C on every fold, and a fit on all rows at the best C."""

    _parameter_constraints: dict = {
        "Cs": [Interval(Integral, 1, None, closed="left"), "array-like"],
        "eps": [Interval(Real, 0, 1, closed="neither")],
        "cv": ["cv_object"],
        "scoring": [StrOptions(set(get_scorer_names())), callable, None],
        "n_jobs": [Integral, None],
    }

    @abstractmethod
    def _model(self):
        """Return an estimator of one C, to be given coefficients."""

    def get_metadata_routing(self):
        """Return how metadata go to the splitter and to the scorer.

        Returns
        -------
        routing : MetadataRouter
        """
        score = MethodMapping().add(caller="fit", callee="score")
        router = MetadataRouter(owner=self).add_self_request(self)
        router.add(splitter=self.cv, method_mapping=SPLIT)
        return router.add(scorer=self._scorer(), method_mapping=score)

    def _scorer(self):
        scoring = self._default_scoring if self.scoring is None else self.scoring
        return check_scoring(self, scoring=scoring)

    def _route(self, weights, params):
        """Return the metadata of the splitter and those of the scorer."""
        routed = route_fit(self, (), weights, params)
        if routed:
            return routed["splitter"]["split"], routed["scorer"]["score"]
        return {}, {} if weights is None else {"sample_weight": weights}

    def _fit(self, X, y, weights, params):
        """Choose C and publish the attributes; X, y and weights are validated."""
        split_params, score_params = self._route(weights, params)
        kept = np.arange(X.shape[0]) if weights is None else np.flatnonzero(weights)
        classifier = is_classifier(self)
        splits = [
            (kept[train], kept[test])
            for train, test in draw_splits(
                self.cv, X, y, kept, classifier=classifier, metadata=split_params
            )
        ]
        _check_splits(splits, y, self.classes_ if classifier else None)
        model = self._model()
        options = {"fit_intercept": self.fit_intercept}
        problem = problem_of(model, X, y, weights)
        self.Cs_ = values_of_C(self.Cs, self.eps, *problem, **options)
        options |= {"tol": self.tol, "max_iter": self.max_iter}
        results = run_tasks(
            _score_fold,
            splits,
            common=(model, X, y, weights, self._scorer(), score_params)
            + (self.Cs_, options),
            costs=[len(train) for train, _ in splits],
            n_jobs=self.n_jobs,
        )
        scores, gaps = map(np.array, zip(*results, strict=True))
        self.scores_ = np.ascontiguousarray(scores.T)
        if not np.isfinite(scores).all():
            fold, k = np.argwhere(~np.isfinite(scores))[0]
            raise ValueError(
                f"scoring: fold {fold} has the score {scores[fold, k]} at "
                f"C={self.Cs_[k]:g}. Use larger folds or another scoring."
            )
        best = _first_best(self.scores_.mean(axis=1))
        self.C_ = float(self.Cs_[best])
        coefs, intercepts, dual_gaps, n_iter = fit_linear(
            *problem, Cs=self.Cs_[: best + 1], **options, n_jobs=self.n_jobs
        )
        warn_of_gaps(np.concatenate([gaps.ravel(), dual_gaps.ravel()]), self.tol)
        self._publish(coefs[-1], intercepts[-1], dual_gaps[-1], n_iter.sum(axis=0))
        return self


def _check_splits(splits, y, classes):
    for fold, (train, test) in enumerate(splits):
        if not test.size:
            raise ValueError(f"cv: fold {fold} has no test row of positive weight.")
        if classes is None:
            continue
        missing = np.setdiff1d(classes, y[train]).tolist()
        if missing:
            raise ValueError(
                f"cv: the training rows of fold {fold} have none of the classes "
                f"{missing}. Use fewer or stratified folds, or leave these classes out."
            )


def _first_best(scores):
    # Means of the same scores in another order may differ in rounding.
    rounding = 1e-14 * np.abs(scores).max()
    return int((scores >= scores.max() - rounding).argmax())


def _score_fold(model, X, y, weights, scorer, score_params, Cs, options, train, test):
    """Return the scores and the relative gaps of the path of the training rows."""
    fold_weights = None if weights is None else weights[train]
    problem = problem_of(model, X[train], y[train], fold_weights)
    coefs, intercepts, gaps, n_iter = fit_linear(*problem, Cs=Cs, **options)
    model, X_test, y_test = copy(model), X[test], y[test]
    params = check_method_params(X, score_params, indices=test)
    scores = []
    for C, *fitted in zip(Cs, coefs, intercepts, gaps, n_iter, strict=True):
        model.C = float(C)
        model._publish(*fitted)
        score = scorer(model, X_test, y_test, **params)
        if not isinstance(score, Number):
            raise ValueError(f"scoring must give a number. Got {score!r}.")
        scores.append(score)
    return scores, gaps
