"""The models of ``compare_experts``, each with up to six settings to choose from.

A setting is a dict of parameters; the first one is what is taken without a search.
"""

from itertools import product

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    BaggingClassifier,
    BaggingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    StackingClassifier,
    StackingRegressor,
)
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import Lasso, LogisticRegression, Ridge, RidgeClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, PolynomialFeatures
from sklearn.svm import SVC, SVR, LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from skexperts import PartitionedExpertsClassifier, PartitionedExpertsRegressor
from skexperts.gating import SoftmaxGate
from skexperts.svm import L1SVC, L1SVR

try:
    from lightgbm import LGBMClassifier, LGBMRegressor
    from sklego.meta import GroupedPredictor
except ImportError as error:
    LGBMClassifier = LGBMRegressor = GroupedPredictor = None
    print(f"LightGBM and scikit-lego are left out: {error}")

OURS = "experts"
CS = [1.0, 0.1, 10.0]
BOOSTING = {"learning_rate": [0.1, 0.3, 0.05]}
# (model, kind of data): why it is not run.
REASONS = {
    ("HistGradientBoosting", "sparse"): "takes no sparse X",
    ("experts, many after PCA", "sparse"): "16 components say little of words",
    ("experts, squares and products", "sparse"): "24 components say little of words",
    ("experts, squares and ridge", "sparse"): "28 components say little of words",
    ("GroupedPredictor", "sparse"): "X with a column of cells would be dense",
    ("LightGBM", "sparse"): "trees for 77 classes take minutes",
    ("LightGBM per cell", "sparse"): "trees for 77 classes take minutes",
    ("LightGBM per cell", "many classes"): "trees for each class and cell take minutes",
}


class AddCell(TransformerMixin, BaseEstimator):
    """Put the k-means cell of a row in front of its features."""

    def __init__(self, n_cells=8):
        self.n_cells = n_cells

    def fit(self, X, y=None):
        self.kmeans_ = KMeans(self.n_cells, random_state=0).fit(X)
        return self

    def transform(self, X):
        return np.column_stack([self.kmeans_.predict(X), X])


def expand(grid):
    """Return the settings of a grid, the last parameter varies fastest."""
    return [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]


def models(n_rows, n_features, regression):
    """Return ``{name: (estimator, settings)}``; whose name begins with OURS is ours."""
    rivals = regressors(n_features) if regression else classifiers(n_features)
    return {
        name: (model, expand(grid))
        for name, (model, grid) in (
            ours(n_rows, n_features, regression) | rivals
        ).items()
        if model is not None
    }


def ours(n_rows, n_features, regression):
    """Experts for each way to route and to share."""
    ensemble = (
        PartitionedExpertsRegressor if regression else PartitionedExpertsClassifier
    )
    one = L1SVR() if regression else L1SVC()
    # On the average 250, 1000 or 100 rows to a cell.
    counts = [max(2, n_rows // size) for size in (250, 1000, 100)]
    grid = {"n_experts": counts, "expert__C": [1.0, 0.1]}
    gates = {
        "hard": "hard",
        "top 4 by distance": "distance",
        "learned gate": SoftmaxGate(target="competence", tol=1e-3),
    }
    found = {
        f"{OURS}, {name}": (ensemble(one, gate=gate, random_state=0), grid)
        for name, gate in gates.items()
    }
    quick = KMeans(init="random", n_init=1, max_iter=10)
    many = make_pipeline(
        PCA(random_state=0), ensemble(one, partitioner=quick, random_state=0)
    )
    step = many.steps[-1][0]
    many_grid = {
        f"{step}__n_experts": [max(2, n_rows // size) for size in (30, 100)],
        "pca__n_components": sorted({min(n_features, n) for n in (16, 12, 24)}),
    }
    ridge = Ridge() if regression else RidgeClassifier()
    experts = [("squares and products", one, 24), ("squares and ridge", ridge, 28)]
    on_squares = {
        name: make_pipeline(
            PCA(min(n_features, n_components), random_state=0),
            PolynomialFeatures(2, include_bias=False),
            ensemble(
                expert,
                partitioner=make_pipeline(
                    FunctionTransformer(
                        first_columns, kw_args={"n": min(n_features, n_components)}
                    ),
                    quick,
                ),
                random_state=0,
            ),
        )
        for name, expert, n_components in experts
    }
    on_squares["squares and ridge"].set_params(**{f"{step}__top_k": 2})
    squares_grid = {
        f"{step}__expert__C": [0.1, 0.03, 0.3],
        f"{step}__n_experts": [max(2, n_rows // size) for size in (300, 1000)],
    }
    ridge_grid = {
        f"{step}__expert__alpha": [10.0, 30.0, 1.0],
        f"{step}__n_experts": [max(2, n_rows // size) for size in (1800, 500)],
    }
    sharing = ensemble(one, sharing="deviation", random_state=0)
    shared_grid = {"n_experts": counts[1:2] + counts[:1], "expert__C": CS}
    return found | {
        f"{OURS}, many after PCA": (many, many_grid),
        f"{OURS}, squares and products": (
            on_squares["squares and products"],
            squares_grid,
        ),
        f"{OURS}, squares and ridge": (on_squares["squares and ridge"], ridge_grid),
        f"{OURS}, sharing": (sharing, shared_grid),
        f"{OURS}, default": (ensemble(random_state=0), {}),
    }


def first_columns(X, n):
    return X[:, :n]


def classifiers(n_features):
    linear = LinearSVC(dual=False, random_state=0)
    gammas = {"C": [10.0, 1.0], "gamma": [1 / n_features, 4 / n_features, 0.1]}
    cs = {"C": [1.0, 0.1, 10.0, 0.01, 0.03, 0.3]}
    stacked = [("linear", L1SVC()), ("bayes", GaussianNB())]
    stacked.append(("tree", DecisionTreeClassifier(random_state=0)))
    stacking = StackingClassifier(stacked, LogisticRegression(), cv=3)
    return {
        "LinearSVC l1": (LinearSVC(penalty="l1", dual=False, random_state=0), cs),
        "LinearSVC l2": (linear, cs),
        "SVC rbf": (SVC(), gammas),
        "Nystroem + LinearSVC": nystroem(linear, "linearsvc", n_features),
        "Bagging of L1SVC": (
            BaggingClassifier(L1SVC(), random_state=0),
            {"max_features": [1.0, 0.5], "estimator__C": CS},
        ),
        "Stacking": (stacking, {"linear__C": CS, "tree__max_depth": [None, 8]}),
        "HistGradientBoosting": (
            HistGradientBoostingClassifier(random_state=0),
            BOOSTING | {"max_leaf_nodes": [31, 63]},
        ),
        "LightGBM": lightgbm(LGBMClassifier),
        "LightGBM per cell": per_cell(LGBMClassifier, PartitionedExpertsClassifier),
        "GroupedPredictor": grouped(L1SVC(), "C"),
    }


def regressors(n_features):
    alphas = [1.0, 0.1, 10.0, 0.01, 100.0, 1000.0]
    gammas = {"C": [10.0, 1.0], "gamma": [1 / n_features, 4 / n_features, 0.1]}
    stacked = [("linear", Ridge())]
    stacked.append(("tree", DecisionTreeRegressor(random_state=0)))
    grid = {"tree__max_depth": [None, 8, 12], "linear__alpha": [1.0, 10.0]}
    return {
        "Lasso": (Lasso(), {"alpha": [0.01, 0.001, 0.1, 0.0001, 0.03, 0.003]}),
        "Ridge": (Ridge(), {"alpha": alphas}),
        "SVR rbf": (SVR(), gammas),
        "Nystroem + Ridge": nystroem(Ridge(1e-3), "ridge", n_features),
        "Bagging of L1SVR": (
            BaggingRegressor(L1SVR(), random_state=0),
            {"max_features": [1.0, 0.5], "estimator__C": CS},
        ),
        "Stacking": (StackingRegressor(stacked, Ridge(), cv=3), grid),
        "HistGradientBoosting": (
            HistGradientBoostingRegressor(random_state=0),
            BOOSTING | {"max_iter": [100, 500]},
        ),
        "LightGBM": lightgbm(LGBMRegressor),
        "LightGBM per cell": per_cell(LGBMRegressor, PartitionedExpertsRegressor),
        "GroupedPredictor": grouped(Ridge(), "alpha"),
    }


def nystroem(linear, step, n_features):
    model = make_pipeline(Nystroem(n_components=500, random_state=0), linear)
    gammas = [1 / n_features, 4 / n_features, 0.1]
    parameter = "C" if step == "linearsvc" else "alpha"
    values = [10.0, 1.0] if parameter == "C" else [0.01, 1.0]
    return model, {f"{step}__{parameter}": values, "nystroem__gamma": gammas}


def lightgbm(boosting):
    if boosting is None:
        return None, {}
    model = boosting(n_jobs=1, verbose=-1, random_state=0)
    return model, BOOSTING | {"num_leaves": [31, 63]}


def per_cell(boosting, ensemble):
    """One boosting for each k-means cell."""
    if boosting is None:
        return None, {}
    one = boosting(n_jobs=1, verbose=-1, random_state=0)
    grid = {"n_experts": [8, 4], "expert__learning_rate": BOOSTING["learning_rate"]}
    return ensemble(one, gate="hard", min_cell_size=50, random_state=0), grid


def grouped(one, parameter):
    if GroupedPredictor is None:
        return None, {}
    model = make_pipeline(AddCell(), GroupedPredictor(one, groups=[0]))
    return model, {
        "addcell__n_cells": [8, 32],
        f"groupedpredictor__estimator__{parameter}": CS,
    }
