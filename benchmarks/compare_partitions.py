"""Partitioned linear experts against one model and against hard cells.

LETTER: accuracy on the 4000 test rows. Regression sets: RMSE by 5-fold
cross-validation, mean and standard deviation over the folds. The same cells for hard
and soft routing, one thread each, features standardised on the training rows.

    python -m benchmarks.compare_partitions [--quick] [--json FILE]
"""

import argparse
import json
import time
import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Lasso
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC
from threadpoolctl import threadpool_limits

from benchmarks.data import load
from skexperts import PartitionedExpertsClassifier, PartitionedExpertsRegressor

REGRESSION = ["california_housing", "abalone", "bike_sharing", "pol"]


def classifiers():
    yield "LinearSVC l1", LinearSVC(penalty="l1", dual=False, random_state=0)
    yield "SVC rbf, C=10", SVC(C=10)
    for gate in ("hard", "distance"):
        model = PartitionedExpertsClassifier(n_experts=150, gate=gate, random_state=0)
        yield f"150 experts, {gate}", model


def regressors(cells):
    yield "Lasso", Lasso(alpha=1e-2)
    for n_experts in cells:
        for gate in ("hard", "distance"):
            model = PartitionedExpertsRegressor(
                n_experts=n_experts, gate=gate, random_state=0
            )
            yield f"{n_experts} experts, {gate}", model


def measure(name, model, folds, score):
    scores, fit_seconds, row_seconds = [], 0.0, []
    for X, y, X_test, y_test in folds:
        pipeline = make_pipeline(StandardScaler(), model)
        start = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            warnings.filterwarnings("ignore", message=".* min_cell_size")
            pipeline.fit(X, y)
        fitted = time.perf_counter()
        scores.append(score(y_test, pipeline.predict(X_test)))
        row_seconds.append((time.perf_counter() - fitted) / len(X_test))
        fit_seconds += fitted - start
    return {
        "model": name,
        "score": float(np.mean(scores)),
        "std": float(np.std(scores)),
        "fit_seconds": fit_seconds / len(scores),
        "us_per_row": 1e6 * float(np.median(row_seconds)),
    }


def accuracy(y_true, y_pred):
    return np.mean(y_true == y_pred)


def rmse(y_true, y_pred):
    return np.sqrt(np.mean((y_true - y_pred) ** 2))


def compare(quick):
    X, y = load("letter")
    folds = [(X[:16000], y[:16000], X[16000:], y[16000:])]
    rows = [("letter", measure(*m, folds, accuracy)) for m in classifiers()]
    yield from rows
    for data in REGRESSION[: 1 if quick else None]:
        X, y = load(data)
        y = y.astype(np.float64)
        splits = KFold(5, shuffle=True, random_state=0).split(X)
        folds = [(X[a], y[a], X[b], y[b]) for a, b in splits]
        for model in regressors((64,) if quick else (8, 64, 150, 300)):
            yield data, measure(*model, folds, rmse)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="less than a minute")
    parser.add_argument("--json", metavar="FILE")
    arguments = parser.parse_args()
    results = []
    print(f"{'data':<20}{'model':<24}{'score':>9}{'std':>8}{'fit s':>8}{'us/row':>9}")
    with threadpool_limits(1):
        for data, row in compare(arguments.quick):
            results.append({"data": data, **row})
            print(
                f"{data:<20}{row['model']:<24}{row['score']:>9.4f}{row['std']:>8.4f}"
                f"{row['fit_seconds']:>8.2f}{row['us_per_row']:>9.1f}",
                flush=True,
            )
    if arguments.json:
        with open(arguments.json, "w") as file:
            json.dump(results, file, indent=1)


if __name__ == "__main__":
    main()
