"""The basic compositions, each in a line of user code, on real data."""

import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine
from sklearn.linear_model import Lasso, LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from skexperts import (
    AlphaCombinerClassifier,
    AlphaCombinerRegressor,
    FeatureGroups,
    GatedExpertsClassifier,
    PartitionedExpertsClassifier,
    PartitionedExpertsRegressor,
    RandomPartitioner,
    SegmentVectorizer,
    SparseCoder,
)
from skexperts.datasets import load_letter, load_sms_spam


def split(load):
    X, y = load(return_X_y=True)
    return train_test_split(X, y, random_state=0)


@pytest.fixture(scope="module")
def letter():
    train, test = load_letter(subset="train"), load_letter(subset="test")
    scaler = StandardScaler().fit(train.data)
    return (
        scaler.transform(train.data),
        scaler.transform(test.data),
        train.target,
        test.target,
    )


def test_letter_by_150_experts_with_overlap(letter):
    X, X_test, y, y_test = letter
    overlap = PartitionedExpertsClassifier(n_experts=150, n_jobs=2, random_state=0)
    hard = PartitionedExpertsClassifier(
        n_experts=150, gate="hard", n_jobs=2, random_state=0
    )
    assert hard.fit(X, y).score(X_test, y_test) >= 0.90
    assert overlap.fit(X, y).score(X_test, y_test) >= 0.945
    assert overlap.n_experts_ == 150


def test_sparse_codes_in_front_of_experts():
    X, X_test, y, y_test = split(load_digits)
    model = make_pipeline(
        SparseCoder(50, alpha=2.0, random_state=0),
        PartitionedExpertsClassifier(random_state=0),
    )
    assert model.fit(X, y).score(X_test, y_test) > 0.9
    assert model[:-1].transform(X_test).format == "csr"


@pytest.mark.parametrize("load", [load_wine, load_breast_cancer, load_digits])
def test_random_and_kmeans_partitions_with_alpha(load):
    X, X_test, y, y_test = split(load)
    model = make_pipeline(
        StandardScaler(),
        AlphaCombinerClassifier(
            [
                (
                    "random",
                    PartitionedExpertsClassifier(
                        partitioner=RandomPartitioner(3), random_state=0
                    ),
                ),
                ("kmeans", PartitionedExpertsClassifier(n_experts=3, random_state=0)),
            ]
        ),
    )
    assert model.fit(X, y).score(X_test, y_test) > 0.9
    alpha = model[-1].alpha_
    np.testing.assert_allclose(alpha.sum(), 1.0)
    assert (alpha >= 0).all()


def test_two_regressors_with_alpha_given_by_hand_and_learned():
    X, X_test, y, y_test = split(load_diabetes)
    estimators = [
        ("one", Lasso(0.1)),
        ("regions", PartitionedExpertsRegressor(n_experts=3, random_state=0)),
    ]
    given = AlphaCombinerRegressor(estimators, alpha=0.7).fit(X, y)
    np.testing.assert_allclose(given.alpha_, [0.7, 0.3])
    learned = AlphaCombinerRegressor(estimators).fit(X, y)
    assert learned.score(X_test, y_test) > 0.3


def test_grid_search_reaches_expert_partition_gate_and_top_k():
    X, X_test, y, y_test = split(load_wine)
    model = make_pipeline(
        StandardScaler(),
        PartitionedExpertsClassifier(
            LinearSVC(penalty="l1", dual=False, tol=1e-2),
            partitioner=KMeans(n_init=1),
            random_state=0,
        ),
    )
    name = "partitionedexpertsclassifier__"
    grid = {
        name + "expert__C": [0.1, 1.0],
        name + "partitioner__n_clusters": [1, 3],
        name + "top_k": [1, 2],
        name + "gate": ["distance", "hard"],
    }
    search = GridSearchCV(model, grid, cv=3, error_score="raise").fit(X, y)
    assert len(search.cv_results_["params"]) == 16
    assert search.score(X_test, y_test) > 0.9


def test_grid_search_over_the_number_of_experts_alone():
    X, y = load_diabetes(return_X_y=True)
    grid = {"n_experts": [1, 2, 4], "expert": [Lasso(0.01), Lasso(0.1)]}
    search = GridSearchCV(PartitionedExpertsRegressor(random_state=0), grid, cv=3)
    assert search.fit(X, y).best_score_ > 0.3


def test_cross_validation_in_processes_agrees_with_one_process():
    X, y = load_wine(return_X_y=True)
    model = PartitionedExpertsClassifier(LogisticRegression(max_iter=2000), n_jobs=2)
    model = make_pipeline(StandardScaler(), model.set_params(random_state=0))
    np.testing.assert_array_equal(
        cross_val_score(model, X, y, n_jobs=2), cross_val_score(model, X, y)
    )


@pytest.mark.parametrize(
    "experts",
    [
        PartitionedExpertsClassifier(
            partitioner=FeatureGroups(2, contiguous=True),
            combiner=AlphaCombinerClassifier(loss="squared_hinge"),
        ),
        GatedExpertsClassifier(n_experts=2, max_iter=5, random_state=0),
    ],
    ids=["alpha", "gated"],
)
def test_an_expert_for_each_half_of_a_message(experts):
    X, X_test, y, y_test = split(load_sms_spam)
    model = make_pipeline(SegmentVectorizer(n_segments=2), experts)
    assert model.fit(X, y).score(X_test, y_test) > 0.97
