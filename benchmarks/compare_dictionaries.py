"""Dictionary learning on patches of USPS and MNIST: objective against seconds.

All take mini-batches of 256 patches in random order and one thread. The objective is
that of the lasso, the mean over held-out patches, coded by one and the same coder to a
duality gap of 1e-7. The last line of MiniBatchDictionaryLearning is the goal, its time
the limit of the curves after it.

- ``MiniBatchDictionaryLearning`` runs ``fit`` until it stops, at most 10 passes. It
  codes by ``cd`` (``lars``, its default, takes several times longer to the same
  objective) and starts from patches (better than its default).
- ``SparseCoder`` runs ``partial_fit`` batch by batch, if it has one; ``SparseCoder
  fit`` is its own fit, one point.
- ``SPAMS`` runs ``trainDL`` from the same patches, anew for each point.

Evaluation is not timed. ``x`` is the time of MiniBatchDictionaryLearning over the time
to reach its last objective.

    python -m benchmarks.compare_dictionaries [--quick] [--json FILE]
"""

import argparse
import itertools
import json
import platform
import time
import warnings

import numpy as np
from sklearn.decomposition import MiniBatchDictionaryLearning
from sklearn.utils import gen_batches
from threadpoolctl import threadpool_limits

from benchmarks.compare_coding import choose_alpha, objective, ours, spams, versions
from benchmarks.data import load_patches
from skexperts.decomposition import SparseCoder

SETS = {"usps": (8, 128), "mnist": (12, 256)}
BATCH = 256
GROWTH = 1.5  # of the number of batches from one point of a curve to the next
LINE = "{:<8}{:<30}{:>8}{:>10.3f}{:>12.6g}"


def sklearn_curve(X, D, alpha, limits):
    """Return points: the number of batches, the seconds and the dictionary."""
    points, wanted, spent = [], 1, 0.0

    def note(state):
        nonlocal wanted, spent
        now = time.perf_counter()
        if state["i"] + 1 >= wanted:
            wanted = grow(wanted)
            atoms = state["dictionary"].copy()
            points.append((state["i"] + 1, now - start - spent, atoms))
        spent += time.perf_counter() - now

    model = MiniBatchDictionaryLearning(
        len(D),
        alpha=alpha,
        batch_size=BATCH,
        fit_algorithm="cd",
        dict_init=D,
        max_iter=limits["passes"],
        callback=note,
        random_state=0,
    )
    start = time.perf_counter()
    model.fit(X)
    seconds = time.perf_counter() - start - spent
    return [*points, (model.n_steps_, seconds, model.components_)]


def our_curve(X, D, alpha, limits):
    model = SparseCoder(len(D), alpha=alpha, random_state=0)
    if not hasattr(model, "partial_fit"):
        return
    order = np.random.default_rng(0).permutation(len(X))
    batches = itertools.cycle(list(gen_batches(len(X), BATCH, min_batch_size=len(D))))
    seconds, wanted = 0.0, 1
    for i in itertools.count(1):
        rows = X[order[next(batches)]]
        start = time.perf_counter()
        model.partial_fit(rows)
        seconds += time.perf_counter() - start
        if i >= wanted or seconds > limits["seconds"]:
            wanted = grow(wanted)
            yield i, seconds, model.components_.copy()
        if seconds > limits["seconds"]:
            return


def our_fit(X, D, alpha, limits):
    start = time.perf_counter()
    model = SparseCoder(len(D), alpha=alpha, random_state=0).fit(X)
    yield "fit", time.perf_counter() - start, model.components_


def spams_curve(X, D, alpha, limits):
    seconds, n = 0.0, 1
    options = {"batchsize": BATCH, "numThreads": 1, "verbose": False}
    while seconds < limits["seconds"]:
        start = time.perf_counter()
        # Both are in Fortran order; trainDL works on a copy of D.
        atoms = spams.trainDL(X.T, D=D.T, lambda1=alpha, iter=n, **options)
        seconds = time.perf_counter() - start
        yield n, seconds, np.ascontiguousarray(atoms.T)
        n = grow(n)


def grow(n):
    return max(n + 1, int(n * GROWTH))


def learners():
    """Return the curves by name, MiniBatchDictionaryLearning first: it is the goal."""
    curves = {"MiniBatchDictionaryLearning": sklearn_curve}
    curves |= {"SparseCoder": our_curve, "SparseCoder fit": our_fit}
    return curves | ({"SPAMS": spams_curve} if spams else {})


def evaluate(X, D, alpha):
    D = np.ascontiguousarray(D)
    return float(objective(X, D, ours(tol=1e-7)(X, D, alpha), alpha).mean())


def compare(data, quick):
    """Return the points of all curves."""
    side, n_atoms = SETS[data]
    X, X_test = load_patches(data, side, 5000 if quick else 20000, 1000)
    D = X[:n_atoms] / np.linalg.norm(X[:n_atoms], axis=1)[:, None]
    alpha = choose_alpha(X_test, D)
    limits = {"passes": 1 if quick else 10, "seconds": np.inf}
    points = [point(data, "patches", 0, 0.0, evaluate(X_test, D, alpha), alpha)]
    for name, curve in learners().items():
        seconds = 0.0
        for n, seconds, atoms in curve(X, D.copy(), alpha, limits):
            value = evaluate(X_test, atoms, alpha)
            points.append(point(data, name, n, seconds, value, alpha))
        if limits["seconds"] == np.inf:  # the first sets the time of the others
            limits["seconds"] = seconds
    return points


def point(data, model, n_batches, seconds, value, alpha):
    print(LINE.format(data, model, n_batches, seconds, value), flush=True)
    row = {"data": data, "model": model, "batches": n_batches}
    return row | {"seconds": seconds, "objective": value, "alpha": alpha}


def summarise(points):
    """Print the seconds to reach the last objective of MiniBatchDictionaryLearning."""
    curves, (goal_name, *_) = {}, learners()
    for p in points:
        curves.setdefault((p["data"], p["model"]), []).append(p)
    print("\nSeconds to reach MiniBatchDictionaryLearning's final objective")
    for (data, name), curve in curves.items():
        if name in (goal_name, "patches"):
            continue
        goal = curves[data, goal_name][-1]
        best = min(p["objective"] for p in curve) / goal["objective"] - 1
        times = [p["seconds"] for p in curve if p["objective"] <= goal["objective"]]
        reached = "not reached"
        if times:
            reached = f"{min(times):.3f}, x {goal['seconds'] / min(times):.2f}"
        line = f"{data:<8}{name:<17}{reached} (of {goal['seconds']:.3f})"
        print(f"{line}; best objective {best:+.1e}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="less than a minute")
    parser.add_argument("--json", metavar="FILE")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")  # of convergence
    print(*versions(), platform.platform(), sep=", ")
    print(f"{'data':<8}{'model':<30}{'batches':>8}{'seconds':>10}{'objective':>12}")
    with threadpool_limits(1):
        points = [p for data in SETS for p in compare(data, arguments.quick)]
    summarise(points)
    if arguments.json:
        with open(arguments.json, "w") as file:
            json.dump(points, file, indent=1)


if __name__ == "__main__":
    main()
