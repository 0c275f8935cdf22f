"""Write the benchmark pages of the site from what the scripts have measured.

``docs/results/NAME.json`` is what ``python -m benchmarks.compare_NAME --json FILE`` has
written. The build of the site calls :func:`write` first, so that a page always shows
what is in its file.

    python -m benchmarks.pages
"""

import json
from pathlib import Path

from benchmarks import (
    codes_report,
    compare_experts,
    compare_gated,
    experts_report,
    gated_report,
    streams_report,
    systems_report,
)

DOCS = Path(__file__).resolve().parents[1] / "docs"


def write():
    """Write each page whose text has changed."""
    experts = compare_experts.CLASSIFICATION + compare_experts.REGRESSION
    texts = {
        "comparison.md": experts_report.markdown(**read("experts"), names=experts),
        "comparison_gated.md": gated_report.markdown(
            **read("gated"), names=compare_gated.NAMES
        ),
        "codes.md": codes_report.markdown(**read("codes")),
        "streams.md": streams_report.markdown(**read("streams")),
        "systems.md": systems_report.markdown(**read("systems")),
    }
    for name, text in texts.items():
        page = DOCS / name
        if not page.exists() or page.read_text("utf-8") != text:
            page.write_text(text, "utf-8")


def read(name):
    """Return what was measured under a name."""
    return json.loads((DOCS / "results" / f"{name}.json").read_text("utf-8"))


if __name__ == "__main__":
    write()
