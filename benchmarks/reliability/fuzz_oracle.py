"""G3, G4, G13: random compositions against plain loops, and what holds of each."""

import fuzz

from benchmarks.reliability.goals import Count, described

N_INPUTS = 20_000
WHAT = {
    "G3": "random compositions say what plain loops say",
    "G4": "of them: finite, sums of 1, argmax is predict, columns are classes",
    "G13": "of them: X, y, weights, parameters and parts are as they were",
}


def run(quick):
    """Yield the counts."""
    seeds = range(300 if quick else N_INPUTS)
    failed, total = {goal: [] for goal in WHAT}, dict.fromkeys(WHAT, 0)
    for seed in seeds:
        for goal, error in fuzz.try_goals(seed).items():
            total[goal] += 1
            if error is not None:
                failed[goal].append(described(f"fuzz.check({seed})", error))
    least = 0 if quick else 10_000
    for goal, what in WHAT.items():
        good = total[goal] - len(failed[goal])
        if goal == "G3":
            what += f", {total['G3'] - total['G4']} refused in words"
        yield Count(goal, what, good, total[goal], least, failed[goal][:20])
