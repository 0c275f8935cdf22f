"""Benchmark data: from the folder SKEXPERTS_DATA_DIR if it is set, else from OpenML.

A file ``NAME.npz`` in the folder holds ``X_train, y_train, X_test, y_test``, or ``X,
y``. A text set ``NAME.csv.gz`` holds ``label, text`` and maybe ``split``; it comes from
the folder only.
"""

import os
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.sparse import issparse
from sklearn.cluster import KMeans
from sklearn.datasets import fetch_openml
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from skexperts.datasets import load_letter

_OPENML = {
    "abalone": {"name": "abalone", "version": 1},
    "bike_sharing": {"name": "Bike_Sharing_Demand", "version": 2},
    "california_housing": {"name": "california_housing", "version": 8},
    "pol": {"name": "pol", "version": 1},
    "usps": {"name": "USPS", "version": 2},
    "satimage": {"name": "satimage", "version": 1},
    "a9a": {"name": "a9a", "version": 1},
    "connect4_binary": {"name": "connect-4", "version": 2},
    "mnist": {"name": "mnist_784", "version": 1},
}
# The official numbers of training rows, which come first.
_TRAIN_ROWS = {
    "letter": 16000,
    "usps": 7291,
    "satimage": 4435,
    "a9a": 32561,
    "mnist": 60000,
    "fsdd_logmel": 2700,
}


def load(name):
    """Return ``X, y`` as float64 and the original target, training rows first."""
    if name == "letter":
        return load_letter(return_X_y=True)
    folder = os.environ.get("SKEXPERTS_DATA_DIR")
    if folder is None:
        X, y = fetch_openml(**_OPENML[name], return_X_y=True, parser="auto")
        if name == "connect4_binary":
            return _connect4_binary(X.to_numpy(np.float64), y.to_numpy())
        if issparse(X):
            return X.toarray().astype(np.float64), np.asarray(y)
        return X.select_dtypes("number").to_numpy(np.float64), y.to_numpy()
    with np.load(Path(folder) / f"{name}.npz") as file:
        if "X" in file:
            return file["X"].astype(np.float64), file["y"]
        X = np.concatenate([file["X_train"], file["X_test"]])
        return X.astype(np.float64), np.concatenate([file["y_train"], file["y_test"]])


def _connect4_binary(X, y):
    """Code blanks, most of all cells, as 0, and the first player's loss as class 1."""
    codes, counts = np.unique(X, return_counts=True)
    first, second = np.delete(codes, counts.argmax())
    labels, counts = np.unique(y, return_counts=True)
    loss = labels[np.argsort(counts)[-2]]  # wins are more frequent, draws less
    return 1.0 * (first == X) - (second == X), (y == loss).astype(int)


def has_split(name):
    """Whether the set has an official split into training and test rows."""
    return name in _TRAIN_ROWS


def load_split(name):
    """Return ``X, y, X_test, y_test``: the official split, or a stratified 80/20."""
    X, y = load(name)
    rows = _TRAIN_ROWS.get(name)
    if rows is not None:
        return X[:rows], y[:rows], X[rows:], y[rows:]
    X, X_test, y, y_test = train_test_split(
        X, y, test_size=0.2, random_state=0, stratify=y
    )
    return X, y, X_test, y_test


def load_tfidf(name):
    """Return ``X, y, X_test, y_test`` with TF-IDF features of the training texts."""
    import pandas as pd

    folder = os.environ.get("SKEXPERTS_DATA_DIR")
    path = Path(folder or "") / f"{name}.csv.gz"
    if folder is None or not path.exists():
        raise FileNotFoundError(f"{name}.csv.gz is read from SKEXPERTS_DATA_DIR only")
    table = pd.read_csv(path, keep_default_na=False)
    if "split" in table:
        train, test = (table[table["split"] == part] for part in ("train", "test"))
    else:
        train, test = train_test_split(
            table, test_size=0.2, random_state=0, stratify=table["label"]
        )
    vectorizer = TfidfVectorizer()
    X = vectorizer.fit_transform(train["text"])
    X_test = vectorizer.transform(test["text"])
    return X, train["label"].to_numpy(), X_test, test["label"].to_numpy()


def make_short(sparse):
    """Return ``X, y, X_test, y_test``: 200 + 200 rows, 20000 features, 50 used."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((400, 20000))
    if sparse:
        X[rng.random(X.shape) > 0.05] = 0
    y = (X[:, :50] @ rng.standard_normal(50) > 0).astype(int)
    return X[:200], y[:200], X[200:], y[200:]


def load_patches(name, side, n_patches, n_test=0):
    """Return training and test patches of the images, flat ones left out.

    The range of the pixels is 1; the mean of a patch is removed.
    """
    rng = np.random.default_rng(0)
    X, _, X_test, _ = load_split(name)
    parts = []
    for images, n in ((X, n_patches), (X_test, n_test)):
        width = int(np.sqrt(images.shape[1]))
        images = images.reshape(-1, width, width)
        windows = sliding_window_view(images, (side, side), axis=(1, 2))
        at = rng.integers(windows.shape[:3], size=(3 * n, 3))
        patches = windows[tuple(at.T)].reshape(-1, side * side) / np.ptp(X)
        patches -= patches.mean(axis=1, keepdims=True)
        parts.append(patches[patches.std(axis=1) > 0.05][:n])
    return parts


def make_codable(n_rows, n_features, n_atoms):
    """Return rows, sums of 6 of the random atoms of norm 1 and noise, and the atoms."""
    rng = np.random.default_rng(0)
    atoms = rng.standard_normal((n_atoms, n_features))
    atoms /= np.linalg.norm(atoms, axis=1)[:, None]
    X = rng.standard_normal((n_rows, n_features)) * 0.1 / np.sqrt(n_features)
    for _ in range(6):
        X += (
            rng.standard_normal((n_rows, 1)) * atoms[rng.integers(n_atoms, size=n_rows)]
        )
    return X, atoms


def load_letter_cells(n_cells):
    """Return ``X, y, X_test, y_test`` of each cell of LETTER, standardised.

    Cells of one class and cells without test rows are left out.
    """
    X, y, X_test, y_test = load_split("letter")
    scaler = StandardScaler().fit(X)
    X, X_test = scaler.transform(X), scaler.transform(X_test)
    kmeans = KMeans(n_cells, random_state=0).fit(X)
    test_cell, parts = kmeans.predict(X_test), []
    for k in range(n_cells):
        rows, test = kmeans.labels_ == k, test_cell == k
        if test.any() and len(np.unique(y[rows])) > 1:
            parts.append((X[rows], y[rows], X_test[test], y_test[test]))
    return parts
