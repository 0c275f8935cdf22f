"""
======================
A recommender: ratings
======================

What will user u say of film f? The *bias model* knows who gives high ratings and which
films get them, :math:`\\mu + b_u + b_f`. Experts do better from a few numbers that
describe a pair: these biases and how many ratings they rest on, the taste of the user,
genre by genre, the genres and the year of the film. The gate reads all of them, so that
an expert serves a kind of user, or a kind of film.

The data are MovieLens (100 836 ratings of 610 users) if ``movielens_small.npz`` is in
the folder ``SKEXPERTS_DATA_DIR``: its terms do not let it come with the package. Else
users with tastes are made up here.
"""

import csv
import gzip
import os
import re
from itertools import pairwise
from pathlib import Path
from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
from scipy.sparse import csr_array, hstack
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import Ridge
from sklearn.metrics import root_mean_squared_error
from sklearn.model_selection import KFold, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skexperts import GatedExpertsRegressor


def movielens(folder):
    """Return user, film and rating of each row, genres and year of each film."""
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


def made_up(n_users=600, n_films=1500, n_ratings=40_000, n_genres=12):
    """Return the same of users of four kinds, who differ in what they like."""
    rng = np.random.default_rng(0)
    genres = (rng.random((n_films, n_genres)) < 0.2).astype(float)
    year = rng.integers(1950, 2019, n_films)
    user = (n_users * rng.random(n_ratings) ** 2).astype(int)
    film = (n_films * rng.random(n_ratings) ** 2).astype(int)
    kind = rng.integers(4, size=n_users)
    taste = rng.normal(size=(4, n_genres))[kind] + 0.4 * rng.normal(
        size=(n_users, n_genres)
    )
    likes_old = np.array([-0.4, 0.0, 0.0, 0.4])[kind]
    rating = 3.5 + 0.4 * rng.normal(size=n_users)[user]
    rating += 0.4 * rng.normal(size=n_films)[film] + likes_old[user] * (
        (1985 - year[film]) / 20
    )
    rating += 0.4 * np.tanh((taste[user] * genres[film]).sum(axis=1))
    rating += 0.7 * rng.normal(size=n_ratings)
    return user, film, np.clip(np.round(2 * rating) / 2, 0.5, 5), genres, year


folder = Path(os.environ.get("SKEXPERTS_DATA_DIR", "no such folder"))
real = (folder / "movielens_small.npz").exists()
user, film, rating, genres, year = movielens(folder) if real else made_up()
print("MovieLens" if real else "made up", f"{len(rating)} ratings")

# %%
# Numbers that describe a pair
# ----------------------------
# Biases are mean residuals, shrunk towards 0 as if there were five more ratings of 0, a
# taste is a user's mean residual in a genre, shrunk by ten.


def describe(known, asked):
    """Describe the rows asked for by what the known ratings say."""
    u, f, n_users, n_films = user[known], film[known], user.max() + 1, film.max() + 1
    by_user, by_film = np.bincount(u, minlength=n_users), np.bincount(f, None, n_films)
    mean = rating[known].mean()
    b_user, b_film = np.zeros(n_users), np.zeros(n_films)
    for _ in range(4):
        rest = rating[known] - mean
        b_film = np.bincount(f, rest - b_user[u], n_films) / (by_film + 5)
        b_user = np.bincount(u, rest - b_film[f], n_users) / (by_user + 5)
    kinds, rest = genres[f], rest - b_user[u] - b_film[f]
    of_user = csr_array((np.ones(len(u)), (u, np.arange(len(u)))), (n_users, len(u)))
    taste = of_user @ (kinds * rest[:, None]) / (of_user @ kinds + 10)
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


# %%
# A row must not describe itself: a training row is described by the nine tenths of the
# training rows that it does not belong to, as a test row is by all of them.

train, test = train_test_split(np.arange(len(rating)), test_size=0.2, random_state=0)
tenths = list(KFold(10, shuffle=True, random_state=0).split(train))
order = np.argsort(np.concatenate([asked for _, asked in tenths]))
X = np.vstack([describe(train[known], train[asked]) for known, asked in tenths])[order]
X_test, y, y_test = describe(train, test), rating[train], rating[test]

# %%
# Experts next to the bias model, linear models and trees
# -------------------------------------------------------
# The sparse linear model sees a column for each user, film and genre.

pairs = OneHotEncoder(handle_unknown="ignore").fit(np.c_[user, film][train])
one_hot = csr_array(hstack([pairs.transform(np.c_[user, film]), genres[film]]))
scale = StandardScaler()
gated = GatedExpertsRegressor(16, top_k=8, n_estimators=4, max_iter=20, random_state=0)
trees = HistGradientBoostingRegressor(max_iter=200, random_state=0)
answers = {"bias model": X_test[:, 0]}
for name, model, rows, rows_test in (
    ("Ridge, user + film + genres", Ridge(5), one_hot[train], one_hot[test]),
    ("Ridge, described pairs", make_pipeline(scale, Ridge(10)), X, X_test),
    ("HistGradientBoosting, the same", trees, X, X_test),
    ("gated experts, the same", make_pipeline(scale, gated), X, X_test),
):
    start = perf_counter()
    answers[name] = model.fit(rows, y).predict(rows_test)
    print(f"{name:<32}{perf_counter() - start:5.1f} s")
print()
for name, answer in answers.items():
    error = root_mean_squared_error(y_test, np.clip(answer, 0.5, 5))
    print(f"{name:<32}RMSE {error:.4f}")

# %%
# Where experts help
# ------------------
# By how much the RMSE is below that of the bias model, for users with few ratings and
# with many: a taste must be known before it can be used.

n_known = np.expm1(X_test[:, 3])
edges = np.quantile(n_known, np.linspace(0, 1, 6))
group = np.clip(np.searchsorted(edges, n_known, side="right") - 1, 0, 4)
_, ax = plt.subplots(figsize=(6.5, 3.6), layout="constrained")
for (name, answer), mark in zip(list(answers.items())[1:], "svo^", strict=True):
    gain = [
        root_mean_squared_error(y_test[group == k], answers["bias model"][group == k])
        - root_mean_squared_error(y_test[group == k], answer[group == k])
        for k in range(5)
    ]
    ax.plot(gain, marker=mark, label=name)
ax.axhline(0, color="black", linewidth=0.8)
labels = [f"{a:.0f} to {b:.0f}" for a, b in pairwise(edges)]
ax.set_xticks(range(5), labels)
ax.set(xlabel="known ratings of the user", ylabel="RMSE below the bias model")
ax.legend(fontsize="small")
