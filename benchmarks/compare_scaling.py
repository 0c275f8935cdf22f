"""How fit and predict of PartitionedExpertsClassifier grow: rows, experts, jobs.

X, 50 features of float64, is a memory map; every fit has a process of its own. Seconds
are of the wall clock. Memory is the peak of the process (and of the largest worker),
less what it held before fit, in sizes of X: 1 is X itself, read once. Below 100 000
rows X is too small for it. ``slope`` is log(seconds) per log(rows or experts): 1 is
linear.

    python -m benchmarks.compare_scaling [--quick] [--json FILE]
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from skexperts import PartitionedExpertsClassifier
from skexperts.datasets import make_piecewise_classification

N_FEATURES = 50
ROWS = [10_000, 100_000, 1_000_000]
EXPERTS = [8, 64, 256, 1024]
JOBS = [1, 2]
# Rows and experts while the other numbers change.
N_ROWS, N_EXPERTS = 100_000, 64
N_PREDICTED = 10_000
MIN_ROWS_OF_MEMORY = 100_000


def write(folder, n_rows):
    """Write X and y, part by part."""
    paths = folder / "X.npy", folder / "y.npy"
    X = np.lib.format.open_memmap(paths[0], "w+", np.float64, (n_rows, N_FEATURES))
    y = np.empty(n_rows, dtype=np.int64)
    part = min(n_rows, 100_000)
    for first in range(0, n_rows, part):
        # The seed gives the same regions to all parts, and, in all, the same rows.
        rows, labels = make_piecewise_classification(
            part, N_FEATURES, n_regions=64, noise=0.1, random_state=0
        )
        rows += 0.1 * np.random.default_rng(first).standard_normal(rows.shape)
        X[first : first + part], y[first : first + part] = rows, labels
    X.flush()
    np.save(paths[1], y)


def kilobytes():
    """Return the peak of this process and of the largest worker."""
    parts = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(resource.getrusage(part).ru_maxrss for part in parts)


def run(folder, n_experts, n_jobs):
    """Fit in this process and return what it took."""
    X = np.load(folder / "X.npy", mmap_mode="r")
    y = np.load(folder / "y.npy")
    model = PartitionedExpertsClassifier(
        n_experts=n_experts, n_jobs=n_jobs, random_state=0
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X[:2000], y[:2000])  # What is loaded once is no part of it.
    before, start = kilobytes(), time.perf_counter()
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore")
        model.fit(X, y)
        seconds, peak = time.perf_counter() - start, kilobytes()
        start = time.perf_counter()
        model.predict(X[:N_PREDICTED])
    row_seconds = (time.perf_counter() - start) / len(X[:N_PREDICTED])
    return {
        "fit": seconds,
        "us_row": 1e6 * row_seconds,
        "memory": 1024 * (peak - before) / X.nbytes,
    }


def measure(n_rows, n_experts, n_jobs):
    """Run in a new process and return what it took."""
    with tempfile.TemporaryDirectory() as folder:
        # A process begins with the peak of its parent, which has to stay small.
        start_module("--write", folder, n_rows)
        output = start_module("--one", folder, n_experts, n_jobs)
    row = {"n_rows": n_rows, "n_experts": n_experts, "n_jobs": n_jobs}
    return row | json.loads(output.splitlines()[-1])


def start_module(*arguments):
    """Run this module in a new process and return what it printed."""
    command = [sys.executable, "-m", "benchmarks.compare_scaling", *map(str, arguments)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def cases(quick):
    """Yield what varies, and the numbers of rows, experts and jobs."""
    rows, experts = (ROWS[:2], EXPERTS[:2]) if quick else (ROWS, EXPERTS)
    yield "n_rows", [(n, 16, 1) for n in rows]
    yield "n_experts", [(N_ROWS, k, 1) for k in experts]
    yield "n_jobs", [(N_ROWS, N_EXPERTS, jobs) for jobs in JOBS]


def show(row, varies, last):
    memory = row["memory"] if row["n_rows"] >= MIN_ROWS_OF_MEMORY else np.nan
    slope = np.nan
    if last is not None:
        slope = np.log(row["fit"] / last["fit"]) / np.log(row[varies] / last[varies])
    print(
        f"{row['n_rows']:>9}{row['n_experts']:>9}{row['n_jobs']:>6}{row['fit']:>9.2f}"
        f"{slope:>8.2f}{memory:>9.2f}{row['us_row']:>9.1f}",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a minute or two")
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--write", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.write:
        folder, n_rows = arguments.write
        write(Path(folder), int(n_rows))
        return
    if arguments.one:
        folder, n_experts, n_jobs = arguments.one
        print(json.dumps(run(Path(folder), int(n_experts), int(n_jobs))))
        return
    print(
        f"{'rows':>9}{'experts':>9}{'jobs':>6}{'fit s':>9}{'slope':>8}{'memory':>9}"
        f"{'us/row':>9}"
    )
    results = []
    for varies, group in cases(arguments.quick):
        last = None
        for case in group:
            row = measure(*case)
            show(row, varies, last)
            results.append({"varies": varies} | row)
            last = row
    if arguments.json:
        with open(arguments.json, "w") as file:
            json.dump(results, file, indent=1)


if __name__ == "__main__":
    main()
