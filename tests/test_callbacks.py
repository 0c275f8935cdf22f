"""Callbacks of scikit-learn see every expert, wherever it is fitted."""

import json
import os
import pickle
import sys
import warnings
from types import SimpleNamespace

import cloudpickle
import joblib
import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.callback import AutoPropagatedCallback, ProgressBar, ScoringMonitor
from sklearn.datasets import load_wine
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted

from skexperts import (
    L1SVC,
    AlphaCombinerClassifier,
    AlphaCombinerRegressor,
    PartitionedExpertsClassifier,
    PartitionedExpertsRegressor,
    RandomPartitioner,
    SoftmaxGate,
)
from skexperts._callbacks import NO_TASK, CallbackSupport, fit_task, support_mixin
from skexperts.exceptions import CellFitError

# Worker processes cannot import test modules.
cloudpickle.register_pickle_by_value(sys.modules[__name__])

X, y = load_wine(return_X_y=True)
X = StandardScaler().fit_transform(X)
BACKENDS = [("loky", 1), ("loky", 2), ("threading", 2)]


class Recorder:
    """Write every hook to a file, which workers share."""

    def __init__(self, folder):
        self.path = os.fspath(folder / "hooks.txt")

    def write(self, hook, estimator, context, n_rows=None):
        names, numbers, one = [], [], context
        while one is not None:
            names.insert(0, one.task_name)
            numbers.insert(0, one.task_id)
            one = one.parent
        line = [hook, type(estimator).__name__, names, numbers, n_rows]
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def setup(self, estimator, context):
        self.write("setup", estimator, context)

    def on_fit_task_begin(self, estimator, context, *, X):
        self.write("begin", estimator, context, None if X is None else len(X))

    def on_fit_task_end(self, estimator, context, *, X, fitted_estimator):
        answers = None
        if hasattr(fitted_estimator, "predict"):
            answers = len(fitted_estimator.predict(X))
        self.write("end", estimator, context, answers)

    def teardown(self, estimator, context):
        self.write("teardown", estimator, context)

    def lines(self, hook, *names):
        """What was written of a hook, for tasks at the end of this path of names."""
        with open(self.path, encoding="utf-8") as file:
            lines = [json.loads(line) for line in file]
        return [
            (estimator, numbers, n_rows)
            for key, estimator, path, numbers, n_rows in lines
            if key == hook and path[len(path) - len(names) :] == list(names)
        ]


class Propagated(Recorder):
    max_propagation_depth = None


def test_the_recorder_is_a_callback(tmp_path):
    assert isinstance(Propagated(tmp_path), AutoPropagatedCallback)


@pytest.mark.parametrize(("backend", "n_jobs"), BACKENDS)
@pytest.mark.parametrize("expert", [GaussianNB(), LogisticRegression(max_iter=1000)])
def test_every_expert_begins_and_ends(tmp_path, backend, n_jobs, expert):
    recorder = Recorder(tmp_path)
    plain = PartitionedExpertsClassifier(expert, random_state=0, n_jobs=n_jobs)
    model = PartitionedExpertsClassifier(expert, random_state=0, n_jobs=n_jobs)
    with joblib.parallel_config(backend=backend):
        model.set_callbacks(recorder).fit(X, y)
        plain.fit(X, y)

    for hook in ("begin", "end"):
        experts = recorder.lines(hook, "fit", "experts", "expert")
        assert sorted(numbers for _, numbers, _ in experts) == [
            [0, 2, k] for k in range(model.n_experts_)
        ]
        assert {name for name, _, _ in experts} == {"PartitionedExpertsClassifier"}
        for name, number in [("partition", 0), ("gate", 1), ("experts", 2)]:
            (found,) = recorder.lines(hook, "fit", name)
            assert found[1] == [0, number]
    n_rows = {
        numbers[-1]: n_rows
        for _, numbers, n_rows in recorder.lines("begin", "experts", "expert")
    }
    routed = model.fit_report_["n_routed"][model.cells_]
    assert [n_rows[k] for k in range(model.n_experts_)] == routed.tolist()
    # In the end the model can predict.
    assert recorder.lines("end", "fit") == [
        ("PartitionedExpertsClassifier", [0], len(X))
    ]
    assert len(recorder.lines("setup")) == len(recorder.lines("teardown")) == 1
    # Callbacks change nothing.
    assert np.array_equal(model.predict_proba(X), plain.predict_proba(X))
    assert vars(model).keys() - vars(plain).keys() == {"_skl_callbacks"}
    assert vars(model.experts_[0]).keys() == vars(plain.experts_[0]).keys()


@pytest.mark.parametrize(("backend", "n_jobs"), BACKENDS)
def test_experts_that_take_callbacks_get_them(tmp_path, backend, n_jobs):
    recorder = Propagated(tmp_path)
    expert = make_pipeline(StandardScaler(), LogisticRegression(max_iter=50))
    model = PartitionedExpertsClassifier(expert, n_experts=3, n_jobs=n_jobs)
    with joblib.parallel_config(backend=backend):
        model.set_callbacks(recorder).fit(X, y)
    # The pipeline is the task of its expert.
    roots = [line[:2] for line in recorder.lines("begin", "experts", "fit")]
    assert sorted(roots) == [("Pipeline", [0, 2, k]) for k in range(3)]
    assert not hasattr(model.experts_[0], "_skl_callbacks")
    assert not hasattr(model.experts_[0], "_parent_callback_ctx")
    pickle.loads(pickle.dumps(model))


def test_a_frozen_partitioner_is_no_fit(tmp_path):
    recorder = Propagated(tmp_path)
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(max_iter=50))
    model = PartitionedExpertsClassifier(
        partitioner=FrozenEstimator(pipeline.fit(X, y))
    )
    model.set_callbacks(recorder).fit(X, y)
    assert len(recorder.lines("end", "fit", "partition")) == 1


class Failing(ClassifierMixin, BaseEstimator):
    def fit(self, X, y):
        raise RuntimeError("no")


@pytest.mark.parametrize(("backend", "n_jobs"), BACKENDS)
def test_a_failure_takes_the_callbacks_down(tmp_path, backend, n_jobs):
    recorder = Recorder(tmp_path)
    model = PartitionedExpertsClassifier(Failing(), n_jobs=n_jobs)
    model.set_callbacks(recorder)
    with joblib.parallel_config(backend=backend), pytest.raises(CellFitError):
        model.fit(X, y)
    assert len(recorder.lines("setup")) == len(recorder.lines("teardown")) == 1
    assert recorder.lines("end", "fit") == []
    with pytest.raises(NotFittedError):
        check_is_fitted(model)
    assert vars(model).keys() == {*model.get_params(deep=False), "_skl_callbacks"}
    # A failed refit leaves the old model, and the same callbacks.
    model.set_params(expert=GaussianNB()).fit(X, y)
    before = model.predict_proba(X)
    with joblib.parallel_config(backend=backend), pytest.raises(CellFitError):
        model.set_params(expert=Failing()).fit(X, y)
    assert np.array_equal(model.predict_proba(X), before)
    assert len(recorder.lines("setup")) == len(recorder.lines("teardown")) == 3


def test_a_failure_of_a_callback_leaves_the_model_as_it_was(tmp_path):
    class Broken(Recorder):
        def on_fit_task_end(self, estimator, context):
            raise KeyError("broken callback")

    recorder = Broken(tmp_path)
    model = PartitionedExpertsClassifier(random_state=0)
    with pytest.raises(KeyError, match="broken callback"):
        model.set_callbacks(recorder).fit(X, y)
    assert len(recorder.lines("teardown")) == 1
    with pytest.raises(NotFittedError):
        check_is_fitted(model)


def test_everything_a_fit_does_is_a_task(tmp_path):
    recorder = Recorder(tmp_path)
    model = PartitionedExpertsClassifier(
        GaussianNB(),
        n_experts="auto",
        gate=SoftmaxGate(target="competence"),
        n_rounds=2,
        combiner=AlphaCombinerClassifier(cv=2),
        random_state=0,
    )
    model.set_callbacks(recorder).fit(X, y)
    tried = model.n_experts_scores_["n_experts"]
    for hook in ("begin", "end"):
        for k, number in enumerate(tried):
            (found,) = recorder.lines(hook, "n_experts", f"{number} experts")
            assert found[1] == [0, 0, k]
        names = ["n_experts", "partition", "gate", "round", "round", "experts"]
        for name in names:
            assert len(recorder.lines(hook, "fit", name)) == names.count(name)
        k = model.n_experts_
        assert len(recorder.lines(hook, "round", "experts", "expert")) == 2 * 3 * k
        assert len(recorder.lines(hook, "combiner", "experts", "expert")) == 2 * k
        assert len(recorder.lines(hook, "fit", "experts", "expert")) == k


def test_experts_that_share_are_one_task(tmp_path):
    recorder = Recorder(tmp_path)
    model = PartitionedExpertsClassifier(L1SVC(), n_experts=2, sharing="deviation")
    model.set_callbacks(recorder).fit(X, y)
    assert len(recorder.lines("end", "fit", "experts")) == 1
    assert recorder.lines("begin", "experts", "expert") == []


@pytest.mark.parametrize(("backend", "n_jobs"), BACKENDS)
def test_every_fit_of_a_combiner_begins_and_ends(tmp_path, backend, n_jobs):
    recorder = Recorder(tmp_path)
    named = [("a", GaussianNB()), ("b", LogisticRegression(max_iter=1000))]
    splits = ((train, test) for train, test in [(np.arange(178), np.arange(178))] * 2)
    model = AlphaCombinerClassifier(named, cv=splits, n_jobs=n_jobs)
    with joblib.parallel_config(backend=backend):
        model.set_callbacks(recorder).fit(X, y)
    for hook in ("begin", "end"):
        fits = recorder.lines(hook, "fit", "estimators", "estimator")
        numbers = sorted(numbers for _, numbers, _ in fits)
        assert numbers == [[0, 0, k] for k in range(6)]
    assert len(recorder.lines("teardown")) == 1
    failing = AlphaCombinerRegressor([("a", GaussianNB())]).set_callbacks(recorder)
    with pytest.raises(TypeError):
        failing.fit(X, y)
    assert len(recorder.lines("teardown")) == 2


@pytest.mark.parametrize(("backend", "n_jobs"), BACKENDS)
def test_a_search_over_a_pipeline_shows_the_experts(tmp_path, backend, n_jobs):
    recorder = Propagated(tmp_path)
    pipeline = make_pipeline(
        StandardScaler(), PartitionedExpertsClassifier(n_experts=2, random_state=0)
    )
    grid = {"partitionedexpertsclassifier__top_k": [1, 2]}
    search = GridSearchCV(pipeline, grid, cv=2, n_jobs=n_jobs)
    with joblib.parallel_config(backend=backend):
        search.set_callbacks(recorder).fit(X, y)
    for hook in ("begin", "end"):
        assert len(recorder.lines(hook, "experts", "expert")) == 5 * 2
    assert len(recorder.lines("setup")) == len(recorder.lines("teardown")) == 1


@pytest.mark.parametrize(("backend", "n_jobs"), BACKENDS)
def test_a_monitor_of_an_expert_sees_one_run(backend, n_jobs):
    monitor = ScoringMonitor(scoring="accuracy")
    expert = LogisticRegression(max_iter=5).set_callbacks(monitor)
    model = PartitionedExpertsClassifier(expert, n_experts=2, n_jobs=n_jobs)
    with joblib.parallel_config(backend=backend), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, y)
    (log,) = monitor.get_logs(select="all")
    assert log.estimator_name == "PartitionedExpertsClassifier"
    paths = {entry["task_id_path"][:3] for entry in log.data}
    assert paths == {(0, 2, 0), (0, 2, 1)}


@pytest.mark.parametrize(("backend", "n_jobs"), BACKENDS)
def test_a_progress_bar_is_drawn(capsys, backend, n_jobs):
    pytest.importorskip("rich")
    model = PartitionedExpertsRegressor(Ridge(), n_experts=3, n_jobs=n_jobs)
    with joblib.parallel_config(backend=backend):
        model.set_callbacks(ProgressBar()).fit(X, y)
    shown = capsys.readouterr().out
    assert "PartitionedExpertsRegressor - fit" in shown
    assert "PartitionedExpertsRegressor - experts" in shown
    assert shown.count("100%") == 2


def test_dask_workers_report(tmp_path):
    distributed = pytest.importorskip("distributed")
    recorder = Recorder(tmp_path)
    model = PartitionedExpertsClassifier(n_experts=4, random_state=0, n_jobs=2)
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster),
        joblib.parallel_config(backend="dask"),
    ):
        model.set_callbacks(recorder).fit(X, y)
    assert len(recorder.lines("end", "experts", "expert")) == 4


def test_without_callbacks_nothing_is_set_up():
    model = PartitionedExpertsClassifier()
    assert fit_task(model, 3) is NO_TASK
    assert NO_TASK.subtask("gate") is NO_TASK
    assert NO_TASK.many("expert", 3).number(0) is NO_TASK
    with NO_TASK.running(X, y) as task:
        assert task is NO_TASK
    assert vars(model) == vars(PartitionedExpertsClassifier())


def test_another_shape_of_the_experimental_package_is_no_support():
    class Other:
        def set_callbacks(self):
            """Without the context."""

    other = SimpleNamespace(CallbackSupportMixin=Other)
    for package in (None, SimpleNamespace(), other):
        assert not hasattr(support_mixin(package), "set_callbacks")
    # This version has the shape that is known.
    assert hasattr(CallbackSupport, "set_callbacks")
    assert fit_task(RandomPartitioner(), 1) is NO_TASK
