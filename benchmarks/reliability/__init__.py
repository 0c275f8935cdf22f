"""The goals of reliability, counted: ``python -m benchmarks.reliability``.

What is counted is what ``tests/reliability`` tries a share of, so its modules, and the
plain-loop oracle, are found here as they are by the tests.
"""

import os
import sys
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

_TESTS = Path(__file__).resolve().parents[2] / "tests"
sys.path[:0] = [str(_TESTS / name) for name in ("ensemble", "io", "reliability")]
