"""G16: the most memory that a fit with two workers takes, next to X and the models."""

import os
import threading
import time
from pathlib import Path

import numpy as np
from sklearn.linear_model import Ridge

from benchmarks.reliability.goals import count
from skexperts.ensemble import PartitionedExpertsRegressor
from skexperts.partition import ColumnPartitioner

MOST = 1.5
N_CELLS = 50
MIB = 2**20


class Peak:
    """The most memory of this process and its workers, seen every 50 ms.

    Pages that several processes map are counted once: each has its share of them.
    """

    def __init__(self):
        self.bytes = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *exception):
        self._ended.set()
        self._thread.join()

    def _watch(self):
        while not self._ended.wait(0.05):
            self.bytes = max(self.bytes, memory())


def memory():
    """Return the bytes of this process and its children."""
    total, pids = 0, [os.getpid()]
    for task in Path("/proc/self/task").iterdir():
        pids += (task / "children").read_text().split()
    for pid in pids:
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total * 1024


def run(quick):
    """Yield the counts."""
    n_rows = (40 if quick else 400) * MIB // (100 * 8)
    rng = np.random.default_rng(0)
    ratios = []

    def check(order):
        X = np.empty((n_rows, 100), order=order)
        for column in range(100):
            X[:, column] = rng.normal(size=n_rows)
        X[:, 0] = np.arange(n_rows) % N_CELLS
        y = X[:, 1] * X[:, 0]
        model = PartitionedExpertsRegressor(
            Ridge(), partitioner=ColumnPartitioner(0), gate="hard"
        )
        # Libraries and idle workers are neither X nor models.
        model.set_params(n_jobs=2).fit(X[:1000], y[:1000])
        time.sleep(1)
        before = memory()
        with Peak() as peak:
            model.fit(X, y)
        ratios.append(1 + (peak.bytes - before) / X.nbytes)
        return ratios[-1] <= MOST

    counted = count("G16", "", ["C", "F"], check)
    texts = " and ".join(f"{ratio:.2f}" for ratio in ratios)
    size = n_rows * 800 // MIB
    what = f"X of {size} MiB in C and F order, 2 workers: {texts} times X"
    yield counted._replace(what=what)
