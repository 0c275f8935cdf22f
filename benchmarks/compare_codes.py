"""Codes for images, supervised or of patches, next to models of the pixels.

USPS and MNIST by their official split; spoken digits, spectrograms of 24 x 32 values,
by the official split and with one speaker left out, the mean over six. Settings
(benchmarks/codes.py) were found on training rows. Errors are those of the test rows in
per cent; seconds are those of the processor, on one thread; a row is one of a batch of
all test rows.

Data come from the folder ``SKEXPERTS_DATA_DIR``; without it, only what is on OpenML is
measured. With ``--json FILE``, what is in the file is not measured again.

    python -m benchmarks.compare_codes [--quick] [--data NAME ...] [--json FILE]
"""

import argparse
import json
import warnings
from pathlib import Path

import numpy as np
from sklearn.base import clone
from threadpoolctl import threadpool_limits

from benchmarks.codes import DATA
from benchmarks.compare_systems import QUICK_ROWS, measure, some_rows
from benchmarks.experts_report import found_before, number


def mean_over(parts, model, most_rows):
    """Return error and times of a model, the means over some splits."""
    found = [
        measure(clone(model), (*some_rows(X, y, most_rows), X_test, y_test))
        for X, y, X_test, y_test in parts
    ]
    means = {key: float(np.mean([one[key] for one in found])) for key in found[0]}
    return {"error": 100 - means.pop("score"), **means}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="2000 rows of each")
    parser.add_argument("--data", nargs="+", choices=DATA, default=list(DATA))
    parser.add_argument("--json", metavar="FILE")
    arguments = parser.parse_args()
    file = arguments.json and Path(arguments.json)
    found = found_before(file)
    known = {(row["data"], row["model"]) for row in found["rows"]}
    most_rows = QUICK_ROWS if arguments.quick else 10**9
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for data in arguments.data:
            load, models = DATA[data]
            if all((data, name) in known for name in models):
                continue
            try:
                parts = load()
            except (OSError, KeyError) as error:
                print(f"{data} left out: {error}")
                continue
            for name, model in models.items():
                if (data, name) in known:
                    continue
                row = {"data": data, "model": name, "n_rows": len(parts[0][1])}
                row |= mean_over(parts, model, most_rows)
                found["rows"].append(row)
                values = (number(row[key]) for key in ("error", "fit", "us_row"))
                print(f"{data:<18}{name:<44}", end="")
                print("".join(f"{value:>9}" for value in values), flush=True)
                if file:
                    file.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
