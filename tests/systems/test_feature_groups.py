"""A split of the features in groups, and alpha that says which of them matter."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skexperts import (
    AlphaCombinerClassifier,
    FeatureGroups,
    PartitionedExpertsClassifier,
)


@pytest.fixture(scope="module")
def rows():
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    return train_test_split(X, y, stratify=y, random_state=0)


def by_kind_of_number(X):
    """Return the names of the means, of the errors and of the worst."""
    names = [list(X.columns[start : start + 10]) for start in (0, 10, 20)]
    assert names[2][0] == "worst radius"
    return names


def experts_on(groups, combiner=None):
    return PartitionedExpertsClassifier(
        make_pipeline(StandardScaler(), LogisticRegression()),
        partitioner=FeatureGroups(groups, random_state=0),
        combiner=combiner,
        random_state=0,
    )


def test_learned_weights_of_named_groups_are_better_than_equal_ones(rows):
    X, X_test, y, y_test = rows
    groups = by_kind_of_number(X)
    learned = experts_on(groups, AlphaCombinerClassifier()).fit(X, y)
    equal = experts_on(groups).fit(X, y)
    np.testing.assert_allclose(learned.alpha_.sum(), 1.0)
    assert learned.alpha_.argmax() == 2
    assert learned.alpha_[2] > 0.5
    assert learned.score(X_test, y_test) > 0.93
    losses = [log_loss(y_test, m.predict_proba(X_test)) for m in (learned, equal)]
    assert losses[0] < losses[1]


def test_each_expert_sees_its_own_columns(rows):
    X, _, y, _ = rows
    groups = by_kind_of_number(X)
    model = experts_on(groups).fit(X, y)
    for expert, names in zip(model.experts_, groups, strict=True):
        assert expert.feature_names_in_.tolist() == names


def test_random_groups_are_not_far_from_one_model_of_all_columns(rows):
    X, X_test, y, y_test = rows
    one = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    model = experts_on(3, AlphaCombinerClassifier()).fit(X, y)
    columns = np.concatenate(model.partitioner_.feature_groups_)
    np.testing.assert_array_equal(np.sort(columns), np.arange(X.shape[1]))
    # One model of all columns is the better one here.
    assert model.score(X_test, y_test) > one.score(X_test, y_test) - 0.05


def test_clone_pickle_and_a_search_over_the_groups(rows):
    X, X_test, y, _ = rows
    model = experts_on(3, AlphaCombinerClassifier(cv=3))
    grid = {"partitioner__groups": [2, by_kind_of_number(X)]}
    best = GridSearchCV(model, grid, cv=2).fit(X, y).best_estimator_
    again = pickle.loads(pickle.dumps(best))
    np.testing.assert_array_equal(
        again.predict_proba(X_test), best.predict_proba(X_test)
    )
    np.testing.assert_array_equal(clone(best).fit(X, y).alpha_, best.alpha_)
