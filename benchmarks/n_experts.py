"""What ``n_experts="auto"`` finds, with segments and without."""

import numpy as np
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression, Ridge

from skexperts import PartitionedExpertsClassifier, PartitionedExpertsRegressor
from skexperts.datasets import (
    make_piecewise_classification,
    make_piecewise_regression,
)

NUMBERS = (1, 2, 4, 8, 16, 32, 64)


def linear(n_rows, n_features, *, noise=0.0, flip=0.0, share=0.5):
    """Rows of one linear model of two classes; some labels are flipped."""

    def make(seed):
        rng = np.random.default_rng(seed)
        X, score = _linear_score(rng, n_rows, n_features, noise)
        y = (score > np.quantile(score, 1 - share)).astype(int)
        return X, np.where(rng.random(n_rows) < flip, 1 - y, y)

    return make


def linear_values(n_rows, n_features, *, noise):
    """Rows of one linear regression of variance 1, and noise."""

    def make(seed):
        rng = np.random.default_rng(seed)
        return _linear_score(rng, n_rows, n_features, noise)

    return make


def _linear_score(rng, n_rows, n_features, noise):
    X = rng.standard_normal((n_rows, n_features))
    coef = rng.standard_normal(n_features)
    score = X @ coef / np.linalg.norm(coef)
    return X, score + noise * rng.standard_normal(n_rows)


def pure_noise(n_rows, n_features, *, values=False):
    """Targets that X says nothing of."""

    def make(seed):
        rng = np.random.default_rng(seed)
        X, y = rng.standard_normal((n_rows, n_features)), rng.standard_normal(n_rows)
        return X, y if values else (y > 0).astype(int)

    return make


def piecewise(make, n_rows, **parameters):
    """Rows of 8 regions, as many again for the test."""

    def draw(seed):
        return make(2 * n_rows, random_state=seed, **parameters)

    return draw


CLASSES, VALUES = make_piecewise_classification, make_piecewise_regression
WITHOUT = {
    "linear 300 x 5": linear(300, 5, flip=0.1),
    "linear 300 x 20": linear(300, 20, flip=0.1),
    "linear 1000 x 5": linear(1000, 5, flip=0.1),
    "linear 1000 x 20": linear(1000, 20, flip=0.1),
    "linear 3000 x 20": linear(3000, 20, flip=0.1),
    "linear 1000 x 5, 1 in 10": linear(1000, 5, noise=0.3, share=0.1),
    "noise 300 x 5": pure_noise(300, 5),
    "noise 1000 x 20": pure_noise(1000, 20),
    "regions 1000 x 20": piecewise(CLASSES, 500, heterogeneity=0, noise=0.3),
    "values 300 x 5": linear_values(300, 5, noise=1.0),
    "values 1000 x 20": linear_values(1000, 20, noise=1.0),
    "values 3000 x 20": linear_values(3000, 20, noise=1.0),
    "value noise 300 x 5": pure_noise(300, 5, values=True),
    "value regions 1000 x 20": piecewise(VALUES, 500, heterogeneity=0, noise=0.3),
}
# On these LogisticRegression and Ridge are tried as well.
OTHER_EXPERTS = {"linear 300 x 5", "noise 300 x 5", "values 300 x 5"}
WITH = {
    "regions 800 x 20": piecewise(CLASSES, 800, heterogeneity=1),
    "regions 2000 x 20": piecewise(CLASSES, 2000, heterogeneity=1),
    "similar 2000 x 20": piecewise(CLASSES, 2000, heterogeneity=0.15, noise=0.2),
    "value regions 800 x 20": piecewise(VALUES, 800, heterogeneity=1, noise=0.3),
    "similar values 2000 x 20": piecewise(VALUES, 2000, heterogeneity=0.15, noise=0.3),
}


def experts(data):
    """Return the ensemble with its default experts, and with those of scikit-learn."""
    if "value" in data:
        return PartitionedExpertsRegressor(), PartitionedExpertsRegressor(Ridge())
    return (
        PartitionedExpertsClassifier(),
        PartitionedExpertsClassifier(LogisticRegression()),
    )


def fit(model, X, y, seed, n_experts="auto"):
    model = clone(model).set_params(n_experts=n_experts, random_state=seed)
    return model.fit(X, y)


def compare_n_experts(quick):
    """Yield a row for each kind of data and expert."""
    n_seeds = 3 if quick else 100
    for data, make in WITHOUT.items():
        both = data in OTHER_EXPERTS and not quick
        for model in experts(data)[: 1 + both]:
            found = [
                fit(model, *make(seed), seed).n_experts_ for seed in range(n_seeds)
            ]
            yield describe(data, model, found)
    n_seeds = 2 if quick else 20
    for data, make in WITH.items():
        model, _ = experts(data)
        found, scores = [], []
        for seed in range(n_seeds):
            X, y = make(seed)
            X, X_test, y, y_test = X[::2], X[1::2], y[::2], y[1::2]
            fits = [fit(model, X, y, seed, k) for k in ("auto", *NUMBERS)]
            found.append(fits[0].n_experts_)
            scores.append([fitted.score(X_test, y_test) for fitted in fits])
        auto, *fixed = np.mean(scores, axis=0).tolist()
        best = int(np.argmax(fixed))
        yield {
            **describe(data, model, found),
            "score": auto,
            "score of one": fixed[0],
            "best score": fixed[best],
            "best number": NUMBERS[best],
        }


def describe(data, model, found):
    expert = "default" if model.expert is None else type(model.expert).__name__
    numbers, counts = np.unique(found, return_counts=True)
    return {
        "data": data,
        "expert": expert,
        "found": dict(zip(numbers.tolist(), counts.tolist(), strict=True)),
    }


def print_n_experts(row):
    found = ", ".join(f"{k}: {count}" for k, count in row["found"].items())
    line = f"{row['data']:<26}{row['expert']:<20}{found:<28} "
    if "score" in row:
        line += (
            f"score {row['score']:.4f}, one {row['score of one']:.4f}, "
            f"{row['best number']} {row['best score']:.4f}"
        )
    print(line.rstrip(), flush=True)
