"""G14: fits and predictions in a loop, and what grows: memory, files, processes.

    python -m benchmarks.reliability.soak [--seconds N] [--n-jobs N]

The slope of the resident memory is that of a line through the second half of the
samples, in bytes a cycle and in per cent an hour; the others are last minus first of
that half.
"""

import argparse
import gc
import os
import tempfile
import threading
import time
import warnings
from itertools import cycle
from pathlib import Path

import numpy as np
from grid import X_NEW, X
from models import MODELS, says

PAGE = os.sysconf("SC_PAGE_SIZE")


def sample():
    """Return bytes in memory, open files, threads, child processes, temporary files."""
    own = Path("/proc/self")
    memory = int((own / "statm").read_text().split()[1]) * PAGE
    children = sum(
        len((task / "children").read_text().split())
        for task in (own / "task").iterdir()
    )
    files = len(os.listdir(own / "fd"))
    temporary = sum(
        name.startswith(f"joblib_memmapping_folder_{os.getpid()}_")
        for folder in (tempfile.gettempdir(), "/dev/shm")
        for name in os.listdir(folder)
    )
    return memory, files, threading.active_count(), children, temporary


def soak(seconds, n_jobs):
    """Fit in a loop and return the samples, one for each round over all models."""
    samples, n_cycles, start = [], 0, time.perf_counter()
    for model in cycle([*MODELS, None]):
        if model is None:
            gc.collect()
            samples.append((n_cycles, *sample()))
            if time.perf_counter() - start > seconds:
                return np.array(samples, dtype=float)
            continue
        new = model.make()
        if "n_jobs" in new.get_params(deep=False):
            new.set_params(n_jobs=n_jobs)
        says(new.fit(X, model.y), X_NEW)
        n_cycles += 1


def main():
    """Print the slopes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--n-jobs", type=int)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    start = time.perf_counter()
    samples = soak(given.seconds, given.n_jobs)
    seconds = time.perf_counter() - start
    half = samples[len(samples) // 2 :]
    slope = np.polyfit(half[:, 0], half[:, 1], 1)[0] if len(half) > 1 else np.nan
    hour = slope * samples[-1, 0] / seconds * 3600 / half[0, 1]
    print(f"{int(samples[-1, 0]):,} fits in {seconds:.0f} s, {len(samples)} samples")
    print(f"memory {half[-1, 1] / 2**20:.1f} MiB, {slope:+.1f} bytes a fit, ", end="")
    print(
        f"{hour:+.2%} an hour, {half[-1, 1] / half[0, 1] - 1:+.3%} in the second half"
    )
    names = "open files", "threads", "processes", "temporary files"
    for name, column in zip(names, half[:, 2:].T, strict=True):
        print(f"{name}: {column[-1]:.0f}, {column[-1] - column[0]:+.0f}")


if __name__ == "__main__":
    main()
