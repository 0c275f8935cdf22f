"""Pruned models: what is zero, what is not, and what follows."""

import pickle
from copy import deepcopy
from functools import cache

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array
from sklearn.cluster import KMeans
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import Lasso, LogisticRegression, Ridge
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from skexperts.datasets import (
    make_piecewise_classification,
    make_piecewise_regression,
)
from skexperts.ensemble import (
    GatedExpertsClassifier,
    GatedExpertsRegressor,
    PartitionedExpertsClassifier,
    PartitionedExpertsRegressor,
    prune_experts,
)
from skexperts.partition import ColumnPartitioner

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

X, y = make_piecewise_regression(n_samples=400, n_features=6, random_state=0)
X_class, y_class = make_piecewise_classification(
    n_samples=400, n_features=6, random_state=0
)
OPTIONS = {"n_experts": 3, "random_state": 0}
GATED = {"n_experts": 3, "max_iter": 3, "random_state": 0}
NETWORK = MLPRegressor(hidden_layer_sizes=(5,), max_iter=20, random_state=0)
SEGMENTS = np.column_stack([X, np.arange(400) % 3])

MODELS = {
    "classifier": PartitionedExpertsClassifier(**OPTIONS),
    "probabilities": PartitionedExpertsClassifier(LogisticRegression(), **OPTIONS),
    "regressor": PartitionedExpertsRegressor(Ridge(), **OPTIONS),
    "one": PartitionedExpertsRegressor(Ridge(), n_experts=1),
    "sharing": PartitionedExpertsRegressor(sharing="deviation", **OPTIONS),
    "pipeline": PartitionedExpertsRegressor(
        make_pipeline(StandardScaler(), Ridge()), **OPTIONS
    ),
    "network": PartitionedExpertsRegressor(NETWORK, **OPTIONS),
    "gated": GatedExpertsClassifier(**GATED),
    "gated wide": GatedExpertsRegressor(shared=True, n_estimators=2, **GATED),
}


@cache
def fitted(name):
    model = MODELS[name]
    if name in ("classifier", "probabilities", "gated"):
        return model.fit(X_class, y_class)
    return model.fit(X, np.column_stack([y, -2 * y, X[:, :3]]) if "wide" in name else y)


@pytest.fixture(params=MODELS)
def model(request):
    return fitted(request.param)


def final(expert):
    return expert[-1] if hasattr(expert, "steps") else expert


def weights_of(model):
    """All weights as views, told by the public attributes."""
    if hasattr(model, "gate_coef_"):
        parts = [model.coef_]
        if hasattr(model, "shared_coef_"):
            parts.append(model.shared_coef_)
        return parts
    experts = [final(expert) for expert in model.experts_]
    return [
        part
        for expert in experts
        for part in (expert.coefs_ if hasattr(expert, "coefs_") else [expert.coef_])
    ]


def rows_of(model):
    return X_class if hasattr(model, "classes_") else X


def outputs(model, rows):
    name = "predict_proba" if hasattr(model, "classes_") else "predict"
    return getattr(model, name)(rows)


def nonzeros(model):
    return sum(np.count_nonzero(part) for part in weights_of(model))


def test_everything_kept_is_the_same_model_bit_for_bit(model):
    rows = rows_of(model)
    for pruned in (prune_experts(model, density=1), prune_experts(model, threshold=0)):
        np.testing.assert_array_equal(outputs(pruned, rows), outputs(model, rows))
        assert nonzeros(pruned) == nonzeros(model)
        assert type(pruned) is type(model)


def test_nothing_kept_leaves_the_intercepts(model):
    pruned = prune_experts(model, density=0)
    assert nonzeros(pruned) == 0 == pruned.pruning_report_["n_nonzero"]
    rows = rows_of(model)
    values = pruned.expert_outputs(rows)
    routed = pruned.route(rows)
    for k in range(pruned.n_experts_):
        own = values[routed.indices == k]
        if len(own):
            np.testing.assert_allclose(own, np.broadcast_to(own[0], own.shape))
    np.testing.assert_array_equal(routed.toarray(), model.route(rows).toarray())


@settings(max_examples=20)
@given(st.floats(0, 1))
def test_the_number_of_weights_is_exact(density):
    model = fitted("regressor")
    pruned = prune_experts(model, density=density)
    report = pruned.pruning_report_
    assert report["n_weights"] == sum(part.size for part in weights_of(model))
    expected = min(round(density * report["n_weights"]), nonzeros(model))
    assert nonzeros(pruned) == expected == report["n_nonzero"]
    dropped = [
        abs(old[new == 0]).max(initial=0)
        for old, new in zip(weights_of(model), weights_of(pruned), strict=True)
    ]
    kept = [abs(part[part != 0]).min(initial=np.inf) for part in weights_of(pruned)]
    assert max(dropped) <= min(kept)


def test_the_model_stays_as_it_is(model):
    rows = rows_of(model)
    before, weights = outputs(model, rows), deepcopy(weights_of(model))
    prune_experts(model, density=0.3)
    np.testing.assert_array_equal(outputs(model, rows), before)
    for old, new in zip(weights, weights_of(model), strict=True):
        np.testing.assert_array_equal(old, new)
    assert not hasattr(model, "pruning_report_")


def test_the_same_as_zeros_by_hand():
    for name, rows in (("regressor", X), ("classifier", X_class), ("pipeline", X)):
        model = fitted(name)
        sizes = np.concatenate([abs(part).ravel() for part in weights_of(model)])
        threshold = np.median(sizes[sizes > 0])
        by_hand = deepcopy(model)
        for part in weights_of(by_hand):
            part[abs(part) < threshold] = 0
        by_hand = pickle.loads(pickle.dumps(by_hand))
        pruned = prune_experts(model, threshold=threshold)
        assert 0 < nonzeros(pruned) < nonzeros(model)
        np.testing.assert_array_equal(outputs(pruned, rows), outputs(by_hand, rows))
        # One expert alone, outside of the model, says what it says in the stack.
        routing, values = pruned.route(rows), pruned.expert_outputs(rows)
        mine = routing.indices == 1
        own_rows = np.repeat(np.arange(len(rows)), np.diff(routing.indptr))[mine]
        if name != "classifier":
            alone = pruned.experts_[1].predict(rows[own_rows])
            np.testing.assert_allclose(values[mine, 0], alone, atol=1e-10)


def test_gated_tables_are_those_of_the_coefficients():
    for name in ("gated", "gated wide"):
        model = fitted(name)
        pruned = prune_experts(model, density=0.4)
        n_outputs = pruned.coef_.shape[1]
        tables = sum(
            np.count_nonzero(each.lines[:, :n_outputs, :-1]) for each in pruned._models
        )
        assert tables == pruned.pruning_report_["n_nonzero"]
        np.testing.assert_array_equal(
            pruned.fit_report_["n_nonzero"], np.count_nonzero(pruned.coef_, axis=(1, 2))
        )
        np.testing.assert_array_equal(pruned.gate_coef_, model.gate_coef_)


def test_gated_experts_keep_their_answers_at_the_mean():
    rows = X + 5
    dense = GatedExpertsRegressor(**GATED).fit(rows, y)
    sparse = GatedExpertsRegressor(**GATED).fit(csr_array(rows), y)
    for model, point in ((dense, rows.mean(axis=0)), (sparse, np.zeros(6))):
        pruned = prune_experts(model, density=0.4)
        before, after = (
            each.coef_ @ point + each.intercept_ for each in (model, pruned)
        )
        np.testing.assert_allclose(after, before, rtol=1e-5)


def test_pickle(model):
    pruned = prune_experts(model, density=0.5)
    again = pickle.loads(pickle.dumps(pruned))
    rows = rows_of(model)
    np.testing.assert_array_equal(outputs(again, rows), outputs(pruned, rows))
    assert again.pruning_report_ == pruned.pruning_report_


def test_of_equal_weights_the_first_stay():
    model = PartitionedExpertsRegressor(Ridge(), **OPTIONS).fit(X, y)
    for expert in model.experts_:
        expert.coef_[:] = 2.0
    pruned = prune_experts(model, density=8 / 18)
    kept = np.concatenate([expert.coef_ for expert in pruned.experts_])
    np.testing.assert_array_equal(kept, np.repeat([2.0, 0.0], [8, 10]))


@pytest.mark.parametrize("partitioner", [None, ColumnPartitioner(-1)])
def test_deviations_are_from_the_shared_model(partitioner):
    model = PartitionedExpertsRegressor(
        partitioner=partitioner, sharing="deviation", random_state=0
    ).fit(SEGMENTS, y)
    same = prune_experts(model, density=1)
    for own, old in zip(same.deviation_, model.deviation_, strict=True):
        np.testing.assert_array_equal(own.toarray(), old.toarray())
    pruned = prune_experts(model, density=0.3)
    for own, expert in zip(pruned.deviation_, pruned.experts_, strict=False):
        np.testing.assert_allclose(
            pruned.shared_.coef_ + own.toarray()[0], expert.coef_, atol=1e-12
        )
    assert (pruned.shared_ is pruned.experts_[-1]) == (partitioner is not None)


def test_sparse_coefficients_and_constant_experts():
    labels = np.where(SEGMENTS[:, -1] == 0, 0, (y > 0).astype(int))
    model = PartitionedExpertsClassifier(
        partitioner=ColumnPartitioner(-1), random_state=0
    ).fit(SEGMENTS, labels)
    pruned = prune_experts(model, density=0.1)
    for expert in model.experts_[1:]:
        expert.sparsify()
    sparse = prune_experts(model, density=0.1)
    assert sparse.pruning_report_ == pruned.pruning_report_
    assert sum(expert.coef_.nnz for expert in sparse.experts_[1:]) == nonzeros_of(
        pruned.experts_[1:]
    )
    np.testing.assert_allclose(
        sparse.decision_function(SEGMENTS), pruned.decision_function(SEGMENTS)
    )


def nonzeros_of(experts):
    return sum(np.count_nonzero(expert.coef_) for expert in experts)


def test_a_frozen_expert_of_all_cells_is_counted_once():
    ridge = Ridge().fit(X, y)
    model = PartitionedExpertsRegressor(FrozenEstimator(ridge), **OPTIONS).fit(X, y)
    pruned = prune_experts(model, density=0.5)
    assert pruned.pruning_report_ == {"n_weights": 6, "n_nonzero": 3, "density": 0.5}
    assert np.count_nonzero(ridge.coef_) == 6


@pytest.mark.parametrize("kind", [PartitionedExpertsRegressor, GatedExpertsRegressor])
def test_rows_choose_the_weights_that_matter(kind):
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(1500, 40))
    signal = rows[:, 0] - 2 * rows[:, 1]
    values = signal * np.where(rows[:, 2] > 0, 1, -1) + 0.3 * rng.normal(size=1500)
    options = {"n_experts": 2, "random_state": 0}
    if kind is PartitionedExpertsRegressor:
        options |= {"expert": Ridge(), "partitioner": KMeans(), "gate": "softmax"}
    model = kind(**options).fit(rows[:700], values[:700])
    held_out = rows[700:1100], values[700:1100]
    pruned = prune_experts(model, *held_out)
    report = pruned.pruning_report_
    assert report["density"] < 0.6
    best = np.argmax(report["mean_score"])
    chosen = np.searchsorted(report["densities"], report["density"])
    lead = report["mean_score"][best] - report["mean_score"][chosen]
    assert lead <= report["std_error"][best]
    sparser = report["mean_score"][1:chosen]
    assert (report["mean_score"][best] - sparser > report["std_error"][best]).all()
    fresh = rows[1100:], values[1100:]
    assert pruned.score(*fresh) > model.score(*fresh) - 0.03
    weighted = prune_experts(model, *held_out, sample_weight=np.full(400, 2.0))
    assert weighted.pruning_report_["density"] == report["density"]
    half = np.repeat([1.0, 0.0], 200)
    of_half = prune_experts(model, *held_out, sample_weight=half).pruning_report_
    without = prune_experts(model, rows[700:900], values[700:900]).pruning_report_
    np.testing.assert_allclose(of_half["mean_score"], without["mean_score"])
    assert of_half["density"] == without["density"]


def test_labels_choose_and_frames_are_read():
    frame = pd.DataFrame(X_class, columns=list("abcdef"))
    model = PartitionedExpertsClassifier(LogisticRegression(), **OPTIONS)
    model.fit(frame[:200], y_class[:200])
    report = prune_experts(model, frame[200:], y_class[200:]).pruning_report_
    score = model.score(frame[200:], y_class[200:])
    assert report["mean_score"][-1] == pytest.approx(score)


def test_streams_go_on():
    model = GatedExpertsRegressor(**GATED).partial_fit(X, y)
    pruned = prune_experts(model, density=0.5)
    pruned.partial_fit(X, y)
    assert not hasattr(pruned, "pruning_report_")
    assert nonzeros(pruned) > nonzeros(prune_experts(model, density=0.5))


def test_a_refit_forgets_the_report():
    model = PartitionedExpertsRegressor(Ridge(), **OPTIONS).fit(X, y)
    pruned = prune_experts(model, density=0.5)
    assert not hasattr(pruned.fit(X, y), "pruning_report_")


@pytest.mark.parametrize(
    ("expert", "name"),
    [
        (DecisionTreeClassifier(max_depth=2), "DecisionTree"),
        (SVC(kernel="linear"), "SVC"),
        (GatedExpertsClassifier(n_experts=2, max_iter=2), "GatedExperts"),
    ],
)
def test_experts_without_weights(expert, name):
    model = PartitionedExpertsClassifier(expert, **OPTIONS).fit(X_class, y_class)
    with pytest.raises(TypeError, match=rf"expert of cell 0, {name}.* has no weights"):
        prune_experts(model, density=0.5)


def test_other_models():
    with pytest.raises(TypeError, match="has no experts to prune"):
        prune_experts(Lasso().fit(X, y), density=0.5)
    with pytest.raises(ValueError, match="not fitted"):
        prune_experts(PartitionedExpertsRegressor(), density=0.5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "needs one of threshold, density, or rows"),
        ({"threshold": 0.1, "density": 0.1}, "no more than one"),
        ({"X": X, "y": y, "density": 0.1}, "no more than one"),
        ({"X": X}, "X and y go together"),
        ({"density": 0.1, "sample_weight": y}, "sample_weight goes with them"),
        ({"density": 1.5}, "'density' parameter of prune_experts must be"),
        ({"threshold": -1.0}, "'threshold' parameter of prune_experts must be"),
        ({"X": X, "y": y[:5]}, "inconsistent numbers of samples"),
        ({"X": X, "y": y[:, None]}, r"y has the shape \(400, 1\)"),
        ({"X": X[:, :2], "y": y}, "X has 2 features"),
    ],
)
def test_bad_calls(options, message):
    model = fitted("regressor")
    with pytest.raises(ValueError, match=message):
        prune_experts(model, **options)


def test_unknown_classes():
    model = fitted("classifier")
    with pytest.raises(ValueError, match=r"y has the classes \[7\]"):
        prune_experts(model, X_class, np.where(y_class == 1, 7, y_class))
