"""Metadata of a fit reach experts and partitioners by what these request."""

import sys

import cloudpickle
import joblib
import numpy as np
import pandas as pd
import pytest
from scipy.sparse import coo_array
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.cluster import KMeans
from sklearn.datasets import load_diabetes, load_wine
from sklearn.ensemble import BaggingClassifier
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, make_scorer
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skexperts import (
    L1SVC,
    AlphaCombinerClassifier,
    PartitionedExpertsClassifier,
    PartitionedExpertsRegressor,
    RandomPartitioner,
    SoftmaxGate,
)
from skexperts._metadata import sort_metadata

# Worker processes cannot import test modules.
cloudpickle.register_pickle_by_value(sys.modules[__name__])

X, y = load_wine(return_X_y=True)
X = StandardScaler().fit_transform(X)
N = len(y)
weight = np.random.default_rng(0).integers(0, 4, N).astype(float)
row = np.arange(N)


@pytest.fixture(autouse=True)
def routing():
    with config_context(enable_metadata_routing=True):
        yield


class Told(ClassifierMixin, BaseEstimator):
    """An expert that checks that ``row`` is the number of each row in ``X``."""

    def fit(self, data, y, sample_weight=None, row=None, mode=None):
        self.row_, self.mode_, self.weight_ = row, mode, sample_weight
        if row is not None and not np.array_equal(X[np.asarray(row)], data):
            raise ValueError("these are not the rows of X")
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])


class ToldKMeans(KMeans):
    def fit(self, data, y=None, sample_weight=None, row=None):
        if not np.array_equal(X[np.asarray(row)], data):
            raise ValueError("these are not the rows of X")
        self.row_ = row
        return super().fit(data, sample_weight=sample_weight)


def told(**requests):
    requests = {"sample_weight": True, "row": True, "mode": True} | requests
    return Told().set_fit_request(**requests)


@pytest.mark.parametrize(
    "kind", [list, np.array, pd.Series], ids=["list", "array", "series"]
)
@pytest.mark.parametrize(("backend", "n_jobs"), [("loky", 2), ("threading", 2)])
def test_each_expert_gets_the_metadata_of_its_rows(kind, backend, n_jobs):
    partitioner = ToldKMeans(3, n_init=1).set_fit_request(row=True, sample_weight=True)
    model = PartitionedExpertsClassifier(told(), partitioner=partitioner, top_k=1)
    model.set_params(n_jobs=n_jobs, random_state=0)
    with joblib.parallel_config(backend=backend):
        model.fit(X, y, weight, row=kind(row), mode="fast")
    kept = np.flatnonzero(weight)
    assert np.array_equal(model.partitioner_.row_, kept)
    seen = [expert for expert in model.experts_ if isinstance(expert, Told)]
    assert seen
    nearest = model.partitioner_.labels_
    for cell, expert in zip(model.cells_, model.experts_, strict=True):
        if isinstance(expert, Told):
            assert type(expert.row_) is type(kind(row))
            assert np.array_equal(expert.row_, kept[nearest == cell])
            assert expert.mode_ == "fast"
            assert np.array_equal(expert.weight_, weight[kept][nearest == cell])


@pytest.mark.parametrize(
    "parameters",
    [
        {"n_experts": "auto"},
        {"gate": SoftmaxGate(target="competence"), "n_rounds": 2},
        {"combiner": AlphaCombinerClassifier(cv=2)},
        {"partitioner": RandomPartitioner(2)},
    ],
    ids=["auto", "rounds", "combiner", "random"],
)
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_metadata_follow_the_rows_through_every_fit(parameters, n_jobs):
    # The expert itself checks the rows: a wrong one is an error.
    model = PartitionedExpertsClassifier(told(), random_state=0, n_jobs=n_jobs)
    model.set_params(**parameters).fit(X, y, weight, row=row)
    with pytest.raises(Exception, match="not the rows of X"):
        model.fit(X, y, weight, row=row[::-1])


def test_pipelines_as_experts_pass_weights_on():
    scaler = StandardScaler().set_fit_request(sample_weight=True)
    last = LogisticRegression(max_iter=1000).set_fit_request(sample_weight=True)
    model = PartitionedExpertsClassifier(
        make_pipeline(scaler, last), n_experts=1, random_state=0
    )
    model.fit(X, y, sample_weight=weight)
    kept = weight > 0
    own = {"sample_weight": weight[kept]}
    scaled = StandardScaler().fit(X[kept], **own)
    plain = LogisticRegression(max_iter=1000).fit(
        scaled.transform(X[kept]), y[kept], **own
    )
    expected = plain.predict_proba(scaled.transform(X))
    np.testing.assert_allclose(model.predict_proba(X), expected, rtol=1e-10)


@pytest.mark.parametrize(
    ("expert", "partitioner", "who"),
    [
        (LogisticRegression(), None, "LogisticRegression.fit"),
        (make_pipeline(StandardScaler(), GaussianNB()), None, "StandardScaler.fit"),
        (BaggingClassifier(GaussianNB()), None, "GaussianNB.fit"),
        (None, make_pipeline(StandardScaler(), KMeans(2)), "StandardScaler.fit"),
        (None, KMeans(2), "KMeans.fit"),
    ],
)
def test_a_request_that_is_not_set_is_an_error(expert, partitioner, who):
    model = PartitionedExpertsClassifier(expert, partitioner=partitioner)
    with pytest.raises(UnsetMetadataPassedError) as caught:
        model.fit(X, y, sample_weight=weight)
    message = str(caught.value)
    assert "[sample_weight] are passed but are not explicitly set" in message
    assert who in message
    model.fit(X, y)


def test_what_nobody_requests_is_an_error():
    with pytest.raises(TypeError, match="got unexpected argument.*colour"):
        PartitionedExpertsClassifier().fit(X, y, colour=row)


def test_without_routing_metadata_are_an_error_that_says_how():
    with config_context(enable_metadata_routing=False):
        model = PartitionedExpertsClassifier()
        with pytest.raises(ValueError, match="enable_metadata_routing=True"):
            model.fit(X, y, row=row)
        assert not hasattr(model, "classes_")


def test_the_defaults_take_weights():
    routed = PartitionedExpertsClassifier(random_state=0).fit(X, y, weight)
    with config_context(enable_metadata_routing=False):
        plain = PartitionedExpertsClassifier(random_state=0).fit(X, y, weight)
    assert np.array_equal(routed.predict_proba(X), plain.predict_proba(X))


def test_an_expert_that_declines_weights_gets_none():
    expert = told(sample_weight=False, row=False, mode=False)
    model = PartitionedExpertsClassifier(expert, top_k=2, random_state=0)
    model.fit(X, y, sample_weight=weight)
    # Rows of weight 0 are left out all the same.
    assert model.fit_report_["n_rows"].sum() == np.count_nonzero(weight)
    assert [e.weight_ for e in model.experts_ if isinstance(e, Told)] != []
    assert all(e.weight_ is None for e in model.experts_ if isinstance(e, Told))
    pipeline = make_pipeline(
        StandardScaler().set_fit_request(sample_weight=False),
        GaussianNB().set_fit_request(sample_weight=False),
    )
    model.set_params(expert=pipeline).fit(X, y, sample_weight=weight)


def test_a_partitioner_that_declines_weights_gets_none():
    declines = KMeans(3, n_init=1).set_fit_request(sample_weight=False)
    model = PartitionedExpertsClassifier(partitioner=declines, random_state=0)
    centers = model.fit(X, y, weight).partitioner_.cluster_centers_
    kept = weight > 0
    again = PartitionedExpertsClassifier(
        partitioner=KMeans(3, n_init=1), random_state=0
    )
    again.fit(X[kept], y[kept])
    assert np.array_equal(centers, again.partitioner_.cluster_centers_)


def test_an_expert_that_cannot_take_weights_is_an_error():
    model = PartitionedExpertsClassifier(KNeighborsClassifier())
    with pytest.raises(ValueError, match="takes no sample weights"):
        model.fit(X, y, sample_weight=weight)


def test_experts_that_hand_metadata_on_get_gate_weights_if_somebody_asks():
    silent = BaggingClassifier(LogisticRegression(), n_estimators=2)
    PartitionedExpertsClassifier(silent, n_experts=2).fit(X, y)
    asks = BaggingClassifier(
        LogisticRegression().set_fit_request(sample_weight=True), n_estimators=2
    )
    PartitionedExpertsClassifier(asks, n_experts=2).fit(X, y, sample_weight=weight)
    nested = PartitionedExpertsClassifier(n_experts=2, random_state=0)
    nested.set_fit_request(sample_weight=True)
    PartitionedExpertsClassifier(nested, n_experts=2).fit(X, y, sample_weight=weight)


@pytest.mark.parametrize("name", ["expert", "partitioner"])
def test_other_metadata_in_the_place_of_weights_are_an_error(name):
    part = {"expert": LogisticRegression(), "partitioner": KMeans(2)}[name]
    part.set_fit_request(sample_weight="cost")
    model = PartitionedExpertsClassifier(**{name: part})
    with pytest.raises(ValueError, match=f"The {name} asks for other metadata"):
        model.fit(X, y, cost=weight)


def test_sharing_has_no_place_for_metadata():
    class Asks(L1SVC):
        def fit(self, X, y, sample_weight=None, row=None):
            return super().fit(X, y, sample_weight)

    asks = Asks().set_fit_request(sample_weight=True, row=True)
    model = PartitionedExpertsClassifier(asks, sharing="deviation")
    with pytest.raises(ValueError, match=r"no place for the metadata \['row'\]"):
        model.fit(X, y, weight, row=row)
    declines = L1SVC().set_fit_request(sample_weight=False)
    model = PartitionedExpertsClassifier(declines, sharing="deviation")
    with pytest.raises(ValueError, match="requests no sample_weight"):
        model.fit(X, y, weight)


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_search_routes_weights_to_every_step(n_jobs):
    expert = make_pipeline(
        StandardScaler().set_fit_request(sample_weight=True),
        LogisticRegression().set_fit_request(sample_weight=True),
    )
    model = PartitionedExpertsClassifier(expert, n_experts=2, random_state=0)
    model.set_fit_request(sample_weight=True)
    scorer = make_scorer(accuracy_score).set_score_request(sample_weight=True)
    search = GridSearchCV(model, {"top_k": [1, 2]}, cv=2, scoring=scorer, n_jobs=n_jobs)
    with joblib.parallel_config(backend="loky"):
        search.fit(X, y, sample_weight=weight)
    best = model.set_params(**search.best_params_).fit(X, y, sample_weight=weight)
    assert np.array_equal(search.predict_proba(X), best.predict_proba(X))
    unset = PartitionedExpertsClassifier(expert)
    with pytest.raises(UnsetMetadataPassedError, match="PartitionedExpertsClassifier"):
        GridSearchCV(unset, {"top_k": [1]}, scoring=scorer).fit(
            X, y, sample_weight=weight
        )


def test_regressors_route_as_well():
    X, y = load_diabetes(return_X_y=True)
    weight = np.arange(len(y)) % 3
    expert = Ridge().set_fit_request(sample_weight=True)
    model = PartitionedExpertsRegressor(expert, n_experts=1, random_state=0)
    kept = weight > 0
    plain = Ridge().fit(X[kept], y[kept], weight[kept])
    routed = model.fit(X, y, sample_weight=weight).predict(X)
    np.testing.assert_allclose(routed, plain.predict(X))


def test_what_belongs_to_rows():
    n = 4
    values = {
        "list": list(range(n)),
        "array": np.arange(n),
        "frame": pd.DataFrame({"a": range(n)}),
        "sparse": coo_array(np.eye(n)),
        "text": "abcd",
        "dict": dict.fromkeys("abcd"),
        "number": 3,
        "scalar": np.array(3),
        "short": np.arange(n - 1),
        "none": None,
    }
    metadata = sort_metadata(values, n)
    assert list(metadata.of_rows) == ["list", "array", "frame", "sparse"]
    taken = metadata.take(np.array([2, 0])).parameters()
    assert taken["list"] == [2, 0]
    assert taken["array"].tolist() == [2, 0]
    assert taken["frame"]["a"].tolist() == [2, 0]
    assert taken["sparse"].toarray().argmax(axis=1).tolist() == [2, 0]
    assert {name: taken[name] for name in metadata.others} == metadata.others
    # What has the length of fewer rows by chance does not belong to them.
    assert metadata.take(np.arange(3)).parameters()["short"] is values["short"]
