"""G11: Ctrl-C in the middle of a fit: control at once, and nothing is left.

Until the process ends, the pool of workers, which has none then, keeps ten semaphores
and an empty folder in /dev/shm, as it does after a fit that was not interrupted.
"""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin

from benchmarks.reliability.goals import count

N_TRIES = 100
MOST_SECONDS = 2
# In which workers must be gone, with the files of large arrays.
SECONDS_LEFT = 10
N_CELLS = 40
SHARED_MEMORY = Path("/dev/shm")


class Slow(RegressorMixin, BaseEstimator):
    """A mean, found in some tenths of a second."""

    def fit(self, X, y):
        """Compute until the time is over."""
        end = time.monotonic() + 0.3
        while time.monotonic() < end:
            self.mean_ = float(np.mean(y))
        return self

    def predict(self, X):
        """Return the mean."""
        return np.full(len(X), self.mean_)


def run(quick):
    """Yield the counts; a process that is stopped by hand is none of those counted."""
    n_tries = 4 if quick else N_TRIES
    left = []

    def check(number):
        control, *others = interrupted(number)
        left.append(others)
        return control

    what = f"Ctrl-C in a fit of 2 workers: control in less than {MOST_SECONDS} s"
    yield count("G11", what, range(n_tries), check, least=0 if quick else N_TRIES)
    what = f"of them: no worker, no array in /dev/shm, {SECONDS_LEFT} s later"
    yield count("G11", what, range(len(left)), lambda i: not left[i][0])
    what = "of them: nothing in /dev/shm when the process has ended"
    yield count("G11", what, range(len(left)), lambda i: not left[i][1])


def interrupted(number):
    """Interrupt a fit in a process of its own.

    Returns
    -------
    control : bool, whether it had control soon
    left : list of str, the workers and arrays of it that were still there
    at_last : list of Path, what is in shared memory after its end
    """
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.reliability.interrupt"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as child:
        assert child.stdout.readline() == "begins\n"
        # At any moment: while workers begin, are given X, or fit.
        time.sleep(0.05 + 4 * np.random.default_rng(number).uniform())
        start = time.monotonic()
        # What a terminal does: it tells the workers too.
        os.killpg(child.pid, signal.SIGINT)
        line = child.stdout.readline()
        control = line == "control\n" and time.monotonic() - start < MOST_SECONDS
        while time.monotonic() - start < SECONDS_LEFT:
            time.sleep(0.1)
            arrays = [one for path in files(child.pid) for one in path.glob("*")]
            left = [*descendants(child.pid), *arrays]
            if not left:
                break
        child.communicate("end\n", timeout=60)
    return control, left, files(child.pid)


def files(pid):
    """Return the folders of large arrays, and other files, that a process shares."""
    pattern = re.compile(rf"[-_]{pid}[-_]")
    return [path for path in SHARED_MEMORY.iterdir() if pattern.search(path.name)]


def descendants(pid):
    """Return the processes of a session that are alive, without trackers and itself."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            command = (folder / "cmdline").read_text()
        except OSError:
            continue
        mine = int(fields[3]) == pid and int(folder.name) != pid
        if mine and fields[0] != "Z" and "resource_tracker" not in command:
            found.append(command)
    return found


def main():
    """Fit until there is an interrupt, and then wait for the end."""
    from benchmarks.reliability.interrupt import Slow
    from skexperts.ensemble import PartitionedExpertsRegressor
    from skexperts.partition import ColumnPartitioner

    X = np.random.default_rng(0).normal(size=(100_000, 10))
    X[:, 0] = np.arange(len(X)) % N_CELLS
    model = PartitionedExpertsRegressor(
        Slow(), partitioner=ColumnPartitioner(0), gate="hard", n_jobs=2
    )
    print("begins", flush=True)
    try:
        model.fit(X, X[:, 1])
    except KeyboardInterrupt:
        print("control", flush=True)
    sys.stdin.readline()


if __name__ == "__main__":
    main()
