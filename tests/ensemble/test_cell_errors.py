"""Experts that cannot be fitted: named, or replaced; the others are kept."""

import faulthandler
import os
import pickle
import signal
import sys
import time
import warnings
from concurrent.futures.process import BrokenProcessPool

import cloudpickle
import joblib
import mortal
import numpy as np
import pytest
from mortal import Death, MortalThreads
from scipy.sparse import csr_array
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline

from skexperts import _parallel
from skexperts.combine import AlphaCombinerClassifier
from skexperts.ensemble import PartitionedExpertsClassifier, PartitionedExpertsRegressor
from skexperts.exceptions import CellFitError
from skexperts.partition import ColumnPartitioner, FeatureGroups
from skexperts.svm import L1SVR

# Worker processes cannot import test modules.
cloudpickle.register_pickle_by_value(sys.modules[__name__])
cloudpickle.register_pickle_by_value(mortal)

N_CELLS = 8
FAULTS = {"error": ZeroDivisionError, "memory": MemoryError, "death": Death}


@pytest.fixture(autouse=True)
def no_hang():
    faulthandler.dump_traceback_later(180, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()


def segments(n_rows=240):
    """Rows whose first column is their cell."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_rows, 4))
    X[:, 0] = np.arange(n_rows) % N_CELLS
    y = (X[:, 1] * (1 + X[:, 0]) + rng.normal(size=n_rows) > 0).astype(int)
    return X, y


class Brittle(BaseEstimator):
    """Has a fault in one cell, none on rows of several."""

    def __init__(self, fault=None, cell=0):
        self.fault = fault
        self.cell = cell

    def fit(self, X, y):
        if self.fault and (X[:, 0] == self.cell).all():
            if self.fault == "killed":
                os.kill(os.getpid(), signal.SIGKILL)
            while self.fault == "hangs":
                time.sleep(60)
            raise FAULTS[self.fault]("no")
        self.inner_ = clone(self._inner).fit(X[:, 1:], y)
        return self

    def predict(self, X):
        return self.inner_.predict(X[:, 1:])


class BrittleClassifier(ClassifierMixin, Brittle):
    _inner = LogisticRegression()

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return super().fit(X, y)


class BrittleRegressor(RegressorMixin, Brittle):
    _inner = Ridge()


def model_of(expert, **options):
    kind = PartitionedExpertsClassifier
    if isinstance(expert, RegressorMixin):
        kind = PartitionedExpertsRegressor
    options = {"gate": "hard", "random_state": 0, **options}
    return kind(expert, partitioner=ColumnPartitioner(0), **options)


def bits(model):
    return [pickle.dumps(expert.inner_) for expert in model.experts_]


def check_fallback(model, n, X, y):
    whole = model_of(clone(model.expert).set_params(fault=None)).fit(X, y)
    assert model.fit_report_["state"][n] == "fallback"
    assert np.count_nonzero(model.fit_report_["state"] == "fallback") == 1
    mine = X[:, 0] == n
    alone = clone(whole.expert).fit(X, y)
    np.testing.assert_array_equal(model.predict(X[mine]), alone.predict(X[mine]))
    np.testing.assert_array_equal(model.predict(X[~mine]), whole.predict(X[~mine]))


@pytest.mark.parametrize(
    ("fault", "backend"),
    [
        ("error", None),
        ("error", "threading"),
        ("memory", None),
        ("memory", "threading"),
        ("death", MortalThreads()),
    ],
)
@pytest.mark.parametrize("expert", [BrittleClassifier(), BrittleRegressor()])
def test_every_cell_may_fail(expert, backend, fault):
    X, y = segments()
    good = model_of(clone(expert)).fit(X, y)
    with joblib.parallel_config(backend=backend or "loky"):
        for n in range(N_CELLS):
            options = {"n_jobs": None if backend is None else 2}
            one = clone(expert).set_params(fault=fault, cell=n)
            model = model_of(one, on_cell_error="fallback", **options)
            with pytest.warns(UserWarning, match=rf"1 of 9 experts .* \[{n}\]") as w:
                model.fit(X, y)
            assert len(w) == 1
            check_fallback(model, n, X, y)

            model = model_of(one, **options)
            with pytest.raises(CellFitError, match=f"of cell {n} ") as caught:
                model.fit(X, y)
            assert caught.value.cell == n
            assert caught.value.n_rows == 30
            cause = BrokenProcessPool if fault == "death" else FAULTS[fault]
            assert isinstance(caught.value.__cause__, cause)
            with pytest.raises(NotFittedError):
                model.predict(X)
            model.set_params(expert__fault=None).fit(X, y)
            model.set_params(expert__fault=fault)
            with pytest.raises(CellFitError):
                model.fit(X, y)
            assert bits(model) == bits(good)


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_a_cell_that_kills_its_worker_costs_itself():
    X, y = segments()
    model = model_of(BrittleClassifier("killed", 3), on_cell_error="fallback", n_jobs=2)
    with pytest.warns(UserWarning, match="SIGKILL") as w:
        model.fit(X, y)
    assert len(w) == 1
    check_fallback(model, 3, X, y)


def test_a_cell_that_hangs_costs_itself(monkeypatch):
    # Each death costs seconds.
    monkeypatch.setattr(_parallel, "_MOST_DEATHS", 2)
    X, y = segments()
    model = model_of(BrittleClassifier("hangs", 3), n_jobs=2, cell_timeout=3)
    with pytest.raises(CellFitError, match="of cell 3 .* TimeoutError: no answer for"):
        model.fit(X, y)
    with pytest.raises(NotFittedError):
        model.predict(X)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_jobs": 1}, "cell_timeout=60 needs worker processes.* n_jobs=1 "),
        ({"sharing": "deviation", "expert": L1SVR()}, "sharing='deviation' has fits"),
        ({"n_experts": "auto", "partitioner": None}, "n_experts='auto' has fits"),
    ],
)
def test_where_nothing_can_be_stopped_there_is_no_limit_of_time(options, message):
    X, y = segments()
    model = model_of(BrittleRegressor(), n_jobs=2, cell_timeout=60)
    with pytest.raises(ValueError, match=message):
        model.set_params(**options).fit(X, y)
    model = model_of(BrittleRegressor()).fit(X, y).set_params(cell_timeout=60)
    with pytest.raises(ValueError, match="needs worker processes"):
        model.refit_cells(X, y, [1])


def test_rounds_and_alpha_fall_back_out_of_fold():
    X, y = segments()
    model = model_of(
        BrittleClassifier("error", 2),
        on_cell_error="fallback",
        combiner=AlphaCombinerClassifier(),
    )
    with pytest.warns(UserWarning, match="5 fits out of fold failed") as w:
        model.fit(X, y)
    assert len(w) == 1
    assert np.isfinite(model.alpha_).all()
    with pytest.raises(CellFitError):
        model.set_params(on_cell_error="raise").fit(X, y)


class Diverges(Ridge):
    def fit(self, X, y):
        super().fit(X, y)
        if (X[:, 0] == 5).all():
            self.coef_[1] = np.nan
        return self


def test_coefficients_that_are_not_finite_are_an_error_of_their_cell():
    X, y = segments()
    with pytest.raises(CellFitError, match="of cell 5 .* coef_ has NaN or infinity"):
        model_of(Diverges()).fit(X, y)
    model = model_of(Diverges(), on_cell_error="fallback")
    with pytest.warns(UserWarning, match=r"1 of 9 experts .* \[5\]"):
        model.fit(X, y)
    assert np.isfinite(model.predict(X)).all()


class Coefficients(Ridge):
    def __init__(self, kind=None):
        super().__init__()
        self.kind = kind

    def fit(self, X, y):
        super().fit(X, y)
        if self.kind == "scalar":
            self.intercept_ = np.float32(np.nan)
        elif self.kind == "sparse":
            self.coef_ = csr_array([[np.inf]])
        elif self.kind == "objects":
            self.named_, self.coef_ = self.coef_, np.array(["x", None], dtype=object)
        return self

    def predict(self, X):
        return X @ self.named_ + self.intercept_


def test_coefficients_are_also_found_in_pipelines():
    X, y = segments()
    model = model_of(Diverges())
    model.set_params(expert=make_pipeline("passthrough", Diverges()))
    with pytest.raises(CellFitError, match="of cell 5 .* coef_ has NaN or infinity"):
        model.fit(X, y)


@pytest.mark.parametrize(
    ("kind", "name"), [("scalar", "intercept_"), ("sparse", "coef_")]
)
def test_coefficients_may_be_scalars_or_sparse(kind, name):
    with pytest.raises(CellFitError, match=f"Its {name} has NaN or infinity"):
        model_of(Coefficients(kind)).fit(*segments())


def test_coefficients_that_are_no_numbers_are_not_judged():
    X, y = segments()
    assert np.isfinite(model_of(Coefficients("objects")).fit(X, y).predict(X)).all()


class NeedsTwoColumns(BrittleClassifier):
    def fit(self, X, y):
        if X.shape[1] == 1:
            raise ValueError("one column")
        return super().fit(X, y)


def test_a_group_of_columns_falls_back_to_a_constant():
    X, y = segments()
    model = PartitionedExpertsClassifier(
        NeedsTwoColumns(),
        partitioner=FeatureGroups([[0], [1, 2, 3]]),
        on_cell_error="fallback",
    )
    with pytest.warns(UserWarning, match="1 of 2 experts"):
        model.fit(X, y)
    np.testing.assert_allclose(
        model.experts_[0].predict_proba(X)[0], np.bincount(y) / len(y)
    )
    assert np.isfinite(model.predict_proba(X)).all()


class Impossible(BrittleClassifier):
    def fit(self, X, y):
        raise ValueError("never")


def test_if_the_shared_expert_fails_too_the_fit_does():
    X, y = segments()
    model = model_of(Impossible(), on_cell_error="fallback")
    with pytest.raises(CellFitError, match="rows that no cell claims.*never"):
        model.fit(X, y)
    with pytest.raises(NotFittedError):
        model.predict(X)


def test_no_warning_and_the_same_bits_if_nothing_fails():
    X, y = segments()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plain = model_of(BrittleClassifier()).fit(X, y)
        other = model_of(BrittleClassifier(), on_cell_error="fallback").fit(X, y)
    assert bits(plain) == bits(other)
