"""Shared models with sparse deviations against separate models and a global one.

Segments of ``make_piecewise_classification``, known to all methods, so that only the
fit differs. C and the penalty of deviations are chosen by 5-fold cross-validation on
the training rows, the same folds and values of C for all. Accuracy on 1000 test rows a
segment, mean over the seeds; differences to "deviation" are paired by seed.

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
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from benchmarks.data import load_split
from skexperts import PartitionedExpertsClassifier
from skexperts.datasets import make_piecewise_classification
from skexperts.ensemble._sharing import fit_deviations  # noqa: PLC2701
from skexperts.svm import L1SVC

N_SEGMENTS = 8
N_TEST = 1000
CS = [0.01, 0.03, 0.1, 0.3, 1.0, 3.0]
PENALTIES = [0.1, 0.2, 0.35, 0.5, 0.7, 1.0, 1.5]
REGIMES = {
    "different": {"n_features": 30, "heterogeneity": 0.3, "noise": 0.1},
    "similar": {"n_features": 30, "heterogeneity": 0.15, "noise": 0.2},
    "similar, noisy": {"n_features": 30, "heterogeneity": 0.1, "noise": 0.4},
    "unrelated": {"n_features": 20, "heterogeneity": 1.0, "noise": 0.0},
}


def fit_global(X, y, segments, C):
    return [L1SVC(C=C).fit(X, y)] * N_SEGMENTS


def fit_separate(X, y, segments, C):
    return [L1SVC(C=C).fit(X[own], y[own]) for own in rows_of(segments)]


def fit_deviation(X, y, segments, C, penalty):
    parts = rows_of(segments)
    bounds = np.cumsum([0, *map(len, parts)])
    rows = np.concatenate(parts)
    return fit_deviations(L1SVC(C=C), X, y, rows, bounds, penalty=penalty).experts


def rows_of(segments):
    return [np.flatnonzero(segments == k) for k in range(N_SEGMENTS)]


def accuracy(experts, X, y, segments):
    coef = np.array([expert.coef_[0] for expert in experts])
    intercept = np.array([expert.intercept_[0] for expert in experts])
    margins = np.einsum("ij,ij->i", X, coef[segments]) + intercept[segments]
    return np.mean((margins > 0) == y)


def cross_validate(fit, grid, X, y, segments):
    """Mean accuracy over the folds of every point of the grid."""
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    scores = np.zeros(len(grid))
    for train, test in folds.split(X, 2 * segments + y):
        for i, point in enumerate(grid):
            experts = fit(X[train], y[train], segments[train], *point)
            scores[i] += accuracy(experts, X[test], y[test], segments[test]) / 5
    return scores


def choose(fit, grid, X, y, segments):
    return grid[int(cross_validate(fit, grid, X, y, segments).argmax())]


def fit_own_C(X, y, segments, Cs):
    """Separate models with a C each."""
    experts = []
    for own in rows_of(segments):
        X_own, y_own, segment = X[own], y[own], np.zeros(len(own), dtype=np.intp)
        (C,) = choose(fit_separate_one, Cs, X_own, y_own, segment)
        experts += fit_separate_one(X_own, y_own, segment, C)
    return experts


def fit_separate_one(X, y, segments, C):
    return [L1SVC(C=C).fit(X, y)]


def compare_segments(regime, seed, n_rows, Cs, penalties):
    X, y, model = make_piecewise_classification(
        N_SEGMENTS * (n_rows + N_TEST),
        n_regions=N_SEGMENTS,
        return_model=True,
        random_state=seed,
        **REGIMES[regime],
    )
    parts = rows_of(model.regions)
    train = np.concatenate([own[:n_rows] for own in parts])
    test = np.concatenate([own[n_rows:] for own in parts])
    data = X[train], y[train], model.regions[train]
    new = X[test], y[test], model.regions[test]
    one = [(C,) for C in Cs]
    both = [(C, penalty) for penalty in penalties for C in Cs]
    scores = cross_validate(fit_deviation, both, *data).reshape(len(penalties), -1)
    best = scores.argmax(axis=1)
    chosen = int(scores.max(axis=1).argmax())
    by_penalty = {
        penalty: accuracy(fit_deviation(*data, Cs[c], penalty), *new)
        for penalty, c in zip(penalties, best, strict=True)
    }
    return {
        "deviation": by_penalty[penalties[chosen]],
        "separate": accuracy(
            fit_separate(*data, *choose(fit_separate, one, *data)), *new
        ),
        "separate, a C each": accuracy(fit_own_C(*data, one), *new),
        "global": accuracy(fit_global(*data, *choose(fit_global, one, *data)), *new),
        **{f"penalty {penalty:g}": by_penalty[penalty] for penalty in penalties},
        "chosen penalty": penalties[chosen],
        "chosen C": Cs[best[chosen]],
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
    """Accuracy by penalty on the cells of k-means, None for separate models."""
    X, y, X_test, y_test = load_split(name)
    scaler = StandardScaler().fit(X)
    X, X_test = scaler.transform(X), scaler.transform(X_test)
    order = np.random.default_rng(0).permutation(len(X))
    fitted, held_out = order[len(X) // 5 :], order[: len(X) // 5]

    def score(C, penalty, rows, X_new, y_new):
        model = PartitionedExpertsClassifier(
            L1SVC(C=C), n_experts=n_experts, random_state=0
        ).fit(X[rows], y[rows])
        if penalty is not None:
            pairs = model.route(X[rows]).tocsc()
            weights = pairs.data * pairs.nnz / len(rows)
            pairs = pairs.indices, pairs.indptr, weights
            model.experts_ = fit_deviations(
                L1SVC(C=C), X[rows], y[rows], *pairs, penalty=penalty
            ).experts
        return np.mean(model.predict(X_new) == y_new)

    for penalty in (None, 0.2, 0.5, 1.0, 2.0):
        start = time.perf_counter()
        scores = [
            score(C, penalty, fitted, X[held_out], y[held_out])
            for C in (0.03, 0.1, 0.3)
        ]
        C = (0.03, 0.1, 0.3)[int(np.argmax(scores))]
        yield {
            "data": name,
            "n_experts": n_experts,
            "penalty": penalty,
            "C": C,
            "accuracy": float(score(C, penalty, order, X_test, y_test)),
            "seconds": time.perf_counter() - start,
        }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="less than a minute")
    parser.add_argument("--seeds", type=int, help="number of seeds")
    parser.add_argument("--json", metavar="FILE")
    arguments = parser.parse_args()
    n_seeds = arguments.seeds or (3 if arguments.quick else 20)
    grids = (CS[::2], PENALTIES[1::2]) if arguments.quick else (CS, PENALTIES)
    results = []
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        for regime in REGIMES:
            rows = [
                compare_segments(regime, seed, 100, *grids) for seed in range(n_seeds)
            ]
            print_segments(regime, rows)
            results += [
                {"regime": regime, "seed": seed, **row} for seed, row in enumerate(rows)
            ]
        if not arguments.quick:
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
