"""GatedExperts and its peers: score, seconds of fit, microseconds a row, coefficients.

Settings are chosen on the training rows only, by 3-fold cross-validation: up to six for
each model (benchmarks/gated_peers.py), in order, until ``--budget`` seconds are over,
only the first if one fit takes over a third of them. The average of four takes the
setting of the one model; the sparse model too, with twice the experts and the smallest
``alpha`` of a few that makes at least 80 % of the coefficients 0. Scores are accuracy
in per cent or, for regression, the RMSE in units of y, on the official test rows or on
a random fifth of the rows. Images become 64 principal components of their normalised
roots, other features are standardised, for all models.

Seconds of fit are without the search, the best of 3 if below 1; a row is one of a batch
of all test rows. One thread, the seconds of which are counted: other work on the
machine matters little. At the end: how seconds of fit grow with ``n_experts`` and with
``top_k``, interleaved, the best of several; and what was aimed at.

With ``--json FILE``, what is in the file is not measured again.

    python -m benchmarks.compare_gated [--quick] [--data NAME ...] [--models NAME ...]
        [--budget SECONDS] [--json FILE]
"""

import json
import time
import warnings
from functools import partial
from pathlib import Path

import numpy as np
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from benchmarks.compare_experts import (
    REGRESSION,
    best_seconds,
    front,
    parser_of,
    search,
    short,
    split,
    timed,
    unit,
)
from benchmarks.experts_report import machine, print_row
from benchmarks.gated_peers import (
    ALPHAS,
    AVERAGED,
    GATED,
    SPARSE,
    ZEROS,
    models_of,
    parameter,
)
from benchmarks.gated_report import losses, targets
from benchmarks.nonzeros import nonzeros
from skexperts.ensemble import GatedExpertsClassifier

NAMES = [
    "letter",
    "usps",
    "mnist",
    "satimage",
    "connect4_binary",
    "a9a",
    "fsdd_logmel",
    "california_housing",
    "bike_sharing",
    "pol",
    "abalone",
]
QUICK = ["satimage", "abalone"]
QUICK_ROWS = 2000
# Of which data and rows the growth of seconds is measured, and how often.
SCALING = {"letter": 16000, "mnist": 16000}
REPEATS = 3


def prepare(name, most_rows):
    """Return ``X, y, X_test, y_test`` as all models see them."""
    X, y, X_test, y_test = split(name, 0, most_rows)
    before = front(name, X).fit(X)
    return before.transform(X), y, before.transform(X_test), y_test


def compare(name, budget, most_rows, wanted, known):
    """Yield a row for each model that is not a key of ``known``."""
    part, regression = prepare(name, most_rows), name in REGRESSION
    X, y = part[:2]
    found = models_of(*X.shape, regression)
    one, best = found[GATED][0], known.get((name, GATED), {}).get("setting", [None])[0]
    for model_name in [GATED, AVERAGED, SPARSE, *list(found)[1:]]:
        skipped = wanted and model_name not in wanted
        if skipped or (name, model_name) in known:
            continue
        row = {"data": name, "model": model_name, "regression": regression}
        row |= {"n_rows": X.shape[0], "n_features": X.shape[1]}
        try:
            n_tried, model = 0, one
            if model_name in found:
                model, settings = found[model_name]
                setting, n_tried = search(name, model, settings, X, y, budget)
                best = setting if model_name == GATED else best
            elif model_name == AVERAGED:
                setting = (best or {}) | {parameter(one, "n_estimators"): 4}
            else:
                setting = sparse_setting(one, best or {}, X, y)
            model = clone(model).set_params(**setting)
            measured = timed(name, model, part) | counts(model)
        except (TypeError, ValueError) as error:
            yield row | {"reason": short(error)}
            continue
        error = unit(name, 0) * measured["loss"]
        score = error if regression else 100 - 100 * measured["loss"]
        row |= measured | {"score": score, "scores": [score]}
        row |= {"setting": [setting], "n_tried": [n_tried]}
        yield row


def counts(model):
    """Return how many coefficients there are: in all, and of gated experts alone."""
    found, last = {"nonzeros": nonzeros(model)}, model
    if isinstance(model, Pipeline):
        last = model[-1]
    if hasattr(last, "gate_coef_"):
        coef = last.coef_
        found["expert_nonzeros"] = [int(np.count_nonzero(coef)), coef.size]
    return found


def sparse_setting(one, best, X, y):
    """Return the setting of the smallest alpha that makes enough coefficients 0."""
    name = parameter(one, "n_experts")
    n_experts = clone(one).set_params(**best).get_params()[name]
    for alpha in ALPHAS:
        setting = best | {name: 2 * n_experts, parameter(one, "alpha"): alpha}
        model = clone(one).set_params(**setting).fit(X, y)
        n_nonzero, n_all = counts(model)["expert_nonzeros"]
        if n_nonzero <= (1 - ZEROS) * n_all:
            return setting
    raise ValueError(f"fewer zeros than {ZEROS:.0%} for all alpha up to {alpha}")


def scale(name, most_rows, repeats):
    """Return the least seconds of a fit by n_experts and top_k, interleaved."""
    X, y = prepare(name, most_rows)[:2]
    settings = [(64, 8), (128, 8), (64, 4)]
    seconds = {setting: [] for setting in settings}
    for _ in range(repeats):
        for n_experts, top_k in settings:
            model = GatedExpertsClassifier(n_experts, top_k=top_k, random_state=0)
            once = best_seconds(partial(model.fit, X, y), 1)
            seconds[n_experts, top_k].append(once)
    first = min(seconds[64, 8])
    return {
        "data": name,
        "seconds": first,
        "doubled": min(seconds[128, 8]) / first,
        "halved": first / min(seconds[64, 4]),
    }


def main():
    parser = parser_of(__doc__, NAMES)
    arguments = parser.parse_args()
    quick, file = arguments.quick, arguments.json and Path(arguments.json)
    found = {"machine": machine(), "rows": [], "scaling": []}
    if file and file.exists():
        found = json.loads(file.read_text())
    known = {(row["data"], row["model"]): row for row in found["rows"]}
    names = arguments.data or (QUICK if quick else NAMES)
    start = time.process_time()
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in names:
            most_rows = QUICK_ROWS if quick else 10**9
            budget = 0 if quick else arguments.budget
            for row in compare(name, budget, most_rows, arguments.models, known):
                found["rows"].append(row)
                print_row(row)
                save(found, file)
        for name in set(names) & set(SCALING) - {r["data"] for r in found["scaling"]}:
            found["scaling"].append(scale(name, SCALING[name], REPEATS))
            save(found, file)
    print(f"{time.process_time() - start:.0f} s")
    rows, scaling = found["rows"], found["scaling"]
    print("\n".join(["", *losses(rows), "", *targets(rows, scaling)]))


def save(found, file):
    if file:
        file.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
