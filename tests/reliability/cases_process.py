"""Cases 61 to 81 and 104: interrupts, nested jobs, threads, and experts that write."""

import pickle
import warnings

import joblib
import numpy as np
from catalogue import case, check_outputs, refused
from grid import GATES, SCORE, TWO, X_NEW, X
from models import says
from scipy.sparse import csr_array
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from threadpoolctl import threadpool_limits

from skexperts import (
    PartitionedExpertsClassifier,
    PartitionedExpertsRegressor,
    RandomPartitioner,
)

VALUES = SCORE[: len(X)]


class Interrupted(RegressorMixin, BaseEstimator):
    """The user stops the fit of the expert of the largest y."""

    def __init__(self, most=None):
        self.most = most

    def fit(self, X, y):
        if self.most is not None and y.max() >= self.most:
            raise KeyboardInterrupt
        self.mean_ = y.mean()
        return self

    def predict(self, X):
        return np.full(X.shape[0], self.mean_)


STOPS = {f"{gate}-{jobs}": (gate, jobs) for gate in GATES for jobs in (None, 2)}


@case(61, "an interrupt in the fit of an expert", STOPS, where=False)
def interrupt(_, stop):
    gate, n_jobs = stop
    model = PartitionedExpertsRegressor(
        Interrupted(), gate=GATES[gate], n_experts=4, n_jobs=n_jobs, random_state=0
    )
    with joblib.parallel_config("threading"):
        old = says(model.fit(X, VALUES), X_NEW)
        model.set_params(expert=Interrupted(VALUES.max()))
        with refused("", KeyboardInterrupt):
            model.fit(X, VALUES)
        np.testing.assert_array_equal(says(model, X_NEW), old)
        new = PartitionedExpertsRegressor(**model.get_params(deep=False))
        with refused("", KeyboardInterrupt):
            new.fit(X, VALUES)
    with refused("not fitted yet", NotFittedError):
        new.predict(X_NEW)


@case(71, "jobs inside the jobs of a search", GATES, where=False)
def nested_jobs(_, gate):
    model = PartitionedExpertsClassifier(gate=gate, n_experts=3, random_state=0)
    grid = {"min_cell_size": [1, 5]}
    alone = GridSearchCV(model, grid, cv=2).fit(X, TWO)
    model.set_params(n_jobs=2)
    with joblib.parallel_config("threading"):
        nested = GridSearchCV(model, grid, cv=2, n_jobs=2).fit(X, TWO)
    for name in ("split0_test_score", "split1_test_score"):
        np.testing.assert_array_equal(nested.cv_results_[name], alone.cv_results_[name])
    np.testing.assert_array_equal(
        says(nested.best_estimator_, X_NEW), says(alone.best_estimator_, X_NEW)
    )


@case(74, "an expert with a lambda", GATES, where=False)
def with_a_lambda(_, gate):
    expert = make_pipeline(FunctionTransformer(lambda X: X * 2), Ridge())
    model = PartitionedExpertsRegressor(expert, gate=gate, random_state=0)
    check_outputs(model.fit(X, VALUES), X_NEW)
    with refused("<lambda>", (pickle.PicklingError, AttributeError)):
        pickle.dumps(model)


class _Writes:
    """Scales the rows it is given, in place, at fit and at predict."""

    def fit(self, X, y, sample_weight=None):
        self._spoil(X)
        super().fit(X, y, sample_weight)
        return self

    def predict(self, X):
        self._spoil(X)
        return super().predict(X)

    @staticmethod
    def _spoil(X):
        values = X.data if hasattr(X, "indptr") else X
        values *= 0.5


class WritingRegressor(_Writes, Ridge):
    pass


class WritingClassifier(_Writes, LogisticRegression):
    def predict_proba(self, X):
        self._spoil(X)
        return LogisticRegression.predict_proba(self, X)


FORMS = {"dense": np.array, "csr": csr_array}


@case(81, "an expert that writes into X", FORMS, where=lambda m: m.partitioner)
def writing_expert(model, form):
    if form is csr_array and model.partitioner in ("mixture", "agglomerative"):
        return
    expert = WritingClassifier() if model.classifies else WritingRegressor()
    answers = []
    for n_jobs in (None, 2):
        rows, new = form(X), form(X_NEW)
        fitted = model.make().set_params(expert=expert, n_jobs=n_jobs)
        with joblib.parallel_config("threading"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            answers.append(says(fitted.fit(rows, model.y), new))
        for ours, own in ((rows, X), (new, X_NEW)):
            ours = ours.toarray() if hasattr(ours, "toarray") else ours
            np.testing.assert_array_equal(ours, own)
    np.testing.assert_array_equal(*answers)


@case(81, "an expert of all rows that writes into X", GATES, where=False)
def writing_expert_of_all(_, gate):
    rows, new = X.copy(), X_NEW.copy()
    model = PartitionedExpertsRegressor(
        WritingRegressor(),
        partitioner=RandomPartitioner(1),
        gate=gate,
        random_state=0,
    )
    says(model.fit(rows, VALUES), new)
    np.testing.assert_array_equal(rows, X)
    np.testing.assert_array_equal(new, X_NEW)


@case(104, "another number of threads")
def other_threads(model, _):
    answers = []
    for n_threads in (1, 2):
        with threadpool_limits(n_threads):
            answers.append(says(model.fit(), X_NEW))
    np.testing.assert_allclose(*answers, rtol=1e-9, atol=1e-9)
