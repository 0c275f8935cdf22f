"""Ratings of users with tastes: gated experts next to the bias model and Ridge."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import Ridge
from sklearn.metrics import root_mean_squared_error
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skexperts import GatedExpertsRegressor, PartitionedExpertsRegressor
from skexperts.svm import L1SVR

N_USERS, N_FILMS, N_RATINGS, N_GENRES = 150, 300, 12_000, 5


@pytest.fixture(scope="module")
def ratings():
    """Two kinds of users who like opposite films; the gate has to find the kind.

    A pair is described by the user's and the film's mean, the genres of the film, and
    five noisy signs of the kind of the user.
    """
    rng = np.random.default_rng(0)
    user, film = (rng.integers(n, size=N_RATINGS) for n in (N_USERS, N_FILMS))
    genres = (rng.random((N_FILMS, N_GENRES)) < 0.3).astype(float)
    kind = rng.integers(2, size=N_USERS)
    taste = np.array([[1, -1, 1, -1, 0], [-1, 1, -1, 1, 0]])[kind] * 0.7
    b_user, b_film = 0.4 * rng.normal(size=N_USERS), 0.4 * rng.normal(size=N_FILMS)
    rating = 3.5 + b_user[user] + b_film[film] + 0.5 * rng.normal(size=N_RATINGS)
    rating += (taste[user] * genres[film]).sum(axis=1)
    signs = (2 * kind - 1)[:, None] + 0.5 * rng.normal(size=(N_USERS, N_GENRES))
    train = np.arange(N_RATINGS) < 0.8 * N_RATINGS
    pairs = OneHotEncoder(handle_unknown="ignore").fit(np.c_[user, film][train])
    one_hot = pairs.transform(np.c_[user, film])
    means = Ridge(1).fit(one_hot[train], rating[train]).predict(one_hot)
    X = np.column_stack([means, genres[film], signs[user]])
    return X[train], rating[train], X[~train], rating[~train]


def rmse(model, part):
    X, y, X_test, y_test = part
    return root_mean_squared_error(y_test, model.fit(X, y).predict(X_test))


def test_experts_beat_the_bias_model_and_ridge(ratings):
    X, y, X_test, y_test = ratings
    bias = root_mean_squared_error(y_test, X_test[:, 0])
    linear = rmse(make_pipeline(StandardScaler(), Ridge(1)), ratings)
    gated = GatedExpertsRegressor(4, top_k=4, random_state=0)
    model = make_pipeline(StandardScaler(), gated)
    error = rmse(model, ratings)
    assert error < 0.85 * linear
    assert error < 0.85 * bias

    answers = model.predict(X_test)
    again = pickle.loads(pickle.dumps(model)).predict(X_test)
    np.testing.assert_array_equal(answers, again)
    twin = clone(model).fit(X, y).predict(X_test)
    np.testing.assert_array_equal(answers, twin)


def test_cells_of_users_with_a_shared_model(ratings):
    linear = rmse(make_pipeline(StandardScaler(), Ridge(1)), ratings)
    experts = PartitionedExpertsRegressor(
        L1SVR(C=0.1, epsilon=0),
        n_experts=6,
        top_k=2,
        sharing="deviation",
        random_state=0,
    )
    model = make_pipeline(StandardScaler(), experts)
    assert rmse(model, ratings) < 0.9 * linear
    assert len(model[-1].deviation_) == 6


def test_number_of_experts_is_searched(ratings):
    X, y, _, _ = ratings
    model = make_pipeline(
        StandardScaler(), GatedExpertsRegressor(top_k=4, max_iter=15, random_state=0)
    )
    grid = {"gatedexpertsregressor__n_experts": [1, 4]}
    search = GridSearchCV(model, grid, cv=3, scoring="neg_root_mean_squared_error").fit(
        X, y
    )
    assert search.best_params_["gatedexpertsregressor__n_experts"] == 4
