"""Rows on disk, and the models that ``compare_streams`` feeds them to in parts."""

import numpy as np
from sklearn.base import clone
from sklearn.cluster import MiniBatchKMeans
from sklearn.datasets import make_friedman1
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.linear_model import SGDClassifier, SGDRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import SplineTransformer, StandardScaler

from skexperts import (
    GatedExpertsClassifier,
    GatedExpertsRegressor,
    PartitionedExpertsClassifier,
    PartitionedExpertsRegressor,
)
from skexperts.datasets import make_piecewise_classification

N_FEATURES, N_REGIONS, N_EXPERTS = 20, 64, 64
# Rows of a part, of a sample that is fitted at once, and to score on.
PART, SAMPLE, N_HELD = 100_000, 1_000_000, 200_000


def regions(n_rows, seed):
    """Make rows of 64 regions, each with a linear model of the two classes."""
    _, _, model = make_piecewise_classification(
        N_REGIONS, N_FEATURES, n_regions=N_REGIONS, return_model=True, random_state=0
    )
    rng = np.random.default_rng(seed)
    own = rng.integers(N_REGIONS, size=n_rows)
    X = model.centers[own] + rng.standard_normal((n_rows, N_FEATURES))
    score = np.einsum("ij,ij->i", X, model.coef[own]) + model.intercept[own]
    return X, (score + 0.2 * rng.standard_normal(n_rows) > 0).astype(float)


def smooth(n_rows, seed):
    """Make Friedman's first function of uniform rows: there are no regions."""
    return make_friedman1(n_rows, N_FEATURES, noise=1.0, random_state=seed)


PROBLEMS = {"regions": regions, "smooth": smooth}


def write(make, folder, n_rows):
    """Write X, as float32, and y part by part; the rows to score on come last."""
    shape = n_rows + N_HELD, N_FEATURES
    X = np.lib.format.open_memmap(folder / "X.npy", "w+", np.float32, shape)
    y = np.lib.format.open_memmap(folder / "y.npy", "w+", np.float64, shape[:1])
    for first in range(0, len(y), PART):
        size = min(PART, len(y) - first)
        X[first : first + size], y[first : first + size] = make(size, first)


def read(folder):
    """Return memory maps of X and y to fit on, and X and y to score on."""
    X, y = (np.load(folder / name, mmap_mode="r") for name in ("X.npy", "y.npy"))
    return X[:-N_HELD], y[:-N_HELD], X[-N_HELD:], y[-N_HELD:]


def parts(X, y):
    """Yield consecutive rows."""
    for first in range(0, len(y), PART):
        yield X[first : first + PART], y[first : first + PART]


class Streamed:
    """A model that takes parts, behind transformers fitted on the first one."""

    def __init__(self, model, *front, passes=1):
        self.model, self.passes = model, passes
        self.front = make_pipeline(*front) if front else None

    def fit(self, X, y):
        if self.front is not None:
            self.front.fit(X[:PART])
        known = classes_for(self.model)
        for _ in range(self.passes):
            for rows, values in parts(X, y):
                self.model.partial_fit(self._seen(rows), values, **known)

    def predict(self, X):
        return self.model.predict(self._seen(X))

    def _seen(self, X):
        return X if self.front is None else self.front.transform(X)


class ByHand:
    """What a user writes: k-means in a first pass, then a model for each cluster."""

    def __init__(self, model):
        self.model = model

    def fit(self, X, y):
        self.scale = StandardScaler().fit(X[:PART])
        self.clusters = MiniBatchKMeans(N_EXPERTS, n_init=1, random_state=0)
        for rows, _ in parts(X, y):
            self.clusters.partial_fit(self.scale.transform(rows))
        self.models = [clone(self.model) for _ in range(N_EXPERTS)]
        known = classes_for(self.model)
        for rows, values in parts(X, y):
            for k, rows_of_k, own in self._split(rows):
                self.models[k].partial_fit(rows_of_k, values[own], **known)

    def predict(self, X):
        answer = np.empty(len(X))
        for k, rows, own in self._split(X):
            answer[own] = self.models[k].predict(rows)
        return answer

    def _split(self, X):
        X = self.scale.transform(X)
        labels = self.clusters.predict(X)
        for k in np.unique(labels):
            own = labels == k
            yield k, X[own], own


class OfSample:
    """A model fitted on as many rows as are fitted at once."""

    def __init__(self, model):
        self.model = model

    def fit(self, X, y):
        self.model.fit(X[:SAMPLE], y[:SAMPLE])

    def predict(self, X):
        return self.model.predict(X)


def classes_for(model):
    """Return what ``partial_fit`` of a classifier has to be told."""
    return {"classes": [0.0, 1.0]} if hasattr(model, "predict_proba") else {}


def models(problem):
    """Return unfitted models by name."""
    seed = {"random_state": 0}
    if problem == "regions":
        sgd = SGDClassifier(loss="log_loss", alpha=1e-6, average=True, **seed)
        network = MLPClassifier(batch_size=256, **seed)
        boosting = HistGradientBoostingClassifier(early_stopping=False, **seed)
        gated, partitioned = GatedExpertsClassifier, PartitionedExpertsClassifier
    else:
        sgd = SGDRegressor(alpha=1e-6, average=True, **seed)
        network = MLPRegressor(batch_size=256, **seed)
        boosting = HistGradientBoostingRegressor(early_stopping=False, **seed)
        gated, partitioned = GatedExpertsRegressor, PartitionedExpertsRegressor
    scaler = StandardScaler()
    ours = {"n_experts": N_EXPERTS, **seed}
    return {
        "SGD": Streamed(sgd, scaler),
        "splines, SGD": Streamed(sgd, scaler, SplineTransformer(5), StandardScaler()),
        "k-means, SGD each, by hand": ByHand(sgd),
        "neural network": Streamed(network, scaler),
        "boosting of 1M rows": OfSample(boosting),
        "gated experts": Streamed(gated(**ours), scaler),
        "gated experts, 3 passes": Streamed(gated(**ours), scaler, passes=3),
        "experts, hard": partitioned(gate="hard", top_k=1, **ours),
        "experts": partitioned(**ours),
    }
