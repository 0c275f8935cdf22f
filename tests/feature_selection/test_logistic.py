"""Scores by L1-penalised logistic regression."""

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from skexperts.feature_selection import SparseFeatureSelector


def planted(n_classes=2, n_rows=400, seed=0):
    """The first features tell the classes apart, 20 others do not."""
    X, y = make_classification(
        n_rows,
        24,
        n_informative=4,
        n_redundant=0,
        n_classes=n_classes,
        n_clusters_per_class=1,
        class_sep=2.0,
        shuffle=False,
        random_state=seed,
    )
    X[np.random.default_rng(seed).random(X.shape) < 0.3] = 0
    return X * np.linspace(0.1, 30, 24), y


@pytest.mark.parametrize("n_classes", [2, 3, 5])
@pytest.mark.parametrize("wrap", [np.asarray, csr_array])
def test_planted_features_are_found(n_classes, wrap):
    X, y = planted(n_classes)
    selector = SparseFeatureSelector("logistic", k=4).fit(wrap(X), y)
    assert (selector.scores_ > 0).sum() >= 4
    found = selector.get_support(indices=True)
    # Not each of the four need be of use.
    assert len(found) == 4 and (found < 4).sum() >= 3


def test_scores_are_coefficients_of_the_first_penalty_that_has_enough():
    X, y = planted(n_rows=100)
    selector = SparseFeatureSelector("logistic", k=6, random_state=0).fit(X, y)
    Z = StandardScaler().fit_transform(X)
    weights = np.full(len(y), 1 / len(y))
    C = 1 / np.abs(Z.T @ (y - y.mean()) / len(y)).max()
    for _ in range(20):
        C *= 2
        model = LogisticRegression(
            C=C, l1_ratio=1.0, solver="saga", tol=1e-7, max_iter=20_000
        )
        coef = np.abs(model.fit(Z, y, sample_weight=weights).coef_[0])
        if np.count_nonzero(coef) >= 6:
            break
    np.testing.assert_allclose(selector.scores_, coef, atol=0.005)


def test_the_penalty_is_that_of_the_shares_of_weight():
    X, y = planted()
    fits = [
        SparseFeatureSelector("logistic", k=4, random_state=0)
        .fit(X, y, sample_weight=np.full(len(y), weight))
        .scores_
        for weight in (1e-3, 1e3)
    ]
    np.testing.assert_allclose(*fits, rtol=1e-6)


def test_without_any_slope_there_are_no_scores():
    X = np.tile([[1.0, 2.0], [3.0, 4.0]], (4, 1))
    y = np.repeat([0, 1], 4)
    selector = SparseFeatureSelector("logistic", k=1).fit(np.ones((8, 2)), y)
    assert selector.scores_.tolist() == [0, 0]
    assert selector.get_support().tolist() == [True, False]
    assert SparseFeatureSelector("logistic", k=2).fit(X, y).get_support().all()


def test_a_quantity_is_an_error():
    X, y = planted()
    with pytest.raises(ValueError, match='needs classes.*strategy="t_test"'):
        SparseFeatureSelector("logistic").fit(X, y + 0.5)
    with pytest.raises(ValueError, match="needs classes"):
        SparseFeatureSelector("logistic", task="regression").fit(X, y)
