"""The terms of an explanation add up to what the model answers."""

from functools import cache

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csc_array, csr_array
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_diabetes, load_wine, make_blobs
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import LogisticRegression, PoissonRegressor, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeRegressor

from skexperts import (
    L1SVC,
    L1SVR,
    AlphaCombinerClassifier,
    AlphaCombinerRegressor,
    ColumnPartitioner,
    FeatureGroups,
    GatedExpertsClassifier,
    GatedExpertsRegressor,
    PartitionedExpertsClassifier,
    PartitionedExpertsRegressor,
)
from skexperts.inspection import explain

EXACT, SINGLE = 1e-12, 1e-5


def wine(n_classes):
    X, y = load_wine(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    return X, (y if n_classes == 3 else y > 0)


def diabetes():
    X, y = load_diabetes(return_X_y=True)
    return X / X.std(axis=0), y


def partitioned(expert=None, **options):
    options = {"n_experts": 4, "random_state": 0} | options
    return PartitionedExpertsClassifier(expert, **options)


def regression(expert=None, **options):
    return PartitionedExpertsRegressor(expert, n_experts=4, random_state=0, **options)


def given_alpha(alpha):
    return AlphaCombinerClassifier(alpha=alpha, loss="squared_hinge")


def groups(expert=None):
    return PartitionedExpertsClassifier(
        expert, partitioner=FeatureGroups(3), random_state=0
    )


NAMED = [("a", L1SVC(C=0.1)), ("b", make_pipeline(StandardScaler(), L1SVC()))]
CLASSIFIERS = {
    "margins": partitioned(),
    "hard gate": partitioned(gate="hard"),
    "softmax gate": partitioned(gate="softmax", top_k=2),
    "one expert": partitioned(n_experts=1),
    "pipeline": partitioned(make_pipeline(StandardScaler(), SelectKBest(k=5), L1SVC())),
    "probabilities": partitioned(LogisticRegression()),
    "votes": partitioned(SVC(kernel="linear")),
    "sharing": partitioned(sharing="deviation"),
    "alpha": partitioned(combiner=given_alpha([0.4, 0.3, 0.3, 0.0])),
    "groups": groups(),
    "groups of pipelines": groups(make_pipeline(StandardScaler(), L1SVC())),
    "gated": GatedExpertsClassifier(4, top_k=3, shared=True, max_iter=3),
    "sigmoid": GatedExpertsClassifier(4, gate="sigmoid", max_iter=3, n_estimators=2),
    "combined probabilities": AlphaCombinerClassifier(NAMED, cv=2),
    "combined margins": AlphaCombinerClassifier(NAMED, cv=2, loss="squared_hinge"),
    "logistic": LogisticRegression(),
    "search": GridSearchCV(LinearSVC(), {"C": [0.1, 1]}, cv=2),
    "pipeline before": make_pipeline(StandardScaler(), partitioned()),
}
REGRESSORS = {
    "l1": regression(),
    "ridge": regression(Ridge()),
    "trees": regression(DecisionTreeRegressor(max_depth=3)),
    "poisson": regression(PoissonRegressor()),
    "sharing": regression(L1SVR(C=0.01), sharing="deviation"),
    "gated": GatedExpertsRegressor(4, max_iter=3, shared=True, n_estimators=2),
    "combined": AlphaCombinerRegressor(
        [("ridge", Ridge()), ("tree", DecisionTreeRegressor(max_depth=3))], cv=2
    ),
    "plain": Ridge(),
}
# Read by probability or vote, or not linear: one number an expert.
NOT_SPLIT = {"probabilities", "votes", "combined probabilities", "trees", "poisson"}
# These center, or want what they were fitted on.
DENSE = {
    "combined margins",
    "combined probabilities",
    "groups of pipelines",
    "pipeline",
    "pipeline before",
    "votes",
}


@cache
def fitted(name, kind):
    """Return a fitted model and its rows; kind is classes, or bits of a float."""
    X, y = wine(kind) if name in CLASSIFIERS else diabetes()
    model = clone(CLASSIFIERS.get(name) or REGRESSORS[name])
    return model.fit(X.astype(np.float32) if kind == 32 else X, y), X


def answer(model, X):
    if not hasattr(model, "classes_"):
        return np.ravel(model.predict(X))
    if hasattr(model, "decision_function"):
        return np.ravel(model.decision_function(X))
    probabilities = model.predict_proba(X)[0]
    return probabilities[1:] if len(probabilities) == 2 else probabilities


def check_sum(model, X, explanation, tolerance):
    terms = np.concatenate(
        [
            explanation.contributions,
            explanation.intercepts[..., None],
            explanation.rest[..., None],
        ],
        axis=2,
    )
    value = answer(model, X)
    np.testing.assert_array_equal(explanation.value, value)
    size = np.abs(terms).sum(axis=(0, 2)) + np.abs(value)
    assert (np.abs(terms.sum(axis=(0, 2)) - value) <= tolerance * size).all()


KEYS = [(name, kind) for name in CLASSIFIERS for kind in (2, 3)] + [
    (name, kind) for name in REGRESSORS for kind in (32, 64)
]


@settings(max_examples=80, deadline=None)
@given(
    key=st.sampled_from(KEYS),
    row=st.integers(0, 177),
    shift=st.floats(-3, 3),
    sparse=st.booleans(),
)
def test_terms_add_up(key, row, shift, sparse):
    name, kind = key
    model, X = fitted(name, kind)
    x = X[[row]] + shift
    x[:, ::3] *= not sparse
    x = csr_array(x) if sparse and name not in DENSE else x
    explanation = explain(model, x)
    single = kind == 32 or name in ("gated", "sigmoid")
    check_sum(model, x, explanation, SINGLE if single else EXACT)
    split = np.full(len(explanation.experts), name not in NOT_SPLIT)
    if name == "combined":
        split = explanation.experts == "ridge"
    # There an expert lacks a class, see below.
    if (name, kind) != ("hard gate", 3):
        assert (explanation.linear == split[:, None]).all()
    assert not explanation.rest[explanation.linear].any()
    assert not explanation.intercepts[~explanation.linear].any()
    assert not explanation.contributions[~explanation.linear].any()


def test_contributions_are_weight_times_coefficient_times_feature():
    X, y = wine(2)
    model = partitioned().fit(X, y)
    routing = model.route(X[:1])
    explanation = explain(model, X[0])
    np.testing.assert_array_equal(explanation.numbers, routing.indices)
    np.testing.assert_array_equal(explanation.weights, routing.data)
    for k, number in enumerate(routing.indices):
        expert = model.experts_[number]
        np.testing.assert_allclose(
            explanation.contributions[k], routing.data[k] * expert.coef_ * X[0]
        )
        np.testing.assert_allclose(
            explanation.intercepts[k], routing.data[k] * expert.intercept_
        )


def test_alpha_is_in_the_weights():
    X, y = wine(2)
    alpha = [0.7, 0.1, 0.2, 0.0]
    model = partitioned(combiner=given_alpha(alpha)).fit(X, y)
    gate = partitioned().fit(X, y).route(X[:1]).toarray()[0]
    explanation = explain(model, X[0])
    wanted = gate * alpha / (gate * alpha).sum()
    np.testing.assert_allclose(explanation.weights, wanted[explanation.numbers])
    assert 3 not in explanation.numbers


def test_a_class_that_an_expert_has_never_seen_is_one_number():
    X, y = make_blobs(n_samples=300, centers=6, cluster_std=1.0, random_state=3)
    model = partitioned(gate="hard", n_experts=6).fit(X, y)
    for x in X[:40]:
        explanation = explain(model, x)
        expert = model.experts_[explanation.numbers[0]]
        seen = np.isin(model.classes_, expert.classes_)
        if len(expert.classes_) > 1:
            np.testing.assert_array_equal(explanation.linear[0], seen)
        check_sum(model, x[None], explanation, EXACT)


def test_the_shared_expert_has_weight_one():
    X, y = diabetes()
    model = GatedExpertsRegressor(4, shared=True, max_iter=3, random_state=0).fit(X, y)
    explanation = explain(model, X[0])
    assert explanation.experts[-1] == "shared"
    assert explanation.weights[-1] == 1.0
    assert explanation.weights[:-1].sum() == pytest.approx(1.0)


def test_several_targets():
    X, y = diabetes()
    model = regression(Ridge()).fit(X, np.column_stack([y, -y, y**2]))
    explanation = explain(model, X[5])
    assert explanation.contributions.shape[1] == 3
    check_sum(model, X[[5]], explanation, EXACT)
    assert "of output 2" in str(explanation)


@pytest.mark.parametrize("container", [csr_array, csc_array])
def test_of_a_sparse_row_only_what_it_has(container):
    X, y = wine(3)
    X[:, [1, 4]] = 0.0
    model = partitioned().fit(csr_array(X), y)
    explanation = explain(model, container(X[[3]]))
    assert explanation.features.tolist() == [
        f"x{j}" for j in range(13) if j not in (1, 4)
    ]
    dense = explain(model, X[3])
    np.testing.assert_allclose(
        explanation.contributions, np.delete(dense.contributions, [1, 4], axis=2)
    )


def test_a_row_of_a_sparse_array_has_one_dimension():
    X, y = wine(3)
    model = partitioned().fit(X, y)
    np.testing.assert_allclose(
        explain(model, csr_array(X)[0]).value, model.decision_function(X[:1])[0]
    )


def customers(kind=pd.DataFrame):
    rng = np.random.default_rng(0)
    columns = {name: rng.normal(size=200) for name in ("age", "income")}
    columns["segment"] = ["north", "south"] * 100
    y = columns["age"] * np.tile([1.0, -1.0], 100) + columns["income"]
    transformer = make_column_transformer(
        (StandardScaler(), ["age", "income"]),
        (OneHotEncoder(), ["segment"]),
        verbose_feature_names_out=False,
    )
    model = PartitionedExpertsRegressor(
        make_pipeline(transformer, Ridge(1e-6)),
        partitioner=ColumnPartitioner("segment"),
        gate="hard",
    )
    X = kind(columns)
    return model.fit(X, y), X


@pytest.mark.parametrize("kind", [pd.DataFrame, pl.DataFrame])
def test_frames_and_segments(kind):
    model, X = customers(kind)
    explanation = explain(model, X[1:2])
    check_sum(model, X[1:2], explanation, EXACT)
    assert explanation.experts.tolist() == ["south"]
    # An expert has the features that its last step sees.
    assert explanation.features.tolist() == [
        "age",
        "income",
        "segment",
        "segment_south",
    ]
    own = dict(zip(explanation.features, explanation.contributions[0, 0], strict=True))
    assert own["segment"] == 0


def test_a_series_is_a_row():
    model, X = customers()
    series, frame = explain(model, X.iloc[7]), explain(model, X.iloc[[7]])
    np.testing.assert_array_equal(series.contributions, frame.contributions)


def test_names_after_a_pipeline_and_given_names():
    X, y = load_wine(return_X_y=True, as_frame=True)
    model = make_pipeline(StandardScaler(), partitioned()).fit(X, y)
    assert explain(model, X.iloc[0]).features.tolist() == X.columns.tolist()
    last = model[-1]
    rows = StandardScaler().fit_transform(X)
    names = [f"standard {name}" for name in X.columns]
    assert explain(last, rows[0], feature_names=names).features.tolist() == names
    with pytest.raises(ValueError, match="13 names, 12 of them different"):
        explain(last, rows[0], feature_names=["b", *names[:11], "b"])
    with pytest.raises(ValueError, match="must name the 13 features.*Got 2 names"):
        explain(last, rows[0], feature_names=["a", "b"])


def test_names_that_an_expert_was_fitted_with_stay():
    model, X = customers()
    names = explain(model, X[:1], feature_names=["one", "two", "three"]).features
    assert names[-3:].tolist() == ["age", "income", "segment_north"]


def test_steps_without_names():
    X, y = wine(2)
    model = make_pipeline(FunctionTransformer(np.tanh), partitioned()).fit(X, y)
    explanation = explain(model, X[0])
    assert explanation.features[:2].tolist() == [
        "functiontransformer0",
        "functiontransformer1",
    ]
    check_sum(model, X[:1], explanation, EXACT)


def test_text_and_frame():
    X, y = wine(3)
    model = partitioned().fit(X, y)
    explanation = explain(model, X[0])
    text = str(explanation)
    assert text.startswith(f"decision_function of {model.predict(X[:1])[0]}: ")
    best = explanation.experts[explanation.weights.argmax()]
    assert text.splitlines()[1].startswith(f"  {best}, weight ")
    frame = explanation.to_frame()
    sums = frame.groupby("output")["contribution"].sum()
    np.testing.assert_allclose(sums, explanation.value)
    assert len(frame) == len(explanation.experts) * 3 * 14


def test_text_and_frame_of_what_is_not_split():
    X, y = diabetes()
    model = regression(DecisionTreeRegressor()).fit(X, y)
    explanation = explain(model, X[0])
    assert "as a whole: it is no linear function" in str(explanation)
    frame = explanation.to_frame()
    assert frame["term"].tolist() == ["(whole output)"] * len(explanation.experts)
    assert frame["contribution"].sum() == pytest.approx(explanation.value[0])


def test_one_against_one_is_not_split():
    X, y = wine(3)
    with pytest.raises(TypeError, match="SVC is neither a model of experts nor"):
        explain(SVC(kernel="linear").fit(X, y), X[0])
    assert explain(SVC(kernel="linear").fit(X, y > 0), X[0]).linear.all()


def test_errors():
    X, y = wine(3)
    model = partitioned()
    with pytest.raises(NotFittedError, match="not fitted yet"):
        explain(model, X[0])
    model.fit(X, y)
    with pytest.raises(ValueError, match=r"explain takes one row.*Got shape \(2, 13\)"):
        explain(model, X[:2])
    with pytest.raises(ValueError, match=r"Got shape \(2, 13\). Pass X\[i\]"):
        explain(model, csr_array(X[:2]))
    with pytest.raises(ValueError, match="X has 12 features.*expecting 13"):
        explain(model, X[0, :12])
    with pytest.raises(TypeError, match="RandomForestClassifier is neither"):
        explain(RandomForestClassifier(2).fit(X, y), X[0])


@pytest.mark.parametrize(
    "one", [str, lambda text: [text], np.array, lambda text: pd.Series([text])]
)
def test_a_text(one):
    texts = ["good food", "bad service", "good service", ""] * 5
    labels = [1, 0, 1, 0] * 5
    model = make_pipeline(
        TfidfVectorizer(), PartitionedExpertsClassifier(n_experts=1)
    ).fit(texts, labels)
    text = "good service today"
    x = np.array([text], dtype=object) if one is np.array else one(text)
    explanation = explain(model, x)
    assert set(explanation.features) == {"good", "service"}
    total = explanation.to_frame()["contribution"].sum()
    np.testing.assert_allclose(total, model.decision_function([text]), rtol=1e-9)


def test_one_feature_of_strings():
    X = np.array([["red"], ["blue"]] * 20, dtype=object)
    model = make_pipeline(OneHotEncoder(), Ridge()).fit(X, [1.0, 2.0] * 20)
    for x in (X[0], pd.Series(X[0]), X[:1]):
        assert explain(model, x).value == pytest.approx(model.predict(X[:1]))
