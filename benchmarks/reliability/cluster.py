"""G10: fits on real clusters of two processes, some of which die."""

import on_cluster

from benchmarks.reliability.goals import count

# Of the 59 cells that are not at fault: 5 %.
MOST_EXTRA = 2
MOST_SECONDS = 30


def run(quick):
    """Yield the counts."""
    for cluster in on_cluster.CASES:
        found = on_cluster.outcomes(cluster)

        def ended(name, found=found):
            if found[name]["error"]:
                raise RuntimeError(found[name]["error"])
            if found[name]["seconds"] > MOST_SECONDS:
                raise RuntimeError(f"it took {found[name]['seconds']} seconds")

        def few_extra(name, found=found):
            ended(name)
            if found[name]["extra"] > MOST_EXTRA:
                raise RuntimeError(f"{found[name]['extra']} of 59 fitted again")

        what = f"{cluster}: right model or clear error, each in 30 s"
        yield count("G10", what, list(found), ended)
        seconds = on_cluster.DYING_SECONDS
        what = f"{cluster}: killed {seconds} s into a cell, at most 5 % fitted again"
        yield count("G10", what, ["killed_once"], few_extra)
