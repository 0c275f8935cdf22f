"""G2 and G13: the catalogue of bad data, and strange answers of others' parts."""

import cases_codes  # noqa: F401
import cases_forms  # noqa: F401
import cases_models  # noqa: F401
import cases_process  # noqa: F401
import cases_rows  # noqa: F401
import cases_targets  # noqa: F401
import cases_weights  # noqa: F401
import hostile
from catalogue import CASES, all_inputs, share

from benchmarks.reliability.goals import count

# Cases that say that nothing given is changed.
PURE = (15, 81, 86, 87)


def run(quick):
    """Yield the counts."""
    inputs = share(8) if quick else all_inputs()
    numbers = {case.number for case in CASES}
    faults = [one for one in inputs if one.case.number not in PURE]
    least = 0 if quick else 1500
    what = f"inputs of {len(numbers)} cases of bad data end as expected"
    yield count("G2", what, faults, lambda one: one.check(), least)
    what = "strange answers of gates, partitioners, experts are named"
    yield count("G2", what, hostile.INPUTS, lambda pair: hostile.check(*pair))
    pure = [one for one in inputs if one.case.number in PURE]
    what = "fits leave X, y, weights and parts as they were, byte by byte"
    yield count("G13", what, pure, lambda one: one.check())
