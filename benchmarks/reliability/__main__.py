"""One line for each goal of reliability: what was counted, how many, reached or not.

    python -m benchmarks.reliability [--quick] [--only TOPIC ...] [--json FILE]

``--quick`` takes a share of the inputs. What failed is written below its line.
"""

import argparse
import json
import sys
import time
import warnings
from importlib import import_module

from threadpoolctl import threadpool_limits

# A topic is a module here with ``run(quick)``, which yields counts.
TOPICS = [
    "data",
    "fuzz_oracle",
    "bit_equality",
    "faults",
    "resume",
    "persistence",
    "interrupt",
    "memory",
    "cluster",
]
# Goals that no topic counts, and why.
NOT_MEASURED = {
    "G1": "check_estimator runs in the tests: pytest -k scikit_learn_check",
    "G14": "python -m benchmarks.reliability.soak --seconds 1800",
    "G17": "pytest --cov",
    "G18": "versions are a matter of CI",
}


def main():
    """Print the counts of all goals; the exit code says whether one is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", nargs="+", choices=TOPICS, default=TOPICS)
    parser.add_argument("--json")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    counts = []
    with threadpool_limits(1):
        for topic in given.only:
            start = time.perf_counter()
            for count in import_module(f"benchmarks.reliability.{topic}").run(
                given.quick
            ):
                seconds = time.perf_counter() - start
                print(f"{count}  {seconds:.0f} s", flush=True)
                for failure in count.failures:
                    print(f"      {failure}")
                counts.append(count)
                start = time.perf_counter()
    reached = {count.goal for count in counts}
    for goal, reason in NOT_MEASURED.items():
        if goal not in reached:
            print(f"{goal:<4}not measured yet: {reason}")
    if given.json:
        rows = [count._asdict() | {"state": count.state} for count in counts]
        with open(given.json, "w") as file:
            json.dump({"counts": rows, "not measured": NOT_MEASURED}, file, indent=1)
    sys.exit(any(count.state != "reached" for count in counts) and not given.quick)


if __name__ == "__main__":
    main()
