"""PartitionedExperts and its peers: score, seconds of fit, microseconds a row.

Settings are chosen on the training rows only, by 3-fold cross-validation: up to six for
each model (benchmarks/peers.py), in order, until ``--budget`` seconds are over. Scores
are accuracy in per cent on the official test rows, or, where there is no such split, on
a random fifth of the rows for each seed, with settings of its own; for regression the
RMSE. Targets of regressions are standardised for all. Seconds of fit are without the
search, the best of 3 if below 1; a row is one of a batch of all test rows, or alone.
One thread, the seconds of which are counted: other work on the machine matters little.

With ``--json FILE``, what is in the file is not measured again.

    python -m benchmarks.compare_experts [--quick] [--data NAME ...] [--models NAME ...]
        [--seeds N] [--budget SECONDS] [--json FILE]
"""

import argparse
import json
import time
import warnings
from pathlib import Path
from textwrap import shorten

import numpy as np
from scipy.sparse import issparse
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.metrics import accuracy_score, root_mean_squared_error
from sklearn.model_selection import KFold, train_test_split
from sklearn.preprocessing import FunctionTransformer, StandardScaler, normalize
from threadpoolctl import threadpool_limits

from benchmarks.data import has_split, load, load_split, load_tfidf
from benchmarks.experts_report import found_before, losses, print_row, targets
from benchmarks.peers import REASONS, models
from skexperts.datasets import make_piecewise_classification, make_piecewise_regression

REGRESSION = [
    "california_housing",
    "bike_sharing",
    "abalone",
    "pol",
    "piecewise_regression",
]
CLASSIFICATION = [
    "letter",
    "satimage",
    "usps",
    "mnist",
    "a9a",
    "connect4_binary",
    "banking77",
    "piecewise",
]
QUICK = ["satimage", "piecewise", "abalone", "piecewise_regression"]
MOST_ROWS = 16000
FEWER_ROWS = {"mnist": 10000, "a9a": 10000, "connect4_binary": 10000}
# Images, roots normalised: so many principal components for all models.
COMPONENTS = {"usps": 64, "mnist": 64}
FASTER = 1.0  # Fits below so many seconds are repeated.


def split(name, seed, most_rows):
    """Return ``X, y, X_test, y_test``."""
    if name == "banking77":
        return load_tfidf(name)
    if has_split(name):
        X, y, X_test, y_test = load_split(name)
    else:
        X, y = make_piecewise(name, seed) if "piecewise" in name else load(name)
        X, X_test, y, y_test = train_test_split(X, y, test_size=0.2, random_state=seed)
    if len(y) > most_rows:
        few = np.random.default_rng(seed).permutation(len(y))[:most_rows]
        X, y = X[few], y[few]
    if name in COMPONENTS:
        X, X_test = (normalize(np.sqrt(rows - X.min())) for rows in (X, X_test))
        # The mean variance of the components is then about 1, as of other features.
        scale = np.sqrt(X.var(axis=0).sum() / COMPONENTS[name])
        X, X_test = X / scale, X_test / scale
    if name in REGRESSION:
        mean, scale = y.mean(), y.std()
        y = (y - mean) / scale
        y_test = (y_test - mean) / scale
    return X, y, X_test, y_test


def make_piecewise(name, seed):
    make = make_piecewise_classification
    if name in REGRESSION:
        make = make_piecewise_regression
    return make(10000, heterogeneity=0.5, noise=0.1, random_state=seed)


def unit(name, seed):
    """Return in what the score of a regression is measured."""
    if name not in REGRESSION or "piecewise" in name:
        return 1.0
    _, y = load(name)
    return float(train_test_split(y, test_size=0.2, random_state=seed)[0].std())


def front(name, X):
    """Return what comes before all models."""
    if issparse(X):
        return FunctionTransformer(accept_sparse=True)
    if name in COMPONENTS:
        return PCA(COMPONENTS[name], random_state=0)
    return StandardScaler()


def loss(name, model, X, y):
    """Return the error rate, or the RMSE."""
    if name in REGRESSION:
        return root_mean_squared_error(y, model.predict(X))
    return 1 - accuracy_score(y, model.predict(X))


def search(name, model, settings, X, y, budget):
    """Return the best setting, and how many were compared within the seconds.

    None are compared if the first of all fits takes over a third of them.
    """
    if len(settings) == 1 or not budget:
        return settings[0], 0
    folds = list(KFold(3, shuffle=True, random_state=0).split(X))
    start, found = time.process_time(), []
    for setting in settings:
        candidate, errors = clone(model).set_params(**setting), []
        for train, test in folds:
            one = clone(candidate).fit(X[train], y[train])
            errors.append(loss(name, one, X[test], y[test]))
            seconds = time.process_time() - start
            if not found and 3 * seconds > budget:
                return settings[0], 0
        found.append(np.mean(errors))
        if seconds > budget:
            break
    return settings[int(np.argmin(found))], len(found)


def best_seconds(call, repeats):
    """Return the least seconds of some calls."""
    seconds = []
    for _ in range(repeats):
        start = time.process_time()
        call()
        seconds.append(time.process_time() - start)
    return min(seconds)


def measure(name, model, settings, part, budget):
    """Return score, times and setting on one split."""
    setting, n_tried = search(name, model, settings, *part[:2], budget)
    model = clone(model).set_params(**setting)
    return timed(name, model, part) | {"setting": setting, "n_tried": n_tried}


def timed(name, model, part):
    """Fit a model, and return its score and times."""
    X, y, X_test, y_test = part
    seconds = best_seconds(lambda: model.fit(X, y), 1)
    if seconds < FASTER:
        seconds = min(seconds, best_seconds(lambda: model.fit(X, y), 2))
    batch = best_seconds(lambda: model.predict(X_test), 1)
    batch = min(
        batch, best_seconds(lambda: model.predict(X_test), 4 if batch < 1 else 1)
    )
    row = X_test[:1]
    return {
        "loss": float(loss(name, model, X_test, y_test)),
        "fit": seconds,
        "us_row": 1e6 * batch / len(y_test),
        "us_single": 1e6 * best_seconds(lambda: model.predict(row), 20),
    }


def kinds(X, y, regression):
    """Return what of the data a model may not take, or not in time."""
    found = {"sparse"} if issparse(X) else set()
    return found | ({"many classes"} if not regression and len(set(y)) > 20 else set())


def compare(name, n_seeds, budget, most_rows, wanted, known):
    """Yield a row for each model that is not known yet."""
    if has_split(name) or name == "banking77":
        n_seeds = 1
    parts, regression = [], name in REGRESSION
    for seed in range(n_seeds):
        X, y, X_test, y_test = split(name, seed, most_rows)
        before = front(name, X).fit(X)
        parts.append((before.transform(X), y, before.transform(X_test), y_test))
    X, y = parts[0][:2]
    for model_name, (model, settings) in models(*X.shape, regression).items():
        if (name, model_name) in known or (wanted and model_name not in wanted):
            continue
        row = {"data": name, "model": model_name, "regression": regression}
        row |= {"n_rows": X.shape[0], "n_features": X.shape[1]}
        reasons = [REASONS.get((model_name, kind)) for kind in kinds(X, y, regression)]
        if any(reasons):
            yield row | {"reason": next(filter(None, reasons))}
            continue
        try:
            runs = [measure(name, model, settings, part, budget) for part in parts]
        except (TypeError, ValueError) as error:
            yield row | {"reason": short(error)}
            continue
        units = [unit(name, seed) if regression else 100.0 for seed in range(n_seeds)]
        losses = [u * run["loss"] for u, run in zip(units, runs, strict=True)]
        scores = losses if regression else [100 - value for value in losses]
        times = {k: float(np.mean([run[k] for run in runs])) for k in TIMES}
        row |= {"score": float(np.mean(scores)), "scores": scores, **times}
        yield row | {k: [run[k] for run in runs] for k in ("setting", "n_tried")}


TIMES = ("fit", "us_row", "us_single")


def short(error):
    """Return what an error says, in a few words."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    text = next((li for li in reversed(lines) if "Error:" in li), lines[0])
    return shorten(text.split(". ")[0], 90, placeholder=" ...")


def parser_of(description, names):
    """Return the parser of what this benchmark and ``compare_gated`` are asked for."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="about a minute")
    parser.add_argument("--data", nargs="+", metavar="NAME", choices=names)
    parser.add_argument("--models", nargs="+", metavar="NAME", help="whole names")
    parser.add_argument("--budget", type=float, default=8, help="of a search, in s")
    parser.add_argument("--json", metavar="FILE")
    return parser


def main():
    names = CLASSIFICATION + REGRESSION
    parser = parser_of(__doc__, names)
    parser.add_argument("--seeds", type=int, help="5, or 1 with --quick")
    arguments = parser.parse_args()
    quick = arguments.quick
    n_seeds = arguments.seeds or (1 if quick else 5)
    file = Path(arguments.json) if arguments.json else None
    found = found_before(file)
    rows = found["rows"]
    known = {(row["data"], row["model"]) for row in rows}
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in arguments.data or (QUICK if quick else names):
            most_rows = 2000 if quick else FEWER_ROWS.get(name, MOST_ROWS)
            budget = 0 if quick else arguments.budget
            for row in compare(
                name, n_seeds, budget, most_rows, arguments.models, known
            ):
                rows.append(row)
                print_row(row)
                if file:
                    file.write_text(json.dumps(found, indent=1))
    print("\n".join(["", *losses(rows), "", *targets(rows)]))


if __name__ == "__main__":
    main()
