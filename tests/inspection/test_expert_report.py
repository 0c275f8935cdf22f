"""The report of experts, against a plain loop over rows and experts."""

import builtins

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from sklearn.datasets import load_diabetes, load_wine
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import r2_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from skexperts import (
    L1SVC,
    AlphaCombinerRegressor,
    ColumnPartitioner,
    FeatureGroups,
    GatedExpertsClassifier,
    GatedExpertsRegressor,
    PartitionedExpertsClassifier,
    PartitionedExpertsRegressor,
)
from skexperts.inspection import expert_report

COLUMNS = [
    "n_train",
    "n_rows",
    "traffic",
    "n_nonzero",
    "score_in",
    "score_out",
    "top_features",
    "n_deviations",
    "top_deviations",
    "fit_time",
    "state",
]


@pytest.fixture(scope="module")
def wine():
    X, y = load_wine(return_X_y=True, as_frame=True)
    X = StandardScaler().set_output(transform="pandas").fit_transform(X)
    return X, np.array(["red", "rose", "white"])[y]


def train(X):
    return np.arange(len(X)) % 2 == 0


def test_counts_and_scores_by_a_plain_loop(wine):
    X, y = wine
    X = X.to_numpy()
    new, target = X[~train(X)], y[~train(X)]
    model = PartitionedExpertsClassifier(n_experts=4, random_state=0)
    report = expert_report(model.fit(X[train(X)], y[train(X)]), new, target)
    assert report.columns.tolist() == COLUMNS
    assert report.index.tolist() == [f"cell {cell}" for cell in model.cells_]
    weights = model.route(new).toarray()
    n_rows, traffic = np.zeros(4, dtype=int), np.zeros(4)
    right = np.zeros((4, 2))
    for i, x in enumerate(new):
        first = max(range(4), key=lambda k, i=i: weights[i, k])
        n_rows[first] += 1
        for k, expert in enumerate(model.experts_):
            traffic[k] += weights[i, k] / len(new)
            right[k, int(k != first)] += expert.predict([x])[0] == target[i]
    np.testing.assert_array_equal(report["n_rows"], n_rows)
    np.testing.assert_allclose(report["traffic"], traffic)
    np.testing.assert_allclose(report["score_in"], right[:, 0] / n_rows)
    np.testing.assert_allclose(report["score_out"], right[:, 1] / (len(new) - n_rows))
    np.testing.assert_array_equal(
        report["n_nonzero"], [np.count_nonzero(e.coef_) for e in model.experts_]
    )
    for name, of_fit in [("n_train", "n_routed"), ("fit_time",) * 2, ("state",) * 2]:
        np.testing.assert_array_equal(report[name], model.fit_report_[of_fit])
    assert report["n_deviations"].isna().all()
    assert report["top_deviations"].isna().all()


def test_sparse_rows_and_arrays_have_one_report(wine):
    X, y = wine
    X = X.to_numpy()
    model = PartitionedExpertsClassifier(n_experts=3, random_state=0).fit(X, y)
    pd.testing.assert_frame_equal(
        expert_report(model, csr_array(X), y), expert_report(model, X, y)
    )


def test_top_features_and_their_signs(wine):
    X, y = wine
    model = make_pipeline(
        StandardScaler(), PartitionedExpertsClassifier(n_experts=2, random_state=0)
    ).fit(X, y == "red")
    report = expert_report(model, X, y == "red", n_top=2)
    for expert, text in zip(model[-1].experts_, report["top_features"], strict=True):
        coef = dict(zip(X.columns, expert.coef_[0], strict=True))
        top = sorted(filter(coef.get, coef), key=lambda name: -abs(coef[name]))[:2]
        assert text == ", ".join("-+"[int(coef[name] > 0)] + name for name in top)


def test_of_several_classes_the_one_that_a_feature_says_most_of(wine):
    X, y = wine
    model = LogisticRegression().fit(X, y)
    report = expert_report(model, X, y, n_top=1)
    c, j = np.unravel_index(np.abs(model.coef_).argmax(), model.coef_.shape)
    sign = "-+"[int(model.coef_[c, j] > 0)]
    wanted = f"{sign}{X.columns[j]} ({model.classes_[c]})"
    assert report["top_features"].tolist() == [wanted]
    assert report["score_in"].tolist() == [model.score(X, y)]
    assert report.index.tolist() == ["LogisticRegression"]


def test_deviations_of_experts_that_share(wine):
    X, y = wine
    segment = np.where(np.arange(len(X)) % 3 == 0, 1.0, 2.0)
    X = X.assign(segment=segment).to_numpy()
    model = PartitionedExpertsClassifier(
        L1SVC(), partitioner=ColumnPartitioner(-1), gate="hard", sharing="deviation"
    )
    X[:5, -1] = 3.0
    with pytest.warns(UserWarning, match="1 of 3 cells"):
        model.fit(X, y == "red")
    report = expert_report(model, X, y == "red", feature_names=[*"abcdefghijklm", "s"])
    assert report.index.tolist() == ["1.0", "2.0", "unclaimed"]
    counts = [deviation.count_nonzero() for deviation in model.deviation_]
    assert report["n_deviations"][:2].tolist() == counts
    for k, deviation in enumerate(model.deviation_):
        best = np.abs(deviation.toarray()[0]).argmax()
        name = "-+"[int(deviation.toarray()[0, best] > 0)] + "abcdefghijklms"[best]
        assert report["top_deviations"].iloc[k].split(", ")[0] == name
    assert np.isnan(report["n_deviations"]["unclaimed"])


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("n_outputs", [1, 2])
def test_gated_regressors_alone(shared, n_outputs):
    X, y = load_diabetes(return_X_y=True)
    X = X / X.std(axis=0)
    y = y if n_outputs == 1 else np.column_stack([y, -y])
    model = GatedExpertsRegressor(3, shared=shared, max_iter=3, random_state=0)
    report = expert_report(model.fit(X, y), X, y)
    coef, intercept = model.coef_.astype(float), model.intercept_.astype(float)
    if shared:
        coef, intercept = coef + model.shared_coef_, intercept + model.shared_intercept_
    first = model.route(X).toarray().argmax(axis=1)
    for k in range(3):
        inside = first == k
        alone = X @ coef[k].T + intercept[k]
        wanted = r2_score(y.reshape(len(y), -1)[inside], alone[inside])
        assert report["score_in"].iloc[k] == pytest.approx(wanted, abs=1e-4)
    assert report["n_deviations"].notna().all() == shared
    np.testing.assert_array_equal(report["n_train"], model.fit_report_["n_routed"])


@pytest.mark.parametrize("n_classes", [2, 3])
def test_gated_classifiers_alone(wine, n_classes):
    X, y = wine
    y = y if n_classes == 3 else y == "red"
    model = GatedExpertsClassifier(3, top_k=1, random_state=0).fit(X, y)
    report = expert_report(model, X, y)
    # With one expert a row, what the experts say in their cells is the prediction.
    right = (report["score_in"] * report["n_rows"])[report["n_rows"] > 0].sum()
    assert right / len(y) == pytest.approx(model.score(X, y))
    assert report["n_rows"].sum() == len(y)


def test_a_stream_reports_its_last_call(wine):
    X, y = wine
    model = GatedExpertsClassifier(3, random_state=0).partial_fit(X, y)
    report = expert_report(model, X, y)
    assert (report["n_train"] == len(y)).all()
    assert report["state"].tolist() == ["fitted"] * 3


def test_experts_on_groups_of_features_have_all_rows(wine):
    X, y = wine
    model = PartitionedExpertsClassifier(partitioner=FeatureGroups(3), random_state=0)
    report = expert_report(model.fit(X, y), X, y)
    assert report["n_rows"].tolist() == [len(y)] * 3
    assert report["score_out"].isna().all()
    groups = model.partitioner_.feature_groups_
    for columns, text in zip(groups, report["top_features"], strict=True):
        names = {word[1:].split(" ")[0] for word in text.split(", ")}
        assert names <= set(X.columns[columns])


def test_estimators_of_a_combiner():
    X, y = load_diabetes(return_X_y=True)
    model = AlphaCombinerRegressor([("weak", Ridge(100)), ("strong", Ridge(0.1))])
    report = expert_report(model.fit(X, y), X, y)
    assert report.index.tolist() == ["weak", "strong"]
    np.testing.assert_array_equal(report["traffic"], model.alpha_)
    scores = [estimator.score(X, y) for estimator in model.estimators_]
    np.testing.assert_allclose(report["score_in"], scores)


def test_experts_that_are_not_linear(wine):
    X, y = wine
    model = PartitionedExpertsClassifier(
        DecisionTreeClassifier(), n_experts=2, random_state=0
    ).fit(X, y)
    report = expert_report(model, X, y)
    assert report["n_nonzero"].isna().all()
    assert report["top_features"].isna().all()
    assert (report["score_in"] > 0.9).all()


def test_r2_needs_two_rows():
    X, y = load_diabetes(return_X_y=True)
    model = PartitionedExpertsRegressor(n_experts=3, random_state=0).fit(X, y)
    report = expert_report(model, X[:1], y[:1])
    assert report["n_rows"].sum() == 1
    assert report[["score_in", "score_out"]].isna().all(axis=None)


def test_text_needs_no_pandas(wine, monkeypatch):
    X, y = wine
    X = X.to_numpy()
    model = PartitionedExpertsClassifier(n_experts=2, random_state=0).fit(X, y)
    frame = expert_report(model, X, y)
    load = builtins.__import__

    def load_without_pandas(name, *args, **kwargs):
        if name == "pandas":
            raise ImportError(name)
        return load(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", load_without_pandas)
    text = expert_report(model, X, y, output="text")
    lines = text.splitlines()
    assert lines[0].split() == ["expert", *COLUMNS]
    assert [line.split("  ")[0] for line in lines[1:]] == frame.index.tolist()
    assert str(frame["n_rows"].iloc[0]) in lines[1].split()
    with pytest.raises(ImportError, match='pip install pandas.*output="text"'):
        expert_report(model, X, y)


def test_errors(wine):
    X, y = wine
    model = PartitionedExpertsClassifier(n_experts=2, random_state=0)
    with pytest.raises(NotFittedError, match="not fitted yet"):
        expert_report(model, X, y)
    model.fit(X, y)
    with pytest.raises(ValueError, match="scores every expert.*but y is None"):
        expert_report(model, X, None)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        expert_report(model, X, y[:3])
    with pytest.raises(ValueError, match="feature names should match"):
        expert_report(model, X.iloc[:, :5], y)
    with pytest.raises(ValueError, match="'output' parameter of expert_report must be"):
        expert_report(model, X, y, output="html")
    with pytest.raises(ValueError, match="'n_top' parameter of expert_report must be"):
        expert_report(model, X, y, n_top=0)
    with pytest.raises(TypeError, match="DecisionTreeClassifier is neither a model"):
        expert_report(DecisionTreeClassifier().fit(X, y), X, y)
