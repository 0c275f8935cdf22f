"""The page of what ``compare_codes`` has measured."""

from itertools import groupby

from benchmarks.experts_report import number

INTRODUCTION = """# Codes for images

Codes whose dictionary learns from the labels, and codes of patches, each with a linear
model, next to models of the pixels. Made by

    python -m benchmarks.compare_codes --json docs/results/codes.json
    python -m benchmarks.pages

`benchmarks/codes.py` has the models; their settings were found on training rows. Errors
are in per cent (lower is better), the least of a data set in bold; of the speakers, the
mean over six fits that leave one out. One thread of a machine with {cores} cores and
other work to do: read times as ratios.
{versions}.

The settings of codes of digits were chosen on training rows of USPS and MNIST: some of
USPS on folds that leave out a cluster of each class (k-means), as folds drawn at random
are too easy to tell settings apart. Those of spectrograms were chosen by leaving out
one of the five speakers that are not *theo*, so that only his error (2.4 %, a linear
model of the values 14.6 %) was not seen before.
"""
HEAD = ["model", "error", "fit s", "us a row"]


def markdown(rows, machine):
    """Return the page, a table for each data set."""
    lines = [INTRODUCTION.format(**machine)]
    names = list(dict.fromkeys(row["data"] for row in rows))
    rows = sorted(rows, key=lambda row: names.index(row["data"]))
    for data, group in groupby(rows, key=lambda row: row["data"]):
        measured = list(group)
        least = min(row["error"] for row in measured)
        lines += [f"## {data}", "", f"{measured[0]['n_rows']} training rows:", ""]
        lines += ["| " + " | ".join(HEAD) + " |", "|---|" + "---:|" * (len(HEAD) - 1)]
        for row in measured:
            error, *times = (number(row[key]) for key in ("error", "fit", "us_row"))
            error = f"**{error}**" if row["error"] == least else error
            lines.append("| " + " | ".join([row["model"], error, *times]) + " |")
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"
