"""G3 and G4: random compositions against plain loops, and what holds of outputs."""

import fuzz

from benchmarks.reliability.goals import count

N_INPUTS = 12_000


def run(quick):
    """Yield the counts."""
    seeds = range(300 if quick else N_INPUTS)
    fitted = []

    def check(seed):
        if fuzz.check(seed):
            fitted.append(seed)

    least = 0 if quick else 10_000
    first = count("G3", "random compositions say what plain loops say", seeds, check)
    refused = first.good - len(fitted)
    what = f"{first.what}, {refused} refused in words"
    yield first._replace(what=what, least=least)
    # A fit that is compared has passed the check of its outputs first.
    what = "of them: finite, sums of 1, argmax is predict, columns are classes"
    good = len(fitted)
    yield first._replace(goal="G4", what=what, good=good, total=first.total - refused)
