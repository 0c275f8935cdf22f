"""pandas and polars frames, with columns of text, through partitioner and experts."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.cluster import KMeans
from sklearn.compose import make_column_transformer
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skexperts.combine import AlphaCombinerClassifier
from skexperts.ensemble import PartitionedExpertsClassifier, PartitionedExpertsRegressor
from skexperts.partition import ColumnPartitioner, FeatureGroups

NAMES = ["age", "income", "visits"]
SLOPES = {"north": [1, 0, 1], "south": [-1, 1, 0], "rare": [0, 0, 1]}


def customers(kind, n_rows=240):
    rng = np.random.default_rng(0)
    segment = np.array(["north", "south"] * (n_rows // 2), dtype=object)
    segment[:5] = "rare"
    X = rng.normal(size=(n_rows, 3))
    slopes = np.array([SLOPES[name] for name in segment])
    columns = dict(zip(NAMES, X.T, strict=True)) | {"segment": segment.tolist()}
    return kind(columns), (X * slopes).sum(axis=1)


def linear(last):
    return make_pipeline(make_column_transformer((StandardScaler(), NAMES)), last)


@pytest.fixture(params=[pd.DataFrame, pl.DataFrame], ids=["pandas", "polars"])
def kind(request):
    return request.param


def test_one_model_a_segment(kind):
    X, y = customers(kind)
    model = PartitionedExpertsRegressor(
        linear(Ridge(1e-6)), partitioner=ColumnPartitioner("segment"), gate="hard"
    ).fit(X, y)
    assert model.partitioner_.segments_.tolist() == ["north", "rare", "south"]
    assert model.cells_.tolist() == [0, 2, -1]
    assert model.fit_report_["state"].tolist() == [
        "fitted",
        "merged",
        "fitted",
        "fitted",
    ]
    assert model.feature_names_in_.tolist() == [*NAMES, "segment"]
    np.testing.assert_allclose(model.predict(X)[5:], y[5:], atol=1e-3)


def test_each_expert_is_that_of_a_loop(kind):
    X, y = customers(kind)
    labels = y > 0
    expert = linear(LogisticRegression())
    model = PartitionedExpertsClassifier(
        expert, partitioner=ColumnPartitioner("segment"), gate="hard"
    ).fit(X, labels)
    frame, _ = customers(pd.DataFrame)
    probabilities = model.predict_proba(X)
    for name in ("north", "south"):
        own = (frame["segment"] == name).to_numpy()
        alone = linear(LogisticRegression()).fit(frame[own], labels[own])
        np.testing.assert_allclose(
            probabilities[own], alone.predict_proba(frame[own]), rtol=1e-10
        )
    shared = linear(LogisticRegression()).fit(frame, labels)
    np.testing.assert_allclose(
        probabilities[:5], shared.predict_proba(frame[:5]), rtol=1e-10
    )


def test_unseen_and_missing_segments_go_to_the_shared_expert(kind):
    X, y = customers(kind)
    model = PartitionedExpertsRegressor(
        linear(Ridge()), partitioner=ColumnPartitioner("segment")
    ).fit(X, y)
    columns = {name: [0.5, 0.5, 0.5] for name in NAMES}
    new = kind(columns | {"segment": ["unseen", None, "south"]})
    assert model.cells_[model.route(new).indices].tolist() == [-1, -1, 2]
    expected = model.shared_.predict(new)[:2]
    np.testing.assert_allclose(model.predict(new)[:2], expected)


def test_text_that_no_one_asked_for_is_named(kind):
    X, y = customers(kind)
    with pytest.raises(ValueError, match="not numeric: .'segment'.*ColumnPartitioner"):
        PartitionedExpertsRegressor(Ridge()).fit(X, y)
    model = PartitionedExpertsRegressor(
        partitioner=ColumnPartitioner("segment"), sharing="deviation"
    )
    with pytest.raises(ValueError, match="sharing=.deviation..*not numeric.*segment"):
        model.fit(X, y)
    assert not hasattr(model, "experts_")


def test_groups_of_named_columns(kind):
    X, y = customers(kind)
    encoder = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["segment"]), remainder="passthrough"
    )
    groups = FeatureGroups([["age", "segment"], ["income", "segment"]])
    model = PartitionedExpertsClassifier(
        make_pipeline(encoder, LogisticRegression()),
        partitioner=groups,
        combiner=AlphaCombinerClassifier(cv=3),
    ).fit(X, y > 0)
    assert model.n_experts_ == 2 and model.alpha_.shape == (2,)
    assert model.experts_[0].feature_names_in_.tolist() == ["age", "segment"]
    assert model.score(X, y > 0) > 0.6


def test_weights_cross_validation_and_pickle(kind):
    X, y = customers(kind)
    model = PartitionedExpertsRegressor(
        linear(Ridge()), partitioner=ColumnPartitioner("segment"), n_jobs=2
    )
    weights = np.arange(240) % 3
    weighted = PartitionedExpertsRegressor(
        Ridge(), partitioner=lambda X: np.asarray(X["age"]) > 0
    )
    frame, _ = customers(pd.DataFrame)
    numbers = kind({name: frame[name].tolist() for name in NAMES})
    weighted.fit(numbers, y, sample_weight=weights)
    kept = weights > 0
    left = kind({name: frame[name][kept].tolist() for name in NAMES})
    fewer = PartitionedExpertsRegressor(
        Ridge(), partitioner=lambda X: np.asarray(X["age"]) > 0
    ).fit(left, y[kept], sample_weight=weights[kept])
    np.testing.assert_array_equal(weighted.predict(numbers), fewer.predict(numbers))
    assert cross_val_score(model, X, y, cv=3).mean() > 0.5
    model.fit(X, y)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(X), model.predict(X))


def test_other_columns_are_refused(kind):
    X, y = customers(kind)
    model = PartitionedExpertsRegressor(
        linear(Ridge()), partitioner=ColumnPartitioner("segment")
    ).fit(X, y)
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(X[["income", "age", "visits", "segment"]])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        model.fit(X, y[:-1])


def test_a_frame_without_columns_is_refused():
    with pytest.raises(ValueError, match=r"0 feature\(s\)"):
        PartitionedExpertsRegressor().fit(pd.DataFrame(index=range(20)), np.arange(20))


def test_few_rows_with_missing_values_may_make_one_cell():
    X = pd.DataFrame({"age": pd.array([1, None] * 6, dtype="Int64")})
    impute = SimpleImputer(missing_values=pd.NA)
    model = PartitionedExpertsRegressor(
        make_pipeline(impute, Ridge()),
        partitioner=make_pipeline(impute, KMeans(2, random_state=0)),
    )
    with pytest.warns(ConvergenceWarning, match="distinct clusters"):
        model.fit(X, np.arange(12.0))
    assert model.n_experts_ == 1


def test_only_rare_segments_leave_the_shared_expert(kind):
    X, y = customers(kind)
    model = PartitionedExpertsRegressor(
        linear(Ridge()),
        partitioner=ColumnPartitioner("segment"),
        gate="softmax",
        n_rounds=2,
        min_cell_size=200,
    ).fit(X, y)
    assert model.cells_.tolist() == [-1]
    np.testing.assert_array_equal(model.predict(X), model.shared_.predict(X))
    assert model.fit_report_["n_routed"].tolist() == [0, 0, 0, 240]
