"""Tables and targets of what ``compare_gated`` has measured."""

from benchmarks.experts_report import (
    about,
    better_peers,
    merit,
    number,
    tables,
)
from benchmarks.gated_peers import AVERAGED, GATED, SPARSE, ZEROS

# (data, model, least accuracy or largest RMSE).
SCORES = [
    ("letter", GATED, 97.0),
    ("letter", AVERAGED, 97.6),
    ("letter", SPARSE, 96.0),
    ("usps", GATED, 95.5),
    ("mnist", GATED, 98.3),
    ("satimage", GATED, 91.5),
    ("connect4_binary", GATED, 89.0),
    ("california_housing", GATED, 0.50),
    ("pol", GATED, 3.3),
]
# A fit takes at most so many times the seconds of SVC, which takes so many times as
# many seconds a row at least.
SLOWER, FASTER = 2.0, 20.0
# Seconds with twice the experts over seconds, and seconds over those with half top_k.
DOUBLED, HALVED = 1.3, 1.5
HEAD = ["model", "score", "fit s", "us a row", "non-zero", "zeros in %", "compared"]
INTRODUCTION = """# Gated experts and their peers

`GatedExpertsClassifier` and `GatedExpertsRegressor` next to other models. Made by

    python -m benchmarks.compare_gated --json docs/results/gated.json
    python -m benchmarks.pages

The head of `benchmarks/compare_gated.py` says how settings are chosen and what is
timed, `benchmarks/gated_peers.py` and `benchmarks/peers.py` which settings there are.
One thread of a machine with {cores} cores and other work to do: read times as
ratios.{note}
{versions}.

Scores are accuracy in per cent (higher is better) or, for regression, the RMSE in units
of y (lower is better), the best of a data set in bold. *Non-zero* counts what a model
multiplies with: coefficients of experts and gates, weights of layers, and for kernels
the values of the support vectors; trees have none. *Zeros* are of all of these, for
gated experts of the coefficients of the experts. *Compared* is the number of settings.
"""


def verdict(reached):
    return "reached" if reached else "MISSED"


def targets(rows, scaling):
    """Return lines: what issue 7 aims at, and what was reached."""
    by_name = {(row["data"], row["model"]): row for row in rows if "score" in row}
    lines = ["Targets:"]
    for data, model, aim in SCORES:
        row = by_name.get((data, model))
        if row is None:
            continue
        reached = row["score"] <= aim if row["regression"] else row["score"] >= aim
        figure = number(row["score"])
        if model == SPARSE:
            n_nonzero, n_all = row["expert_nonzeros"]
            zeros = 1 - n_nonzero / n_all
            reached, figure = reached and zeros >= ZEROS, f"{figure}, {zeros:.1%} zeros"
        other = by_name.get((data, AVERAGED))
        if model == GATED and other is not None:
            figure += f" (4 averaged: {number(other['score'])})"
        lines.append(f"- {data}, {model}: {figure}; aim {aim:g}: {verdict(reached)}")
    one, kernel = (by_name.get(("letter", model)) for model in (GATED, "SVC rbf"))
    if one and kernel:
        fit = one["fit"] / kernel["fit"]
        row = kernel["us_row"] / one["us_row"]
        lines += [
            f"- letter: a fit takes {fit:.2f}x the seconds of SVC; aim at most "
            f"{SLOWER:g}: {verdict(fit <= SLOWER)}",
            f"- letter: a row {row:.1f}x as fast as SVC; aim {FASTER:g}: "
            f"{verdict(row >= FASTER)}",
        ]
    for row in scaling:
        doubled, halved = row["doubled"], row["halved"]
        lines += [
            f"- {row['data']}: twice the experts take {doubled:.2f}x the seconds of a "
            f"fit; aim below {DOUBLED:g}: {verdict(doubled < DOUBLED)}",
            f"- {row['data']}: half of top_k makes a fit {halved:.2f}x as fast; aim "
            f"{HALVED:g}: {verdict(halved >= HALVED)}",
        ]
    return lines


def losses(rows):
    """Return lines: each peer whose score is better than that of all gated experts."""
    return better_peers(rows, GATED, "of the gated experts")


def markdown(rows, scaling, machine, names):
    """Return the page of all tables, targets first."""
    lines = [INTRODUCTION.format(**{"note": ""} | machine)]
    for part in (targets(rows, scaling), losses(rows)):
        lines += ["## " + part[0].rstrip(":") + "\n", *part[1:], ""]
    for name, measured, left_out in tables(rows):
        lines.append(f"## {name}\n")
        if measured:
            lines.append(about(measured[0]) + "\n")
        lines += ["| " + " | ".join(HEAD) + " |", "|---|" + "---:|" * (len(HEAD) - 1)]
        best = max(map(merit, measured), default=None)
        lines += [line_of(row, merit(row) == best) for row in measured]
        lines += [f"| {row['model']} | {row['reason']} |" for row in left_out]
        lines += ["", *settings(measured), ""]
    missing = [name for name in names if name not in {row["data"] for row in rows}]
    if missing:
        lines.append("Not measured here: " + ", ".join(missing) + ".")
    return "\n".join(lines).rstrip() + "\n"


def settings(measured):
    """Yield a line for each of the gated experts."""
    for row in measured:
        if row["model"].startswith(GATED):
            chosen = [
                f"{key.split('__')[-1]}={value!r}"
                for key, value in row["setting"][0].items()
            ]
            yield f"- {row['model']}: {', '.join(chosen) or 'defaults'}"


def line_of(row, is_best):
    """Return a model's line of a table."""
    score = f"**{number(row['score'])}**" if is_best else number(row["score"])
    cells = [row["model"], score, number(row["fit"]), number(row["us_row"])]
    if row["nonzeros"]:
        n_nonzero, n_all = row.get("expert_nonzeros", row["nonzeros"])
        cells += [str(row["nonzeros"][0]), f"{100 - 100 * n_nonzero / n_all:.0f}"]
    else:
        cells += ["", ""]
    return "| " + " | ".join([*cells, str(row["n_tried"][0])]) + " |"
