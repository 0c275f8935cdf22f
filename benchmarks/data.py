"""Benchmark data: from the folder SKEXPERTS_DATA_DIR if it is set, else from OpenML.

A file ``NAME.npz`` in the folder holds ``X_train, y_train, X_test, y_test``, or ``X,
y``.
"""

import os
from pathlib import Path

import numpy as np
from sklearn.datasets import fetch_openml

from skexperts.datasets import load_letter

_OPENML = {
    "abalone": {"name": "abalone", "version": 1},
    "bike_sharing": {"name": "Bike_Sharing_Demand", "version": 2},
    "california_housing": {"name": "california_housing", "version": 8},
    "pol": {"name": "pol", "version": 1},
}


def load(name):
    """Return ``X, y`` as float64 and the original target, training rows first."""
    if name == "letter":
        return load_letter(return_X_y=True)
    folder = os.environ.get("SKEXPERTS_DATA_DIR")
    if folder is None:
        X, y = fetch_openml(**_OPENML[name], return_X_y=True, parser="auto")
        return X.select_dtypes("number").to_numpy(np.float64), y.to_numpy()
    with np.load(Path(folder) / f"{name}.npz") as file:
        if "X" in file:
            return file["X"].astype(np.float64), file["y"]
        X = np.concatenate([file["X_train"], file["X_test"]])
        return X.astype(np.float64), np.concatenate([file["y_train"], file["y_test"]])
