"""Gates and rounds of alternation on the same number of linear experts.

Accuracy on the official test rows, with the official training rows, in per cent, for
several seeds of k-means; where there is no such split, and R^2 of regressions, on
random fifths of the rows, one for each seed. The C of the experts is chosen for plain
k-means cells (the hard gate), by 3-fold cross-validation on the training rows of the
first seed, and is the same for all. Leads over plain cells are paired by seed. One
thread each, features and values of y standardised on the training rows.

    python -m benchmarks.compare_partitions [--quick] [--seeds N] [--json FILE] [DATA]
"""

import argparse
import json
import time
import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, KFold, train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from threadpoolctl import threadpool_limits

from benchmarks.data import has_split, load, load_split
from skexperts import PartitionedExpertsClassifier, PartitionedExpertsRegressor
from skexperts.gating import SigmoidGate, SoftmaxGate
from skexperts.svm import L1SVC, L1SVR

CELLS = {
    "letter": (64, 150),
    "satimage": (16,),
    "usps": (16,),
    "mnist": (16,),
    "pol": (64,),
    "california_housing": (64,),
    "bike_sharing": (64,),
    "abalone": (16,),
}
REGRESSION = {"pol", "california_housing", "bike_sharing", "abalone"}
MOST_ROWS = {"mnist": 10000}
CS = [0.01, 0.03, 0.1, 0.3, 1.0, 3.0]
PLAIN = "plain cells"
ROUTES = {
    PLAIN: {"gate": "hard"},
    "distance": {"gate": "distance"},
    "softmax": {"gate": "softmax"},
    "sigmoid": {"gate": "sigmoid"},
    "softmax, 3 rounds": {"gate": "softmax", "n_rounds": 3},
    "competence": {"gate": SoftmaxGate(target="competence")},
    "competence, 3 rounds": {"gate": SoftmaxGate(target="competence"), "n_rounds": 3},
    "sigmoid competence": {"gate": SigmoidGate(target="competence")},
}


def split(name, seed):
    """Return ``X, y, X_test, y_test``."""
    if has_split(name):
        X, y, X_test, y_test = load_split(name)
        rows = MOST_ROWS.get(name)
        return X[:rows], y[:rows], X_test, y_test
    X, y = load(name)
    X, X_test, y, y_test = train_test_split(X, y, test_size=0.2, random_state=seed)
    if name not in REGRESSION:
        return X, y, X_test, y_test
    mean, std = y.mean(), y.std()
    return X, (y - mean) / std, X_test, (y_test - mean) / std


def models(name, n_experts, C):
    """Yield names and models, that of the plain cells first."""
    regression = name in REGRESSION
    one = L1SVR(C=C) if regression else L1SVC(C=C)
    ensemble = (
        PartitionedExpertsRegressor if regression else PartitionedExpertsClassifier
    )
    for route, parameters in ROUTES.items():
        yield route, ensemble(one, n_experts=n_experts, **parameters)
    yield "one expert", one
    if not regression:
        yield "SVC rbf, C=10", SVC(C=10)


def scaled(model):
    return Pipeline([("scale", StandardScaler()), ("model", model)])


def choose_C(name, n_experts, Cs):
    """Return the C that suits plain cells best."""
    X, y, _, _ = split(name, 0)
    _, plain = next(models(name, n_experts, None))
    search = GridSearchCV(
        scaled(plain.set_params(random_state=0)),
        {"model__expert__C": Cs},
        cv=KFold(3, shuffle=True, random_state=0),
        refit=False,
    )
    return search.fit(X, y).best_params_["model__expert__C"]


def measure(name, model, n_seeds):
    """Return the score for each seed in per cent, and mean times."""
    scores, seconds, row_seconds = [], [], []
    for seed in range(n_seeds):
        X, y, X_test, y_test = split(name, seed)
        if "random_state" in model.get_params():
            model.set_params(random_state=seed)
        pipeline = scaled(model)
        start = time.perf_counter()
        pipeline.fit(X, y)
        fitted = time.perf_counter()
        scores.append(100 * pipeline.score(X_test, y_test))
        seconds.append(fitted - start)
        row_seconds.append((time.perf_counter() - fitted) / len(X_test))
    return {
        "scores": scores,
        "fit_seconds": float(np.mean(seconds)),
        "us_per_row": 1e6 * float(np.mean(row_seconds)),
    }


def compare(name, n_experts, n_seeds, Cs):
    """Yield a row for each model, with its lead over plain cells."""
    C = choose_C(name, n_experts, Cs)
    plain = None
    for route, model in models(name, n_experts, C):
        row = measure(name, model, n_seeds)
        if plain is None:
            plain = np.array(row["scores"])
        yield {
            "data": name,
            "n_experts": n_experts,
            "C": C,
            "model": route,
            **row,
            "mean": float(np.mean(row["scores"])),
            "std_error": std_error(row["scores"]),
            "lead": float(np.mean(row["scores"] - plain)),
            "lead_std_error": std_error(row["scores"] - plain),
        }


def std_error(values):
    if len(values) < 2:
        return np.nan
    return float(np.std(values, ddof=1) / np.sqrt(len(values)))


def print_row(row):
    print(
        f"{row['data']:<20}{row['n_experts']:>4}{row['C']:>6g}  {row['model']:<22}"
        f"{row['mean']:>7.2f}{row['std_error']:>6.2f}{row['lead']:>8.2f}"
        f"{row['lead_std_error']:>6.2f}{row['fit_seconds']:>8.1f}"
        f"{row['us_per_row']:>8.0f}",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", nargs="*", metavar="DATA", help=", ".join(CELLS))
    parser.add_argument("--quick", action="store_true", help="less than a minute")
    parser.add_argument("--seeds", type=int, help="number of seeds")
    parser.add_argument("--json", metavar="FILE")
    arguments = parser.parse_args()
    quick = arguments.quick
    names = arguments.data or (["satimage", "abalone"] if quick else CELLS)
    n_seeds = arguments.seeds or (1 if quick else 3)
    results = []
    print(
        f"{'data':<20}{'k':>4}{'C':>6}  {'model':<22}{'score':>7}{'s.e.':>6}"
        f"{'lead':>8}{'s.e.':>6}{'fit s':>8}{'us/row':>8}"
    )
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.filterwarnings("ignore", message=".* min_cell_size")
        for name in names:
            for n_experts in CELLS[name]:
                Cs = [0.03, 0.3] if quick else CS
                for row in compare(name, n_experts, n_seeds, Cs):
                    results.append(row)
                    print_row(row)
    if arguments.json:
        with open(arguments.json, "w") as file:
            json.dump(results, file, indent=1)


if __name__ == "__main__":
    main()
