"""Affinities of rows to cells, in plain loops, from the definitions in the docs."""

from math import inf, log

import numpy as np
from scipy.sparse import issparse
from sklearn.cluster import Birch
from sklearn.pipeline import Pipeline

from skexperts.partition import (
    ColumnPartitioner,
    FeatureGroups,
    RandomPartitioner,
    TreePartitioner,
)

FAR = -1e4


def dense(X):
    """Return X of any kind as an array of float64."""
    return np.asarray(X.toarray() if issparse(X) else X, dtype=np.float64)


def take(X, rows, columns=None):
    """Return rows, then columns, of an array, CSR, pandas or polars frame."""
    if hasattr(X, "iloc"):
        return X.iloc[rows] if columns is None else X.iloc[rows, columns]
    X = X[rows]
    return X if columns is None else X[:, columns]


# Cells --------------------------------------------------------------------------------


class Cells:
    """Affinities of rows to the cells of a fitted partitioner."""

    def __init__(self, partitioner, X, sample_weight):
        self.partitioner, self.X, self.front = partitioner, X, None
        if isinstance(partitioner, Pipeline):
            self.front, self.partitioner = partitioner[:-1], partitioner[-1]
            self.X = self.front.transform(X)
        self.rows, self.weights = dense(self.X), sample_weight
        self.noise = np.zeros(len(self.rows), dtype=bool)
        last, self.serves_all = self.partitioner, True
        self.unit = 2.0
        if isinstance(last, RandomPartitioner | FeatureGroups):
            self.n_cells = last.n_cells_
        elif isinstance(last, TreePartitioner):
            self.n_cells = len(last.leaves_)
        elif isinstance(last, ColumnPartitioner):
            self.segments, self.serves_all = last.segments_.tolist(), False
            self.n_cells = len(self.segments)
        elif not hasattr(last, "fit"):
            labels = [v for v in last(self.X).tolist() if v is not None]
            self.segments, self.serves_all = sorted(set(labels)), False
            self.n_cells = len(self.segments)
        elif hasattr(last, "cluster_centers_"):
            self._set_centers(dense(last.cluster_centers_), sample_weight)
        elif hasattr(last, "means_"):
            self._set_centers(last.means_, None)
        elif isinstance(last, Birch):
            labels = last.predict(self.X)
            members = [self.rows[labels == label] for label in sorted(set(labels))]
            self._set_centers(np.array([part.mean(axis=0) for part in members]), None)
        else:
            self._set_core_samples(last)

    def _set_centers(self, centers, weights):
        self.centers, self.n_cells = centers, len(centers)
        nearest = [min(self._to_centers(row)) for row in self.rows]
        self.unit = np.average(nearest, weights=weights)

    def _to_centers(self, row):
        return [((row - center) ** 2).sum() for center in self.centers]

    def _set_core_samples(self, last):
        self.labels = last.labels_
        if not (self.labels >= 0).any():  # One cell, instead of none.
            self.labels = np.zeros_like(self.labels)
        self.noise = self.labels < 0
        self.serves_all = not self.noise.any()
        self.n_cells = self.labels.max() + 1
        core = getattr(last, "core_sample_indices_", [])
        core = core if len(core) else range(len(self.rows))
        self.core = np.array([i for i in core if self.labels[i] >= 0])
        nearest, weights, every = [], [], []
        for i in np.flatnonzero(~self.noise):
            squares = ((self.rows[self.core] - self.rows[i]) ** 2).sum(axis=1)
            every.extend(squares)
            others = squares[self.core != i]
            if len(others):
                nearest.append(others.min())
                weights.append(1.0 if self.weights is None else self.weights[i])
        # A rounding error, if all rows are equal to another one.
        least = np.finfo(float).eps * np.mean(every)
        if nearest:
            self.unit = max(np.average(nearest, weights=weights), least) or 2.0

    def affinity(self, X):
        """Return the affinities of new rows, a list for each."""
        X = X if self.front is None else self.front.transform(X)
        rows, last = dense(X), self.partitioner
        if isinstance(last, RandomPartitioner | FeatureGroups):
            return [[-inf] * self.n_cells for _ in rows]
        if isinstance(last, TreePartitioner):
            # A tree reads float32.
            return [self._of_leaf(leaf) for leaf in last.estimator_.apply(rows)]
        if not hasattr(last, "fit"):
            return [self._of_segment(value) for value in last(X).tolist()]
        if isinstance(last, ColumnPartitioner):
            return [self._of_segment(row[last.column]) for row in rows]
        if hasattr(last, "cluster_centers_"):
            return [self._of_distances(self._to_centers(row)) for row in rows]
        if hasattr(last, "predict"):
            soft = hasattr(last, "predict_proba")
            shares = last.predict_proba(X) if soft else self._predicted(X)
            return [
                [log(p) if p > 0 else FAR + far for p, far in zip(*pair, strict=True)]
                for pair in zip(
                    shares,
                    (self._of_distances(self._to_centers(row)) for row in rows),
                    strict=True,
                )
            ]
        return [self._of_core_samples(row, new=True) for row in rows]

    def training_affinity(self):
        """Return the affinities of the training rows."""
        last = self.partitioner
        if isinstance(last, RandomPartitioner):
            n = self.n_cells
            return [[FAR * ((k - own) % n) for k in range(n)] for own in last.labels_]
        if hasattr(self, "labels"):
            return [
                [-inf] * self.n_cells if noise else self._of_core_samples(row)
                for row, noise in zip(self.rows, self.noise, strict=True)
            ]
        front, self.front = self.front, None
        affinity = self.affinity(self.X)
        self.front = front
        return affinity

    def _of_distances(self, squares):
        return [-2 * square / self.unit for square in squares]

    def _of_segment(self, value):
        return [0.0 if value == segment else -inf for segment in self.segments]

    def _predicted(self, X):
        labels = self.partitioner.predict(X)
        known = sorted(set(self.partitioner.predict(self.X)))
        return [[float(label == cell) for cell in known] for label in labels]

    def _of_leaf(self, own):
        tree, last = self.partitioner.estimator_.tree_, self.partitioner
        parent = {}
        for node in range(tree.node_count):
            for child in (tree.children_left[node], tree.children_right[node]):
                parent[child] = node

        def path(node):
            nodes = [node]
            while nodes[-1] in parent:
                nodes.append(parent[nodes[-1]])
            return nodes

        return [
            FAR * next(up for up, node in enumerate(path(own)) if node in path(leaf))
            for leaf in last.leaves_
        ]

    def _of_core_samples(self, row, new=False):
        squares = ((self.rows - row) ** 2).sum(axis=1)
        labels = self.labels[self.core]
        near = [squares[self.core[labels == k]].min() for k in range(self.n_cells)]
        if new and self.noise.any() and squares[self.noise].min() < min(near):
            return [-inf] * self.n_cells
        return self._of_distances(near)


def merge(affinity, min_size, serves_all):
    """Return the cells that have an expert: small ones go, the smallest first."""
    live = list(range(len(affinity[0])))
    # A shared expert serves the rows of the last cell, if that is small too.
    while len(live) > serves_all:
        counts = dict.fromkeys(live, 0)
        for row in affinity:
            best = max(row[k] for k in live)
            if best > -inf:
                counts[next(k for k in live if row[k] == best)] += 1
            elif serves_all:
                counts = {k: count + 1 for k, count in counts.items()}
        smallest = min(live, key=lambda k: (counts[k], k))
        if counts[smallest] >= min_size:
            break
        live.remove(smallest)
    return live
