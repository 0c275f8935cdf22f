"""Ten million rows on disk: what models that take parts of them learn, and need.

X, 20 features of float32, is a memory map, as is y; a part has 100 000 rows. Models
with ``partial_fit`` see them part by part, once if no number of passes is said, behind
a scaler fitted on the first part. Partitioned experts are given the memory maps. For
what cannot be fitted in parts, boosting has the first million rows.

``regions`` has 64 clusters with a linear model of two classes each, and the score is
the accuracy in per cent; experts can do well there. ``smooth`` has no regions
(Friedman's first function, noise of variance 1), and the score is the RMSE. Both are on
200 000 other rows. Settings were chosen by hand and not searched.

Every fit has a process of its own and one thread. ``MB fit`` is the peak of its private
memory beyond what it held before, ``MB answer`` that of ``predict`` for two million
rows, at once by ours, in parts by others. Private memory leaves out the pages of a
memory map, which the kernel takes back when memory is short. Seconds are those of the
processor. With ``--json FILE``, what is in the file is not measured again. Linux only.

    python -m benchmarks.compare_streams [--quick] [--json FILE]
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
from sklearn.metrics import root_mean_squared_error
from threadpoolctl import threadpool_limits

from benchmarks.experts_report import found_before
from benchmarks.memory import PeakMemory
from benchmarks.streams import (
    PART,
    PROBLEMS,
    SAMPLE,
    ByHand,
    OfSample,
    models,
    parts,
    read,
)
from benchmarks.streams import write as write_rows

N_ROWS, N_ROWS_QUICK, N_ANSWERED = 10_000_000, 1_000_000, 2_000_000


def run(folder, problem, name):
    """Fit in this process and return what it took."""
    X, y, X_held, y_held = read(folder)
    model = models(problem)[name]
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore")
        models(problem)[name].fit(X[:PART], y[:PART])  # What is loaded once.
        with PeakMemory() as fitting:
            start = time.process_time()
            model.fit(X, y)
            seconds = time.process_time() - start
        answer = by_parts(model, X_held)
        asked = X[:N_ANSWERED]
        with PeakMemory() as answering:
            start = time.process_time()
            answered = ask(model, asked)
            row_seconds = (time.process_time() - start) / len(answered)
    seen = SAMPLE if isinstance(model, OfSample) else len(y)
    score = root_mean_squared_error(y_held, answer)
    if problem == "regions":
        score = 100 * np.mean(answer == y_held)
    return {
        "score": float(score),
        "fit": seconds,
        "rows_second": seen / seconds,
        "fit_mb": fitting.bytes / 1e6,
        "answer_mb": answering.bytes / 1e6,
        "us_row": 1e6 * row_seconds,
    }


def ask(model, X):
    """Return predictions, of our models for all rows at once."""
    if isinstance(model, ByHand | OfSample) or getattr(model, "front", None):
        return by_parts(model, X)
    return model.predict(X)


def by_parts(model, X):
    """Return predictions for one part after the other."""
    return np.concatenate([model.predict(rows) for rows, _ in parts(X, X[:, 0])])


def start_module(*arguments):
    """Run this module in a new process and return what it printed."""
    command = [sys.executable, "-m", "benchmarks.compare_streams", *map(str, arguments)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def show(row):
    print(
        f"{row['problem']:<10}{row['model']:<28}{row['score']:>9.3f}{row['fit']:>9.1f}"
        f"{row['rows_second']:>11.0f}{row['fit_mb']:>9.0f}{row['answer_mb']:>11.0f}"
        f"{row['us_row']:>9.2f}",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows")
    parser.add_argument("--problems", nargs="+", default=list(PROBLEMS))
    parser.add_argument("--models", nargs="+", default=list(models("regions")))
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--write", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.write:
        folder, problem, n_rows = arguments.write
        write_rows(PROBLEMS[problem], Path(folder), int(n_rows))
        return
    if arguments.one:
        folder, problem, name = arguments.one
        print(json.dumps(run(Path(folder), problem, name)))
        return
    n_rows = N_ROWS_QUICK if arguments.quick else N_ROWS
    print(
        f"{'problem':<10}{'model':<28}{'score':>9}{'fit s':>9}{'rows/s':>11}"
        f"{'MB fit':>9}{'MB answer':>11}{'us/row':>9}"
    )
    file = arguments.json and Path(arguments.json)
    found = found_before(file)
    known = {(row["problem"], row["model"], row["n_rows"]) for row in found["rows"]}
    for problem in arguments.problems:
        with tempfile.TemporaryDirectory() as folder:
            # A process begins with the memory of its parent, which has to stay small.
            start_module("--write", folder, problem, n_rows)
            for name in arguments.models:
                if (problem, name, n_rows) in known:
                    continue
                output = start_module("--one", folder, problem, name)
                row = {"problem": problem, "model": name, "n_rows": n_rows}
                row |= json.loads(output.splitlines()[-1])
                show(row)
                found["rows"].append(row)
                if file:
                    file.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
