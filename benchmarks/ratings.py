"""Ratings of MovieLens as pairs of a user and a film, described by known ratings."""

import csv
import gzip
import os
import re
from pathlib import Path

import numpy as np
from scipy.sparse import csr_array
from sklearn.base import BaseEstimator
from sklearn.model_selection import KFold, train_test_split

# Ratings of 0 residual that a bias, and a taste, are shrunk by.
BIAS, TASTE = 5, 10


def bias():
    """Return the bias model: the first number of the description of a pair."""
    return _Bias()


class _Bias(BaseEstimator):
    def fit(self, X, y):
        return self

    def predict(self, X):
        return X[:, 0]


def load_pairs():
    """Return ``X, y, X_test, y_test``, 80/20.

    A test row is described by the training rows, a training row by the nine tenths of
    them that it is not in.
    """
    ratings = _load()
    train, test = train_test_split(
        np.arange(len(ratings[0])), test_size=0.2, random_state=0
    )
    tenths = list(KFold(10, shuffle=True, random_state=0).split(train))
    order = np.argsort(np.concatenate([asked for _, asked in tenths]))
    X = [describe(ratings, train[known], train[asked]) for known, asked in tenths]
    X_test, rating = describe(ratings, train, test), ratings[2]
    return np.vstack(X)[order], rating[train], X_test, rating[test]


def _load():
    """Return user, film and rating of each row, genres and year of each film."""
    folder = Path(os.environ["SKEXPERTS_DATA_DIR"])
    with np.load(folder / "movielens_small.npz") as file:
        user = np.unique(file["user_id"], return_inverse=True)[1]
        films, film = np.unique(file["movie_id"], return_inverse=True)
        rating = file["rating"].astype(float)
    with gzip.open(folder / "movielens_small_movies.csv.gz", "rt", "utf-8") as file:
        about = {int(key): rest for key, *rest in list(csv.reader(file))[1:]}
    names = sorted({name for _, kinds in about.values() for name in kinds.split("|")})
    genres = [[name in about[key][1].split("|") for name in names] for key in films]
    years = [re.findall(r"\((\d{4})", about[key][0]) or ["1995"] for key in films]
    year = np.array([int(found[-1]) for found in years])
    return user, film, rating, np.array(genres, float), year


def describe(ratings, known, asked):
    """Return biases, counts, year, genres and tastes of the rows asked for."""
    user, film, rating, genres, year = ratings
    u, f, n_users, n_films = user[known], film[known], user.max() + 1, film.max() + 1
    by_user, by_film = np.bincount(u, None, n_users), np.bincount(f, None, n_films)
    mean, b_user = rating[known].mean(), np.zeros(n_users)
    rest = rating[known] - mean
    for _ in range(4):
        b_film = np.bincount(f, rest - b_user[u], n_films) / (by_film + BIAS)
        b_user = np.bincount(u, rest - b_film[f], n_users) / (by_user + BIAS)
    kinds, rest = genres[f], rest - b_user[u] - b_film[f]
    of_user = csr_array((np.ones(len(u)), (u, np.arange(len(u)))), (n_users, len(u)))
    taste = of_user @ (kinds * rest[:, None]) / (of_user @ kinds + TASTE)
    u, f = user[asked], film[asked]
    likes = taste[u] * genres[f]
    return np.column_stack(
        [
            mean + b_user[u] + b_film[f],
            *(b_user[u], b_film[f], np.log1p(by_user[u]), np.log1p(by_film[f])),
            *(year[f], likes.sum(axis=1) / (genres[f].sum(axis=1) + 1)),
            *(likes, genres[f], taste[u]),
        ]
    )
