"""The systems of the gallery on the full data, next to what a user would do without.

Six systems (benchmarks/systems.py): sparse codes into experts; data in parts, experts
pruned and combined; clusters of codes with an L1-SVM each; selected features behind
sigmoid gates; parts of texts with learned weights; ratings of films. Settings were
chosen by hand in a few trials and not searched. Scores are accuracy in per cent or, for
ratings, the RMSE, on the official test rows, or a fifth of the rows; of MNIST 10 000
training rows are used. Seconds are
those of the processor, on one thread; a row is one of a batch of all test rows.

Data come from the folder ``SKEXPERTS_DATA_DIR``; without it, only what is bundled or on
OpenML is measured. With ``--json FILE``, what is in the file is not measured again.

    python -m benchmarks.compare_systems [--quick] [--systems N ...] [--json FILE]
"""

import argparse
import json
import time
import warnings
from pathlib import Path

import numpy as np
from sklearn.metrics import root_mean_squared_error
from threadpoolctl import threadpool_limits

from benchmarks.experts_report import found_before, number
from benchmarks.systems import SYSTEMS

QUICK_ROWS = 2000


def measure(model, part):
    """Return score and times of a model on training and test rows."""
    X, y, X_test, y_test = part
    start = time.process_time()
    model = model.fit(X, y)
    fitted = time.process_time()
    answer = model.predict(X_test)
    seconds = time.process_time() - fitted
    if np.asarray(y).dtype.kind == "f":
        score = root_mean_squared_error(y_test, np.clip(answer, min(y), max(y)))
    else:
        score = 100 * np.mean(answer == y_test)
    return {
        "score": float(score),
        "fit": fitted - start,
        "us_row": 1e6 * seconds / len(y_test),
    }


def some_rows(X, y, most_rows):
    """Return all rows, or as many as there may be, drawn at random."""
    if len(y) <= most_rows:
        return X, y
    rows = np.random.default_rng(0).permutation(len(y))[:most_rows]
    return X[rows], y[rows]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="2000 rows of each")
    parser.add_argument("--systems", nargs="+", type=int, default=list(SYSTEMS))
    parser.add_argument("--json", metavar="FILE")
    arguments = parser.parse_args()
    file = arguments.json and Path(arguments.json)
    found = found_before(file)
    known = {(row["system"], row["data"], row["model"]) for row in found["rows"]}
    most_rows = QUICK_ROWS if arguments.quick else 10**9
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for system in arguments.systems:
            for data, load, models in SYSTEMS[system]:
                if all((system, data, name) in known for name in models):
                    continue
                try:
                    X, y, X_test, y_test = load()
                except (OSError, KeyError) as error:
                    print(f"{data} left out: {error}")
                    continue
                part = *some_rows(X, y, most_rows), X_test, y_test
                for name, model in models.items():
                    if (system, data, name) in known:
                        continue
                    row = {"system": system, "data": data, "model": name}
                    row |= {"n_rows": len(part[1])} | measure(model, part)
                    found["rows"].append(row)
                    print_row(row)
                    if file:
                        file.write_text(json.dumps(found, indent=1) + "\n")


def print_row(row):
    values = (number(row[key]) for key in ("score", "fit", "us_row"))
    print(f"{row['system']} {row['data']:<16}{row['model']:<44}", end="")
    print("".join(f"{value:>9}" for value in values), flush=True)


if __name__ == "__main__":
    main()
