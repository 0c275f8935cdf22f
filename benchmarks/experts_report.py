"""Tables of what ``compare_experts`` has measured."""

import json
import os
from itertools import groupby

import numpy as np
import scipy
import sklearn

from benchmarks.peers import OURS

# Least accuracy in per cent of the best way to route.
TARGETS = {"letter": 95.0, "satimage": 91.0, "usps": 95.0}
HEAD = ["model", "score", "fit s", "us a row", "us one row", "compared"]
INTRODUCTION = """# Comparison

`PartitionedExpertsClassifier` and `PartitionedExpertsRegressor` next to other models of
scikit-learn and its neighbours, with what they lose. Made by

    python -m benchmarks.compare_experts --json docs/results/experts.json
    python -m benchmarks.pages

The head of `benchmarks/compare_experts.py` says how settings are chosen and what is
timed, `benchmarks/peers.py` which settings there are: up to six for each, compared by
cross-validation on the training rows within the same few seconds for all models of a
data set, so that a slow model keeps its first setting (0 compared). One thread of a
machine with {cores} cores and other work to do: read times as ratios.
{versions}.

Scores are accuracy in per cent (higher is better) or, for regression, the RMSE (lower
is better), the best of a data set in bold; *compared* is the number of settings. Models
that begin with *experts* are ours.
"""


def print_row(row):
    print(f"{row['data']:<22}{row['model']:<28}", end="")
    if "reason" in row:
        print(f"left out: {row['reason']}", flush=True)
        return
    print(
        f"{number(row['score']):>9} {number(row['fit']):>9} {number(row['us_row']):>9}"
        f"{number(row['us_single']):>9}  {row['n_tried'][0]} compared, "
        f"{row['setting'][0]}",
        flush=True,
    )


def number(value):
    """Return a number with what digits are of interest."""
    return f"{value:.0f}" if value >= 1000 else f"{value:.4g}"


def is_ours(row):
    return row["model"].startswith(OURS)


def merit(row):
    """Return what is larger for a better score."""
    return -row["score"] if row["regression"] else row["score"]


def tables(rows):
    """Yield the name of each data set, and its rows with and without a score."""
    rows = sorted(rows, key=lambda row: row["data"])
    for name, part in groupby(rows, key=lambda row: row["data"]):
        part = list(part)
        yield (
            name,
            [row for row in part if "reason" not in row],
            [row for row in part if "reason" in row],
        )


def losses(rows):
    """Return lines: each peer whose score is better than the best of ours."""
    return better_peers(rows, OURS, "PartitionedExperts")


def better_peers(rows, prefix, title):
    """Return lines: each model that is better than all whose names begin so."""
    lines = [f"Peers with a better score than the best {title}:"]
    for name, measured, _ in tables(rows):
        mine = [row for row in measured if row["model"].startswith(prefix)]
        if not mine:
            continue
        best = max(mine, key=merit)
        for row in sorted(measured, key=merit, reverse=True):
            if merit(row) > merit(best):
                lines.append(
                    f"- {name}: {row['model']} {number(row['score'])} against "
                    f"{number(best['score'])} ({best['model']}); "
                    f"{row['fit'] / best['fit']:.2g}x its seconds of fit, "
                    f"{row['us_row'] / best['us_row']:.2g}x its seconds a row"
                )
    return lines


def targets(rows):
    """Return lines: the most accurate experts that fit no slower than SVC(rbf)."""
    lines = ["Against SVC(rbf) of the same run:"]
    for name, measured, _ in tables(rows):
        kernel = [row for row in measured if row["model"] == "SVC rbf"]
        mine = [row for row in measured if is_ours(row)]
        if name not in TARGETS or not kernel or not mine:
            continue
        for row in sorted(mine, key=merit, reverse=True):
            lines.append(
                f"- {name}: {row['model']} {row['score']:.2f} % (aim "
                f"{TARGETS[name]:g}, SVC {kernel[0]['score']:.2f}); fit "
                f"{kernel[0]['fit'] / row['fit']:.2g}x, a row "
                f"{kernel[0]['us_row'] / row['us_row']:.3g}x as fast"
            )
    return lines


def found_before(file):
    """Return what a file of results has, or the head of a new one."""
    if file and file.exists():
        return json.loads(file.read_text())
    return {"machine": machine(), "rows": []}


def machine():
    """Return where something was measured: cores, and versions of the libraries."""
    found = f"scikit-learn {sklearn.__version__}, NumPy {np.__version__}, SciPy "
    found += scipy.__version__
    try:
        import lightgbm
        import sklego

        found += f", LightGBM {lightgbm.__version__}"
        found += f", scikit-lego {sklego.__version__}"
    except ImportError:
        pass
    return {"cores": os.cpu_count(), "versions": found}


def markdown(rows, machine, names):
    """Return the page of all tables, with what loses and what is missing at the end."""
    lines = [INTRODUCTION.format(**machine)]
    for name, measured, left_out in tables(rows):
        lines.append(f"## {name}\n")
        if measured:
            lines.append(about(measured[0]) + "\n")
        lines += ["| " + " | ".join(HEAD) + " |", "|---|" + "---:|" * (len(HEAD) - 1)]
        best = max(map(merit, measured), default=None)
        for row in sorted(measured, key=is_ours, reverse=True):
            score = number(row["score"])
            score = f"**{score}**" if merit(row) == best else score
            times = [number(row[k]) for k in ("fit", "us_row", "us_single")]
            times.append(str(row["n_tried"][0]))
            lines.append("| " + " | ".join([row["model"], score, *times]) + " |")
        for row in left_out:
            lines.append(f"| {row['model']} | {row['reason']} | | | | |")
        lines.append("")
    for part in (losses(rows), targets(rows)):
        lines += ["## " + part[0].rstrip(":") + "\n", *part[1:], ""]
    missing = [name for name in names if name not in {row["data"] for row in rows}]
    if missing:
        lines.append("Not measured here: " + ", ".join(missing) + ".")
    return "\n".join(lines).rstrip() + "\n"


def about(row):
    kind = "RMSE" if row["regression"] else "Accuracy in per cent"
    n_seeds = len(row["scores"])
    seeds = f", mean of {n_seeds} splits" if n_seeds > 1 else ""
    return (
        f"{kind}{seeds}; {row['n_rows']} training rows, {row['n_features']} features."
    )
