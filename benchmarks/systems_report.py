"""The page of what ``compare_systems`` has measured."""

from itertools import groupby

from benchmarks.experts_report import number

TITLES = {
    1: "Sparse codes into experts",
    2: "Data in five parts, experts pruned and combined",
    3: "Clusters of sparse codes, an L1-SVM each",
    4: "Selected features behind sigmoid gates",
    5: "Parts of texts, weights learned",
    6: "Ratings of films",
}
INTRODUCTION = """# Systems and their baselines

The systems of the gallery on larger data, next to what a user would do without this
package. Made by

    python -m benchmarks.compare_systems --json docs/results/systems.json
    python -m benchmarks.pages

`benchmarks/systems.py` has the models. Settings were chosen by hand in a few trials,
not searched: differences of some tenths mean nothing. Scores are accuracy in per cent
(higher is better), for ratings the RMSE (lower is better), the best of a data set in
bold. One thread of a machine with {cores} cores and other work to do: read times as
ratios.
{versions}.
"""
HEAD = ["model", "score", "fit s", "us a row"]


def markdown(rows, machine):
    """Return the page, a table for each system and data set."""
    lines = [INTRODUCTION.format(**machine)]
    rows = sorted(rows, key=lambda row: row["system"])
    for system, part in groupby(rows, key=lambda row: row["system"]):
        lines += [f"## {TITLES[system]}", ""]
        for data, measured in groupby(part, key=lambda row: row["data"]):
            lines += table(data, list(measured))
    return "\n".join(lines).rstrip() + "\n"


def table(data, rows):
    """Return the lines of a data set, the best score in bold."""
    best = (min if data == "movielens_small" else max)(row["score"] for row in rows)
    lines = [f"{data}, {rows[0]['n_rows']} training rows:", ""]
    lines += ["| " + " | ".join(HEAD) + " |", "|---|" + "---:|" * (len(HEAD) - 1)]
    for row in rows:
        score = number(row["score"])
        score = f"**{score}**" if row["score"] == best else score
        times = [number(row[key]) for key in ("fit", "us_row")]
        lines.append("| " + " | ".join([row["model"], score, *times]) + " |")
    return [*lines, ""]
