"""Sparse codes, their clusters, and a linear SVM with an L1 penalty for each."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.cluster import DBSCAN, KMeans
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from skexperts import L1SVC, PartitionedExpertsClassifier, SparseCoder

CODERS = {
    "identity": SparseCoder(dictionary="identity", alpha=0.1),
    "lasso": SparseCoder(64, alpha=0.1, random_state=0),
    "elastic_net": SparseCoder(
        64, method="elastic_net", l1_ratio=0.7, alpha=0.1, random_state=0
    ),
}
PARTITIONERS = {"kmeans": KMeans(8), "dbscan": DBSCAN(eps=1.3, min_samples=10)}


@pytest.fixture(scope="module")
def rows():
    X, y = load_digits(return_X_y=True)
    return train_test_split(X / 16, y, test_size=500, stratify=y, random_state=0)


def pipeline(codes, cells, **parameters):
    experts = PartitionedExpertsClassifier(
        L1SVC(tol=1e-3),
        partitioner=PARTITIONERS[cells],
        min_cell_size=5,
        random_state=0,
        **parameters,
    )
    return make_pipeline(CODERS[codes], experts)


def test_the_identity_shrinks_every_entry(rows):
    X = rows[0]
    codes = CODERS["identity"].fit(X).transform(X).toarray()
    np.testing.assert_allclose(codes, np.maximum(X - 0.1, 0))


@pytest.mark.parametrize("codes", CODERS)
def test_regions_of_kmeans_are_not_below_one_svm_of_the_pixels(rows, codes):
    X, X_test, y, y_test = rows
    model = pipeline(codes, "kmeans").fit(X, y)
    assert model[-1].n_experts_ == 8
    one = L1SVC().fit(X, y).score(X_test, y_test)
    assert model.score(X_test, y_test) > one - 0.01
    # The kernel SVM is the better one.
    kernel = SVC().fit(X, y).score(X_test, y_test)
    assert model.score(X_test, y_test) > kernel - 0.04


def test_regions_of_shrunk_pixels_are_better_than_one_svm(rows):
    X, X_test, y, y_test = rows
    model = pipeline("identity", "kmeans").fit(X, y)
    one = make_pipeline(CODERS["identity"], L1SVC()).fit(X, y)
    assert model.score(X_test, y_test) > one.score(X_test, y_test) + 0.003


@pytest.mark.parametrize("codes", CODERS)
def test_regions_of_dbscan_are_not_far_from_one_svm_of_the_codes(rows, codes):
    X, X_test, y, y_test = rows
    model = pipeline(codes, "dbscan").fit(X, y)
    assert model[-1].n_experts_ > 3
    one = make_pipeline(CODERS[codes], L1SVC()).fit(X, y)
    assert model.score(X_test, y_test) > one.score(X_test, y_test) - 0.03


def test_the_margins_are_those_of_one_expert_where_routing_is_hard(rows):
    X, X_test, y, _ = rows
    model = pipeline("lasso", "kmeans", gate="hard").fit(X, y)
    codes = model[:-1].transform(X_test)
    cells = model[-1].route(codes).indices
    margins = model.decision_function(X_test)
    for k, expert in enumerate(model[-1].experts_):
        mine = cells == k
        found = margins[mine][:, expert.classes_]
        expected = codes[mine] @ expert.coef_.T + expert.intercept_
        if len(expert.classes_) > 2:
            np.testing.assert_allclose(found, expected, atol=1e-9)
    assert len(cells) == len(X_test)


def test_clone_pickle_and_a_search_over_the_penalty_of_the_codes(rows):
    X, X_test, y, _ = rows
    model = pipeline("identity", "kmeans")
    search = GridSearchCV(model, {"sparsecoder__alpha": [0.1, 0.8]}, cv=2).fit(X, y)
    assert search.best_params_ == {"sparsecoder__alpha": 0.1}
    best = search.best_estimator_
    again = pickle.loads(pickle.dumps(best))
    np.testing.assert_array_equal(again.predict(X_test), best.predict(X_test))
    refit = clone(best).fit(X, y)
    np.testing.assert_array_equal(refit.predict(X_test), best.predict(X_test))
