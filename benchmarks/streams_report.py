"""The page of what ``compare_streams`` has measured."""

from itertools import groupby

from benchmarks.experts_report import number

TITLES = {
    "regions": "64 regions, accuracy in per cent",
    "smooth": "No regions, RMSE",
}
INTRODUCTION = """# More rows than memory

Models that learn from a memory map, part by part or as a whole. Made by

    python -m benchmarks.compare_streams --json docs/results/streams.json
    python -m benchmarks.pages

The head of `benchmarks/compare_streams.py` says what is measured. MB are private
memory, of `fit` and of `predict` for two million rows (or all, if there are fewer),
beyond what was there before. Seconds are those of the processor, on one thread of a
machine with {cores} cores and other work to do: read them as ratios.
{versions}.
"""
ROW_BYTES = 20 * 4
NOTES = {
    "regions": "The rows were made for experts: k-means finds the 64 clusters, and "
    "whoever has a linear model for each is near the best there is.",
    "smooth": "What experts are not for.",
}
HEAD = ["model", "score", "fit s", "rows/s", "MB fit", "MB answer", "us a row"]


def markdown(rows, machine):
    """Return the page, a table for each problem."""
    lines = [INTRODUCTION.format(**machine)]
    rows = sorted(rows, key=lambda row: row["problem"])
    for problem, measured in groupby(rows, key=lambda row: row["problem"]):
        lines += [f"## {TITLES[problem]}", "", NOTES[problem], ""]
        lines += table(problem, list(measured))
    return "\n".join(lines).rstrip() + "\n"


def table(problem, rows):
    """Return the lines of a problem, the best score first and in bold."""
    rows = sorted(rows, key=lambda row: row["score"], reverse=problem == "regions")
    n_rows = rows[0]["n_rows"]
    lines = [f"{n_rows} training rows, {n_rows * ROW_BYTES / 1e6:.0f} MB:", ""]
    lines += ["| " + " | ".join(HEAD) + " |", "|---|" + "---:|" * (len(HEAD) - 1)]
    for row in rows:
        score = number(row["score"])
        score = f"**{score}**" if row is rows[0] else score
        rest = [number(row["fit"]), f"{row['rows_second']:.0f}"]
        rest += [f"{row[key]:.0f}" for key in ("fit_mb", "answer_mb")]
        cells = [row["model"], score, *rest, number(row["us_row"])]
        lines.append("| " + " | ".join(cells) + " |")
    return [*lines, ""]
