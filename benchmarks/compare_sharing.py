"""Shared models with sparse deviations against separate models and a global one.

Segments of ``make_piecewise_classification``, known to all methods (the nearest of the
true centres), so that only the fit differs. C and the penalty of deviations are chosen
by 5-fold cross-validation on the training rows, the same folds and values of C for all.
Accuracy on 1000 test rows a segment, mean over the seeds; differences to "deviation"
are paired by seed.

How many experts: what ``n_experts="auto"`` finds on rows of one linear model, without
segments, and on rows of 8 segments, where the score on new rows is next to that of one
expert and of the best fixed number.

LETTER and satimage: accuracy on the official test rows by penalty, k-means cells and
the distance gate, C for each penalty by a fifth of the training rows held out.

    python -m benchmarks.compare_sharing [--quick] [--json FILE]
"""

import argparse
import json
import time
import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import pairwise_distances_argmin
from sklearn.model_selection import GridSearchCV, ShuffleSplit, StratifiedKFold
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from benchmarks.data import load_split
from benchmarks.n_experts import compare_n_experts, print_n_experts
from skexperts import PartitionedExpertsClassifier
from skexperts.datasets import make_piecewise_classification
from skexperts.svm import L1SVC

N_SEGMENTS = 8
N_ROWS, N_TEST = 100, 1000
CS = [0.01, 0.03, 0.1, 0.3, 1.0]
PENALTIES = [0.1, 0.2, 0.35, 0.5, 0.7, 1.0, 1.5]
REGIMES = {
    "different": {"n_features": 30, "heterogeneity": 0.3, "noise": 0.1},
    "similar": {"n_features": 30, "heterogeneity": 0.15, "noise": 0.2},
    "similar, noisy": {"n_features": 30, "heterogeneity": 0.1, "noise": 0.4},
    "unrelated": {"n_features": 20, "heterogeneity": 1.0, "noise": 0.0},
}


def draw(regime, seed):
    """Return training and test rows, and the function that tells segments."""
    X, y, model = make_piecewise_classification(
        N_SEGMENTS * (N_ROWS + N_TEST),
        n_regions=N_SEGMENTS,
        return_model=True,
        random_state=seed,
        **REGIMES[regime],
    )

    def segments(X):
        return pairwise_distances_argmin(X, model.centers)

    parts = [np.flatnonzero(segments(X) == k) for k in range(N_SEGMENTS)]
    train = np.concatenate([own[:N_ROWS] for own in parts])
    test = np.concatenate([own[N_ROWS:] for own in parts])
    return X[train], y[train], X[test], y[test], segments


def compare_segments(regime, seed, Cs, penalties):
    """Return the accuracy on the test rows of every method."""
    X, y, X_test, y_test, segments = draw(regime, seed)
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    folds = list(folds.split(X, 2 * segments(X) + y))

    def search(model, **grid):
        return GridSearchCV(model, grid, cv=folds).fit(X, y)

    separate = PartitionedExpertsClassifier(L1SVC(), partitioner=segments)
    deviation = PartitionedExpertsClassifier(
        L1SVC(), partitioner=segments, sharing="deviation"
    )
    shared = {
        p: search(deviation, expert__C=Cs, deviation_penalty=[p]) for p in penalties
    }
    chosen = max(penalties, key=lambda p: shared[p].best_score_)
    own_C = GridSearchCV(
        L1SVC(), {"C": Cs}, cv=StratifiedKFold(5, shuffle=True, random_state=0)
    )
    models = {
        "deviation": shared[chosen],
        "separate": search(separate, expert__C=Cs),
        "separate, a C each": separate.set_params(expert=own_C).fit(X, y),
        "global": search(L1SVC(), C=Cs),
        **{f"penalty {p:g}": model for p, model in shared.items()},
    }
    return {
        **{name: model.score(X_test, y_test) for name, model in models.items()},
        "chosen penalty": chosen,
        "chosen C": shared[chosen].best_params_["expert__C"],
    }


def print_segments(regime, rows):
    print(f"\n{regime}: {REGIMES[regime]}, {len(rows)} seeds")
    print(f"{'method':<20}{'accuracy':>10}{'deviation - it':>16}{'s.e.':>8}{'wins':>6}")
    best = np.array([row["deviation"] for row in rows])
    for name in rows[0]:
        values = np.array([row[name] for row in rows])
        if name.startswith("chosen"):
            print(f"{name:<20}{np.median(values):>10g} (median)")
            continue
        lead = best - values
        error = lead.std(ddof=1) / np.sqrt(len(lead))
        print(
            f"{name:<20}{values.mean():>10.4f}{lead.mean():>16.4f}{error:>8.4f}"
            f"{np.count_nonzero(lead > 0):>6d}",
            flush=True,
        )


def compare_cells(name, n_experts):
    """Yield the accuracy by penalty on k-means cells, None for separate models."""
    X, y, X_test, y_test = load_split(name)
    scaler = StandardScaler().fit(X)
    X, X_test = scaler.transform(X), scaler.transform(X_test)
    for penalty in (None, 0.2, 0.5, 1.0, 2.0):
        start = time.perf_counter()
        model = PartitionedExpertsClassifier(
            L1SVC(), n_experts=n_experts, random_state=0
        )
        if penalty is not None:
            model.set_params(sharing="deviation", deviation_penalty=penalty)
        search = GridSearchCV(
            model,
            {"expert__C": [0.03, 0.1, 0.3]},
            cv=ShuffleSplit(1, test_size=0.2, random_state=0),
        ).fit(X, y)
        yield {
            "data": name,
            "n_experts": n_experts,
            "penalty": penalty,
            "C": search.best_params_["expert__C"],
            "accuracy": search.score(X_test, y_test),
            "seconds": time.perf_counter() - start,
        }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="less than a minute")
    parser.add_argument("--seeds", type=int, help="number of seeds")
    parser.add_argument("--json", metavar="FILE")
    arguments = parser.parse_args()
    quick = arguments.quick
    n_seeds = arguments.seeds or (2 if quick else 20)
    grids = (CS[::2], PENALTIES[1::2]) if quick else (CS, PENALTIES)
    results = []
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.filterwarnings("ignore", message=".* min_cell_size")
        for regime in REGIMES:
            rows = [compare_segments(regime, seed, *grids) for seed in range(n_seeds)]
            print_segments(regime, rows)
            results += [
                {"regime": regime, "seed": seed, **row} for seed, row in enumerate(rows)
            ]
        print('\nn_experts="auto": number of experts: how many seeds')
        for row in compare_n_experts(quick):
            results.append(row)
            print_n_experts(row)
        if not quick:
            print(f"\n{'data':<12}{'cells':>6}{'penalty':>9}{'C':>6}{'accuracy':>10}")
            for data, n_experts in (("satimage", 16), ("letter", 16)):
                for row in compare_cells(data, n_experts):
                    results.append(row)
                    print(
                        f"{data:<12}{n_experts:>6}{row['penalty'] or 'none':>9}"
                        f"{row['C']:>6}{row['accuracy']:>10.4f}",
                        flush=True,
                    )
    if arguments.json:
        with open(arguments.json, "w") as file:
            json.dump(results, file, indent=1)


if __name__ == "__main__":
    main()
