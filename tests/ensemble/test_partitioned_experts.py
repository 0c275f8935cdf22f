"""Behaviour of the partitioned experts, against plain loops written without them."""

import pickle
import sys
import warnings

import cloudpickle
import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_array, csc_array, csr_array, csr_matrix
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone
from sklearn.cluster import DBSCAN, Birch, KMeans
from sklearn.datasets import load_diabetes, load_digits, load_wine
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import StackingRegressor
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import Lasso, LinearRegression, LogisticRegression, Ridge
from sklearn.metrics import euclidean_distances
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier

from skexperts.combine import AlphaCombinerClassifier, AlphaCombinerRegressor
from skexperts.ensemble import PartitionedExpertsClassifier, PartitionedExpertsRegressor
from skexperts.exceptions import CellFitError
from skexperts.gating import DistanceGate, HardGate
from skexperts.partition import PartitionerMixin, RandomPartitioner, TreePartitioner

# Worker processes cannot import test modules.
cloudpickle.register_pickle_by_value(sys.modules[__name__])

L1 = {"penalty": "l1", "dual": False, "tol": 1e-2}


def wine():
    X, y = load_wine(return_X_y=True)
    return StandardScaler().fit_transform(X), y


def diabetes():
    X, y = load_diabetes(return_X_y=True)
    return StandardScaler().fit_transform(X), y


def kmeans(n=4):
    return KMeans(n, random_state=0)


def digest(model):
    """Bytes of everything numeric that an expert model has learned."""
    parts = [model.cells_, model.partitioner_.cluster_centers_]
    for expert in model.experts_:
        parts += [getattr(expert, name, 0) for name in ("coef_", "intercept_")]
    return joblib.hash([np.asarray(part) for part in parts])


# Limit cases --------------------------------------------------------------------------


@pytest.mark.parametrize("gate", ["distance", "hard"])
@pytest.mark.parametrize(
    "expert",
    [LinearSVC(random_state=0), LogisticRegression(), SVC(), DecisionTreeClassifier()],
    ids=lambda e: type(e).__name__,
)
def test_one_expert_is_the_plain_classifier(expert, gate):
    X, y = wine()
    model = PartitionedExpertsClassifier(expert, n_experts=1, gate=gate).fit(X, y)
    (fitted,) = model.experts_
    plain = clone(fitted).fit(X, y)
    np.testing.assert_array_equal(model.predict(X), plain.predict(X))
    if hasattr(plain, "predict_proba"):
        np.testing.assert_array_equal(model.predict_proba(X), plain.predict_proba(X))
    if isinstance(plain, LinearSVC):
        far = 100 * X
        margins = plain.decision_function(far)
        np.testing.assert_array_equal(model.decision_function(far), margins)


@pytest.mark.parametrize("expert", [Lasso(), LinearRegression(), KNeighborsRegressor()])
def test_one_expert_is_the_plain_regressor(expert):
    X, y = diabetes()
    model = PartitionedExpertsRegressor(expert, n_experts=1).fit(X, y)
    np.testing.assert_array_equal(model.predict(X), clone(expert).fit(X, y).predict(X))


def test_hard_gate_is_one_model_per_cluster():
    X, y = diabetes()
    model = PartitionedExpertsRegressor(
        Ridge(), partitioner=kmeans(), gate="hard", random_state=0
    ).fit(X, y)
    labels = model.partitioner_.predict(X)
    expected = np.empty_like(y)
    for k in range(4):
        mine = labels == k
        expected[mine] = Ridge().fit(X[mine], y[mine]).predict(X[mine])
    np.testing.assert_allclose(model.predict(X), expected, rtol=1e-9)


def test_all_experts_is_the_dense_mixture():
    X, y = diabetes()
    model = PartitionedExpertsRegressor(
        Ridge(), partitioner=kmeans(), top_k=99, random_state=0
    ).fit(X, y)
    distances = euclidean_distances(
        X, model.partitioner_.cluster_centers_, squared=True
    )
    unit = distances.min(axis=1).mean() / 2
    gate = np.exp(-(distances - distances.min(axis=1)[:, None]) / unit)
    gate[gate < 1e-6] = 0
    gate /= gate.sum(axis=1)[:, None]
    experts_per_row = np.count_nonzero(gate) / len(X)
    expected = np.zeros_like(y)
    for k in range(4):
        # Weights of mean 1 over all pairs.
        expert = Ridge().fit(X, y, sample_weight=experts_per_row * gate[:, k])
        expected += gate[:, k] * expert.predict(X)
    np.testing.assert_allclose(model.predict(X), expected, rtol=1e-6)
    np.testing.assert_allclose(model.route(X).toarray(), gate, atol=1e-9)


# The plain-loop oracle ----------------------------------------------------------------


def oracle(model, X, X_new):
    """Predict class scores by plain loops over rows and cells."""
    centers = model.partitioner_.cluster_centers_
    unit = np.mean([((x - centers) ** 2).sum(axis=1).min() for x in X]) / 2
    centers = centers[model.cells_]
    scores = np.zeros((len(X_new), len(model.classes_)))
    for i, x in enumerate(X_new):
        d2 = ((x - centers) ** 2).sum(axis=1)
        weight = np.exp(-(d2 - d2.min()) / (unit * model.gate_.temperature))
        weight[weight < 1e-6] = 0
        nearest = sorted(range(len(centers)), key=lambda k: (d2[k], k))[: model.top_k]
        total = sum(weight[k] for k in nearest)
        for k in nearest:
            expert = model.experts_[k]
            known = [list(model.classes_).index(c) for c in expert.classes_]
            if len(known) == 1:
                margin = np.array([1.0])
            else:
                margin = expert.decision_function(x[None])[0]
                margin = np.array([-margin, margin]) if len(known) == 2 else margin
            row = np.full(len(model.classes_), min(-1.0, min(margin)))
            row[known] = margin
            scores[i] += weight[k] / total * row
    return scores


@settings(max_examples=40)
@given(
    seed=st.integers(0, 10_000),
    n_classes=st.integers(2, 5),
    n_experts=st.integers(1, 9),
    top_k=st.integers(1, 5),
    temperature=st.sampled_from([0.1, 1.0, 10.0]),
)
def test_classifier_is_the_loop_over_cells(
    seed, n_classes, n_experts, top_k, temperature
):
    rng = np.random.default_rng(seed)
    X, X_new = rng.normal(size=(60, 3)), 3 * rng.normal(size=(20, 3))
    # Labels depend on the place, so that cells miss classes.
    y = np.clip(np.floor(X[:, 0] + n_classes / 2), 0, n_classes - 1)
    y[:n_classes] = np.arange(n_classes)
    model = PartitionedExpertsClassifier(
        LinearSVC(**L1),
        n_experts=n_experts,
        gate=DistanceGate(temperature),
        top_k=top_k,
        min_cell_size=5,
        random_state=seed,
    ).fit(X, y)
    scores = oracle(model, X, X_new)
    margins = model.decision_function(X_new)
    margins = np.column_stack((-margins, margins)) if n_classes == 2 else margins
    np.testing.assert_allclose(margins, scores, atol=1e-8)
    probabilities = model.predict_proba(X_new)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, atol=1e-12)
    labels = model.predict(X_new)
    np.testing.assert_array_equal(labels, model.classes_[margins.argmax(axis=1)])
    np.testing.assert_array_equal(labels, model.classes_[probabilities.argmax(axis=1)])


# Routing and outputs in public --------------------------------------------------------


@pytest.mark.parametrize(
    "expert",
    [LinearSVC(**L1), LogisticRegression(), SVC()],
    ids=lambda e: type(e).__name__,
)
def test_route_and_expert_outputs_contract_to_the_prediction(expert):
    X, y = wine()
    model = PartitionedExpertsClassifier(expert, n_experts=5, random_state=0).fit(X, y)
    routing, outputs = model.route(X), model.expert_outputs(X)
    assert routing.shape == (len(X), model.n_experts_)
    assert (np.diff(routing.indptr) <= 4).all()
    np.testing.assert_allclose(routing.sum(axis=1), 1.0)
    rows = np.repeat(np.arange(len(X)), np.diff(routing.indptr))
    combined = np.zeros((len(X), 3))
    np.add.at(combined, rows, routing.data[:, None] * outputs)
    np.testing.assert_array_equal(model.predict(X), combined.argmax(axis=1))
    margins = model.decision_function(X)
    if isinstance(expert, LinearSVC):
        np.testing.assert_allclose(margins, combined, atol=1e-12)
    else:
        np.testing.assert_allclose(model.predict_proba(X), combined, atol=1e-12)
        np.testing.assert_allclose(margins, 2 * combined - 1, atol=1e-12)


def test_single_rows_are_routed_as_in_the_batch():
    X, y = wine()
    model = PartitionedExpertsClassifier(n_experts=5, random_state=0).fit(X, y)
    batch = model.predict_proba(X)
    single = np.vstack([model.predict_proba(X[[i]]) for i in range(len(X))])
    np.testing.assert_allclose(single, batch, atol=1e-9)


def test_experts_need_no_gate_weights():
    X, y = wine()
    model = PartitionedExpertsClassifier(KNeighborsClassifier(1), random_state=0)
    assert model.fit(X, y).score(X, y) > 0.95


def test_random_cells_vote_on_new_rows():
    X, y = wine()
    model = PartitionedExpertsClassifier(
        partitioner=RandomPartitioner(5), gate="hard", top_k=1, random_state=0
    ).fit(X, y)
    np.testing.assert_array_equal(model.fit_report_["n_routed"].sum(), len(X))
    np.testing.assert_allclose(model.route(X).toarray(), 0.2)
    assert model.score(X, y) > 0.9


def test_mixture_posteriors_are_the_gate():
    X, y = diabetes()
    model = PartitionedExpertsRegressor(
        partitioner=GaussianMixture(3, covariance_type="diag"), top_k=3, random_state=0
    ).fit(X, y)
    np.testing.assert_allclose(
        model.route(X).toarray(), model.partitioner_.predict_proba(X), atol=1e-5
    )


def test_gate_objects_and_strings_agree():
    X, y = wine()
    for name, gate in [("hard", HardGate()), ("distance", DistanceGate())]:
        one = PartitionedExpertsClassifier(gate=name, random_state=0).fit(X, y)
        two = PartitionedExpertsClassifier(gate=gate, random_state=0).fit(X, y)
        np.testing.assert_array_equal(one.predict_proba(X), two.predict_proba(X))


# Cells by contract --------------------------------------------------------------------


def blobs_with_a_pure_cell():
    rng = np.random.default_rng(0)
    X = np.vstack([rng.normal(size=(40, 2)), rng.normal(size=(30, 2)) + 20])
    y = np.where(np.arange(70) < 40, np.where(X[:, 0] > 0, "a", "b"), "c")
    return X, y


@pytest.mark.parametrize("expert", [None, LogisticRegression(), SVC()])
def test_a_cell_with_one_class_gets_a_constant_expert(expert):
    X, y = blobs_with_a_pure_cell()
    model = PartitionedExpertsClassifier(
        expert, n_experts=2, gate="hard", random_state=0
    )
    model.fit(X, y)
    assert sorted(model.fit_report_["state"]) == ["constant", "fitted"]
    assert sum(isinstance(e, DummyClassifier) for e in model.experts_) == 1
    assert (model.predict(X[40:]) == "c").all()
    assert "c" not in model.predict(X[:40])
    pure = model.predict_proba(X[40:])
    np.testing.assert_array_equal(pure, np.tile([0.0, 0.0, 1.0], (30, 1)))
    np.testing.assert_array_equal(model.predict_proba(X[:40])[:, 2], 0.0)


def test_a_small_cell_gives_its_rows_to_the_next():
    X = np.r_[np.zeros(20), np.full(20, 10.0), np.full(3, 13.0)][:, None]
    X = X + np.random.default_rng(0).normal(scale=0.1, size=X.shape)
    y = X[:, 0] ** 2
    model = PartitionedExpertsRegressor(n_experts=3, gate="hard", random_state=0).fit(
        X, y
    )
    report = model.fit_report_
    assert model.n_experts_ == 2
    assert sorted(report["state"]) == ["fitted", "fitted", "merged"]
    merged = int(np.flatnonzero(report["state"] == "merged")[0])
    assert merged not in model.cells_
    assert report["n_rows"][merged] == 3
    assert sorted(report["n_routed"]) == [0, 20, 23]
    assert len(np.unique(model.route(X[20:]).indices)) == 1


def test_empty_cells_get_no_expert():
    X = np.repeat([[0.0], [1.0], [2.0]], 15, axis=0)
    y = np.tile(np.arange(15.0), 3)
    with pytest.warns(ConvergenceWarning, match="distinct clusters"):
        model = PartitionedExpertsRegressor(n_experts=6, random_state=0).fit(X, y)
    assert model.n_experts_ == 3
    assert list(model.fit_report_["state"]).count("empty") == 3


def test_noise_of_dbscan_is_served_by_the_shared_expert():
    rng = np.random.default_rng(0)
    X = np.vstack(
        [rng.normal(size=(50, 2)), rng.normal(size=(50, 2)) + 12, [[6.5, 6.5]]]
    )
    y = X[:, 0]
    model = PartitionedExpertsRegressor(
        Ridge(), partitioner=DBSCAN(eps=1.5), gate="hard"
    ).fit(X, y)
    assert model.n_experts_ == 3 and model.cells_.tolist() == [0, 1, -1]
    routing = model.route(X)
    np.testing.assert_array_equal(np.diff(routing.indptr), 1)
    noise = routing.indices == 2
    assert noise[-1] and 1 <= noise.sum() < 20
    shared = Ridge().fit(X, y)
    np.testing.assert_allclose(model.shared_.coef_, shared.coef_, rtol=1e-12)
    np.testing.assert_allclose(
        model.predict(X[noise]), shared.predict(X[noise]), rtol=1e-12
    )


@pytest.mark.parametrize(
    "partitioner",
    [
        Birch(n_clusters=3, threshold=0.5),
        RandomPartitioner(9),
        KMeans(3, n_init=1),
        GaussianMixture(3, means_init=[[0, 0], [50, 0], [70, 0]]),
    ],
    ids=lambda p: type(p).__name__,
)
def test_rows_of_a_small_cell_go_to_one_cell(partitioner):
    rng = np.random.default_rng(0)
    centers = np.repeat([[0.0, 0.0], [50.0, 0.0], [70.0, 0.0]], [40, 40, 5], axis=0)
    X = centers + 0.3 * rng.normal(size=(85, 2))
    model = PartitionedExpertsRegressor(
        Ridge(), partitioner=partitioner, gate="hard", random_state=0
    )
    with pytest.warns(
        UserWarning, match="min_cell_size=10 rows and no expert of their"
    ):
        model.fit(X, X[:, 0])
    assert model.fit_report_["n_routed"].sum() == 85
    assert model.fit_report_["n_routed"][model.cells_].min() >= 10
    if not isinstance(partitioner, RandomPartitioner):
        assert sorted(model.fit_report_["n_routed"]) == [0, 40, 45]
        np.testing.assert_array_equal(np.diff(model.route(X).indptr), 1)
        assert len(np.unique(model.route(X[40:]).indices)) == 1


def test_a_mixture_with_a_small_cell_keeps_its_posteriors():
    rng = np.random.default_rng(0)
    centers = np.repeat([[0, 0], [2, 0], [1, 5]], [200, 200, 8], axis=0)
    X = centers + rng.normal(size=(408, 2)) * np.where(centers[:, 1:] == 5, 0.3, 1.0)
    mixture = GaussianMixture(3, means_init=[[0, 0], [2, 0], [1, 5]])
    with pytest.warns(UserWarning, match="1 of 3 cells"):
        model = PartitionedExpertsRegressor(
            Ridge(), partitioner=mixture, random_state=0
        ).fit(X, X[:, 0])
    posterior = model.partitioner_.predict_proba(X)[:, model.cells_]
    posterior /= posterior.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(model.route(X).toarray(), posterior, atol=1e-5)


def test_fit_report_is_a_table():
    X, y = wine()
    model = PartitionedExpertsClassifier(random_state=0, min_cell_size=20).fit(X, y)
    table = pd.DataFrame(model.fit_report_).set_index("cell")
    assert table.n_rows.sum() == len(X)
    assert table.loc[model.cells_].state.isin(["fitted", "constant"]).all()
    assert table.drop(model.cells_).state.isin(["merged", "empty"]).all()
    np.testing.assert_allclose(table.gate_weight.sum(), len(X))
    assert table.n_routed.sum() == model.route(X).nnz
    assert (table.loc[model.cells_].fit_time > 0).all()


# Same bits ----------------------------------------------------------------------------


@pytest.mark.parametrize("expert", [LinearSVC(**L1), LogisticRegression(max_iter=500)])
def test_bits_do_not_depend_on_n_jobs(expert):
    X, y = load_digits(return_X_y=True)
    X, y = X[:600], y[:600]
    models = []
    for n_jobs in (None, 1, 2):
        model = PartitionedExpertsClassifier(
            expert, n_experts=9, n_jobs=n_jobs, random_state=0
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            models.append(model.fit(X / 16, y))
    assert len({digest(model) for model in models}) == 1
    probabilities = [model.predict_proba(X / 16) for model in models]
    np.testing.assert_array_equal(probabilities[0], probabilities[1])
    np.testing.assert_array_equal(probabilities[0], probabilities[2])


@pytest.mark.parametrize(
    "layout",
    [
        np.asfortranarray,
        lambda X: np.repeat(X, 2, axis=0)[::2],
        lambda X: pd.DataFrame(X),
        lambda X: pl.DataFrame(X),
    ],
    ids=["fortran", "strided", "pandas", "polars"],
)
def test_bits_do_not_depend_on_the_layout(layout):
    X, y = wine()
    model = PartitionedExpertsClassifier(random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        assert digest(clone(model).fit(X, y)) == digest(clone(model).fit(layout(X), y))


def test_data_are_not_changed():
    X, y = wine()
    weights = np.random.default_rng(0).random(len(y))
    before = joblib.hash((X, y, weights))
    for array in (X, y, weights):
        array.flags.writeable = False
    PartitionedExpertsClassifier(random_state=0).fit(X, y, weights).predict(X)
    assert joblib.hash((X, y, weights)) == before


def test_passed_estimators_are_not_changed():
    expert, partitioner, gate = LinearSVC(**L1), kmeans(), DistanceGate()
    X, y = wine()
    PartitionedExpertsClassifier(expert, partitioner=partitioner, gate=gate).fit(X, y)
    for estimator in (expert, partitioner, gate):
        assert not [name for name in vars(estimator) if name.endswith("_")]


@pytest.mark.parametrize("container", [csr_array, csr_matrix, csc_array, coo_array])
def test_sparse_rows_give_the_dense_model(container):
    X, y = load_digits(return_X_y=True)
    X, y = X[:200] / 16, y[:200]
    model = PartitionedExpertsClassifier(
        LogisticRegression(tol=1e-8, max_iter=1000),
        partitioner=kmeans(),
        random_state=0,
    )
    dense = clone(model).fit(X, y).predict_proba(X)
    sparse = clone(model).fit(container(X), y).predict_proba(container(X))
    np.testing.assert_allclose(sparse, dense, atol=1e-5)


@pytest.mark.parametrize("expert", [GaussianNB(), LogisticRegression(max_iter=500)])
def test_float32_probabilities_sum_to_one_in_double(expert):
    X, y = wine()
    X = X.astype(np.float32)
    model = PartitionedExpertsClassifier(expert, random_state=0).fit(X, y)
    probabilities = model.predict_proba(X)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, atol=1e-12)
    assert probabilities.max() <= 1 + 1e-15


def test_nested_in_processes_the_bits_are_those_of_one_process():
    X, y = load_digits(return_X_y=True)
    X, y = X[:300] / 16, y[:300]
    model = PartitionedExpertsClassifier(n_experts=4, n_jobs=2, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        alone = cross_validate(model, X, y, cv=2, return_estimator=True)
        nested = cross_validate(model, X, y, cv=2, return_estimator=True, n_jobs=2)
    for one, other in zip(alone["estimator"], nested["estimator"], strict=True):
        assert digest(one) == digest(other)


def test_float32_is_fitted_and_may_predict_float64():
    X, y = diabetes()
    model = PartitionedExpertsRegressor(random_state=0).fit(X.astype(np.float32), y)
    assert model.partitioner_.cluster_centers_.dtype == np.float32
    np.testing.assert_array_equal(model.predict(X), model.predict(X.astype(np.float32)))


def test_pickle_and_clone():
    X, y = wine()
    model = PartitionedExpertsClassifier(random_state=0).fit(X, y)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    with pytest.raises(NotFittedError):
        clone(model).predict(X)


def test_set_params_after_fit_changes_nothing():
    X, y = wine()
    model = PartitionedExpertsClassifier(random_state=0).fit(X, y)
    before = model.predict_proba(X)
    model.set_params(top_k=1, gate="hard", n_experts=3, expert=SVC(), min_cell_size=1)
    np.testing.assert_array_equal(model.predict_proba(X), before)


# Weights ------------------------------------------------------------------------------


def test_zero_weight_is_absence():
    X, y = diabetes()
    keep = np.arange(len(y)) % 3 > 0
    weighted = PartitionedExpertsRegressor(random_state=0).fit(X, y, keep.astype(float))
    removed = PartitionedExpertsRegressor(random_state=0).fit(X[keep], y[keep])
    np.testing.assert_allclose(weighted.predict(X), removed.predict(X), rtol=1e-9)


def test_weight_is_repetition_for_a_given_partition():
    X, y = diabetes()
    times = np.random.default_rng(0).integers(0, 4, size=len(y))
    centers = X[[0, 100, 200, 300]]
    model = PartitionedExpertsRegressor(
        Ridge(tol=1e-12),
        partitioner=KMeans(4, init=centers, n_init=1, tol=0, max_iter=500),
    )
    weighted = clone(model).fit(X, y, sample_weight=times)
    repeated = clone(model).fit(np.repeat(X, times, axis=0), np.repeat(y, times))
    np.testing.assert_allclose(weighted.predict(X), repeated.predict(X), rtol=1e-6)


def test_a_class_without_weight_in_a_cell_is_absent_there():
    X, y = blobs_with_a_pure_cell()
    X, y = np.vstack([X, X[40:] + 1]), np.r_[y, np.full(30, "a")]
    weights = np.where((y == "a") & (X[:, 0] < 10), 0.0, 1.0)
    model = PartitionedExpertsClassifier(n_experts=2, gate="hard", random_state=0)
    model.fit(X, y, weights)
    np.testing.assert_array_equal(model.classes_, ["a", "b", "c"])
    np.testing.assert_array_equal(model.predict_proba(X[:40])[:, 0], 0.0)


@pytest.mark.parametrize(
    "model",
    [
        PartitionedExpertsClassifier(random_state=0),
        AlphaCombinerClassifier([("one", LogisticRegression(max_iter=9999))]),
    ],
    ids=lambda model: type(model).__name__,
)
def test_a_class_of_weight_zero_is_no_class(model):
    X, y = wine()
    model = clone(model).fit(X, y, sample_weight=np.where(y == 0, 0.0, 1.0))
    np.testing.assert_array_equal(model.classes_, [1, 2])


def test_weights_reach_the_last_step_of_a_pipeline():
    X, y = diabetes()
    weights = np.random.default_rng(0).random(len(y))
    expert = make_pipeline(StandardScaler(), Ridge())
    model = PartitionedExpertsRegressor(expert, n_experts=1).fit(X, y, weights)
    plain = clone(expert).fit(X, y, ridge__sample_weight=weights)
    np.testing.assert_allclose(model.predict(X), plain.predict(X))


def test_weights_are_refused_for_experts_that_cannot_take_them():
    X, y = wine()
    model = PartitionedExpertsClassifier(KNeighborsClassifier())
    with pytest.raises(
        ValueError, match="expert KNeighborsClassifier.* no sample weights"
    ):
        model.fit(X, y, sample_weight=np.ones(len(y)))


def test_a_frozen_expert_has_no_use_for_weights():
    X, y = wine()
    expert = FrozenEstimator(LogisticRegression(max_iter=500).fit(X, y))
    model = PartitionedExpertsClassifier(expert, random_state=0)
    model.fit(X, y, sample_weight=np.ones(len(y)))
    np.testing.assert_allclose(
        model.predict_proba(X), expert.predict_proba(X), atol=1e-12
    )


def test_a_search_may_be_the_expert():
    X, y = wine()
    search = GridSearchCV(
        make_pipeline(StandardScaler(), LinearSVC()),
        {"linearsvc": [LogisticRegression()]},
        cv=2,
    )
    given = PartitionedExpertsClassifier(
        search, n_experts=2, gate="hard", random_state=0
    ).fit(X, y)
    plain = PartitionedExpertsClassifier(
        make_pipeline(StandardScaler(), LogisticRegression()),
        n_experts=2,
        gate="hard",
        random_state=0,
    ).fit(X, y)
    np.testing.assert_allclose(given.predict_proba(X), plain.predict_proba(X))


def test_stacking_may_be_the_expert():
    X, y = diabetes()
    stack = StackingRegressor([("ridge", Ridge()), ("lasso", Lasso())])
    model = PartitionedExpertsRegressor(stack, n_experts=2, random_state=0)
    assert model.fit(X, y).score(X, y) > 0.4


def test_the_seed_of_a_partitioner_is_kept():
    X, y = wine()
    model = PartitionedExpertsClassifier(partitioner=kmeans(), random_state=7)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        model.fit(X, y)
    np.testing.assert_array_equal(
        model.partitioner_.cluster_centers_, kmeans().fit(X).cluster_centers_
    )


# Bad input ----------------------------------------------------------------------------


def nan_in(X):
    X = X.copy()
    X[3, 1] = np.nan
    return X


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda X, y: (nan_in(X), y), "Input X contains NaN"),
        (lambda X, y: (X, y[:-1]), "inconsistent numbers of samples"),
        (lambda X, y: (X[0], y), "Expected 2D array"),
        (
            lambda X, y: (X, np.ones(len(y))),
            "y has only one class.*at least two classes",
        ),
        (lambda X, y: (X, y + 0.5), "Unknown label type"),
        (lambda X, y: (X, np.where(y == 0, None, "a")), "y has missing labels"),
        (
            lambda X, y: (X, np.where(y == 0, 1, np.array(["a"], object))),
            "y mixes labels of the types int, str",
        ),
        (lambda X, y: (np.ones_like(X), y), "All 178 rows of X are equal"),
        (lambda X, y: (csr_array(np.ones_like(X)), y), "All 178 rows of X are equal"),
        (
            lambda X, y: (X[:5], y[:5] + [0, 1, 0, 1, 0]),
            "n_experts=6 must not exceed .* n_samples=5",
        ),
        (lambda X, y: (X[:1], y[:1]), "1 sample"),
        (lambda X, y: (X + 1j, y), "Complex data not supported"),
    ],
)
@pytest.mark.filterwarnings("ignore:Number of distinct clusters")
def test_bad_training_data_are_refused_and_nothing_is_lost(change, message):
    X, y = wine()
    model = PartitionedExpertsClassifier(n_experts=6, random_state=0)
    bad = change(X, y)
    with pytest.raises((ValueError, TypeError), match=message):
        model.fit(*bad)
    assert vars(model) == vars(clone(model))
    model.fit(X, y)
    before = model.predict_proba(X)
    with pytest.raises((ValueError, TypeError), match=message):
        model.fit(*bad)
    np.testing.assert_array_equal(model.predict_proba(X), before)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"gate": "soft"}, "'gate' parameter of PartitionedExpertsClassifier"),
        ({"top_k": 0}, "'top_k' parameter"),
        ({"n_experts": 0}, "'n_experts' parameter"),
        ({"min_cell_size": 0}, "'min_cell_size' parameter"),
        ({"expert": "svm"}, "'expert' parameter"),
        ({"partitioner": 3}, "'partitioner' parameter"),
        ({"n_jobs": "two"}, "'n_jobs' parameter"),
        ({"random_state": "x"}, "'random_state' parameter"),
        ({"partitioner": DBSCAN(), "n_experts": 3}, "n_experts=3 cannot be passed on"),
        ({"expert": Ridge()}, "expert=Ridge.* is not a classifier"),
    ],
)
def test_bad_parameters_are_refused(parameters, message):
    X, y = wine()
    with pytest.raises((ValueError, TypeError), match=message):
        PartitionedExpertsClassifier(**parameters).fit(X, y)


def test_a_classifier_is_refused_as_expert_of_the_regressor():
    X, y = diabetes()
    with pytest.raises(TypeError, match="expert=SVC.* is not a regressor"):
        PartitionedExpertsRegressor(SVC()).fit(X, y)


def test_reordered_missing_and_renamed_columns_are_refused():
    frame, y = load_wine(return_X_y=True, as_frame=True)
    model = PartitionedExpertsClassifier(
        LogisticRegression(max_iter=9999), random_state=0
    )
    model.fit(frame, y)
    np.testing.assert_array_equal(model.feature_names_in_, frame.columns)
    with pytest.raises(ValueError, match="(?s)feature names should match.*same order"):
        model.predict(frame[frame.columns[::-1]])
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(frame.drop(columns="hue"))
    with pytest.raises(ValueError, match="12 features.*expecting 13"):
        model.predict(frame.to_numpy()[:, 1:])
    with pytest.raises(ValueError, match="contains NaN"):
        model.predict(frame.assign(hue=np.nan))


def test_negative_weights_are_refused():
    X, y = wine()
    with pytest.raises(
        ValueError, match="Negative values in data passed to `sample_weight`"
    ):
        PartitionedExpertsClassifier().fit(X, y, sample_weight=-np.ones(len(y)))


class Fragile(ClassifierMixin, BaseEstimator):
    """Fails in cells where the mean of the first feature is high."""

    def fit(self, X, y):
        if X[:, 0].mean() > 10:
            raise MemoryError("no memory for these rows")
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        return np.full(len(X), self.classes_[0])


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_failing_expert_is_named_and_nothing_is_lost(n_jobs):
    X, y = blobs_with_a_pure_cell()
    y = np.where(np.arange(70) % 2, "a", "b")
    model = PartitionedExpertsClassifier(
        Fragile(), n_experts=2, gate="hard", n_jobs=n_jobs, random_state=0
    )
    message = (
        r"expert of cell \d \(30 rows, 2 classes, seed \d+\) could not be fitted\. "
        "MemoryError: no memory for these rows"
    )
    with pytest.raises(CellFitError, match=message):
        model.fit(X, y)
    with pytest.raises(NotFittedError):
        model.predict(X)
    model.fit(X - 20, y)
    with pytest.raises(CellFitError, match=message):
        model.fit(X, y)
    assert (model.predict(X) == "a").all()


class Broken(RegressorMixin, BaseEstimator):
    def fit(self, X, y):
        return self

    def predict(self, X):
        return np.full(X.shape[0], np.nan)


def test_an_expert_that_fails_at_predict_is_named():
    X, y = diabetes()
    model = PartitionedExpertsRegressor(
        KNeighborsRegressor(60), n_experts=2, gate="hard", random_state=0
    ).fit(X, y)
    model.experts_[1].n_neighbors = 10**6
    with pytest.raises(ValueError, match="n_neighbors") as caught:
        model.predict(X)
    assert caught.value.__notes__ == ["Raised by the expert of cell 1."]


class Answers(BaseEstimator):
    """A gate that answers what it is told."""

    def __init__(self, weights=None):
        self.weights = weights

    def fit(self, X, affinity, cells=None, sample_weight=None):
        return self

    def gate_weights(self, X, affinity):
        return self.weights(affinity)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (lambda a: np.full(a.shape, np.nan), "must be finite and not negative"),
        (lambda a: -np.ones(a.shape), "must be finite and not negative"),
        (lambda a: np.full(a.shape, np.inf), "must be finite and not negative"),
        (lambda a: np.ones((len(a), 1)), "must have the shape of the affinity"),
        (lambda a: np.ones((len(a), 99)), "must have the shape of the affinity"),
    ],
)
def test_bad_gates_are_named(weights, message):
    X, y = wine()
    model = PartitionedExpertsClassifier(gate=Answers(weights), random_state=0)
    with pytest.raises(ValueError, match=f"weights of the gate Answers {message}"):
        model.fit(X, y)


@pytest.mark.parametrize("dtype", [bool, int, np.float16, np.float32])
def test_gates_may_answer_in_any_number_type(dtype):
    X, y = wine()
    gate = Answers(lambda affinity: np.ones(affinity.shape, dtype=dtype))
    model = PartitionedExpertsClassifier(gate=gate, top_k=99, random_state=0).fit(X, y)
    np.testing.assert_allclose(model.route(X).data, 1 / model.n_experts_)


class Places(PartitionerMixin, BaseEstimator):
    """A partitioner of two cells that answers what it is told."""

    def __init__(self, answer=None):
        self.answer = answer

    def fit(self, X, y=None):
        self.n_cells_ = 2
        return self

    def affinity(self, X):
        return self.answer(X)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda X: np.zeros((1, 2)), "must have shape .n_samples, n_cells. = .178, 2."),
        (lambda X: np.zeros((len(X), 3)), "must have shape"),
        (lambda X: np.full((len(X), 2), np.nan), "must not be NaN or plus infinity"),
        (lambda X: np.full((len(X), 2), np.inf), "must not be NaN or plus infinity"),
    ],
)
def test_bad_partitioners_are_named(answer, message):
    X, y = wine()
    model = PartitionedExpertsClassifier(partitioner=Places(answer))
    with pytest.raises(
        ValueError, match=f"affinity of the partitioner Places {message}"
    ):
        model.fit(X, y)


def test_whole_numbers_are_affinities_too():
    X, y = wine()
    places = Places(lambda X: np.where(X[:, :1] > 0, [[0, -3]], [[-3, 0]]))
    model = PartitionedExpertsClassifier(partitioner=places, random_state=0).fit(X, y)
    weights = np.sort(model.route(X).toarray(), axis=1)
    np.testing.assert_allclose(weights[:, 0] / weights[:, 1], np.exp(-3))


def test_an_expert_that_gives_nan_is_named():
    X, y = diabetes()
    model = PartitionedExpertsRegressor(Broken(), random_state=0).fit(X, y)
    with pytest.raises(ValueError, match=r"expert of cell \d \(Broken\) gave NaN"):
        model.predict(X)


class Widens(Ridge):
    """Predicts columns that it was not fitted on."""

    def __init__(self, n_columns=2):
        super().__init__()
        self.n_columns = n_columns

    def predict(self, X):
        return np.ones((len(X), self.n_columns))


@pytest.mark.parametrize(("n_outputs", "n_columns"), [(1, 2), (2, 1), (2, 3)])
@pytest.mark.parametrize("combiner", [None, AlphaCombinerRegressor(cv=2)])
def test_an_expert_that_gives_other_columns_is_named(n_outputs, n_columns, combiner):
    X, y = diabetes()
    y = y if n_outputs == 1 else np.column_stack([y] * n_outputs)
    model = PartitionedExpertsRegressor(
        Widens(n_columns), combiner=combiner, random_state=0
    )
    message = rf"expert of cell \d \(Widens\) gave {n_columns} columns, but y has"
    with pytest.raises(ValueError, match=f"{message} {n_outputs}"):
        model.fit(X, y).predict(X)


def test_warnings_of_experts_are_summed_up():
    X, y = wine()
    model = PartitionedExpertsClassifier(
        LinearSVC(penalty="l1", dual=False, tol=1e-9, max_iter=2),
        n_experts=5,
        random_state=0,
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(X, y)
    assert len(caught) == 1
    assert "Liblinear failed to converge" in str(caught[0].message)
    assert f"in {model.n_experts_} tasks" in str(caught[0].message)


def test_a_tree_at_the_end_of_a_pipeline_is_told_the_task():
    X, y = diabetes()
    tree = TreePartitioner(3)
    alone = PartitionedExpertsRegressor(Ridge(), partitioner=tree, random_state=0)
    piped = clone(alone).set_params(partitioner=make_pipeline(tree))
    counts = y.astype(int)
    np.testing.assert_array_equal(
        piped.fit(X, counts).predict(X), alone.fit(X, counts).predict(X)
    )
    assert tree.task == "auto"


class Counting(Ridge):
    """Ridge that counts how often an expert predicts."""

    calls = 0

    def predict(self, X):
        type(self).calls += 1
        return super().predict(X)


def test_small_blocks_of_many_cells_do_not_call_the_experts_more_often(monkeypatch):
    X, y = diabetes()
    model = PartitionedExpertsRegressor(
        Counting(), n_experts=20, gate="hard", min_cell_size=1, random_state=0
    ).fit(X, y)
    expected = model.predict(X)
    monkeypatch.setattr("skexperts._numeric.routing._BLOCK_PAIRS", 4 * len(X))
    monkeypatch.setattr(Counting, "calls", 0)
    np.testing.assert_allclose(model.predict(X), expected)
    assert Counting.calls == model.n_experts_
