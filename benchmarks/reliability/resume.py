"""G7 and G8: what a kill costs, and what a checkpoint costs, finds and survives.

Experts write a line for each of their fits, so that what is fitted again is counted.
"""

import errno
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from unittest import mock

import cloudpickle
import joblib
import numpy as np
from bits import digest
from joblib.externals.loky import get_reusable_executor
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from benchmarks.reliability.goals import Count, count
from skexperts import PartitionedExpertsClassifier
from skexperts.datasets import load_letter
from skexperts.ensemble._checkpoint import Checkpoint  # noqa: PLC2701

# So that workers need not import all of this.
cloudpickle.register_pickle_by_value(sys.modules[__name__])
N_EXPERTS = 40
# A chunk of the engine, with two jobs: four chunks a job.
CHUNK = N_EXPERTS // 8
# Workers of loky take long to begin.
JOBS = [("sequential", 1), ("threading", 2)] * 2 + [("loky", 2)]
FOLDER = "SKEXPERTS_FITS"

rng = np.random.default_rng(0)
X = rng.uniform(-1, 1, size=(40 * N_EXPERTS, 3))
# Both classes in every cell: a cell of one class has no expert to be counted.
y = (X.prod(axis=1) + rng.normal(size=len(X)) > 0).astype(int)


class Noted:
    """Writes a line for each fit; takes its time, and dies once, if it is told to."""

    def fit(self, X, y, sample_weight=None):
        folder = Path(os.environ[FOLDER])
        line = f"{self.random_state}\n".encode()
        file = os.open(folder / "fits", os.O_APPEND | os.O_CREAT | os.O_WRONLY)
        os.write(file, line)
        os.close(file)
        if (folder / f"die-{self.random_state}").exists():
            (folder / f"die-{self.random_state}").unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        if (folder / "slow").exists():
            time.sleep(0.02)
        return super().fit(X, y, sample_weight)


class Linear(Noted, LogisticRegression):
    """Is kept as arrays."""


class Tree(Noted, DecisionTreeClassifier):
    """Is kept as a pickle."""


def model_of(expert, folder=None, **options):
    options = {"n_experts": N_EXPERTS, "min_cell_size": 1, "top_k": 1, **options}
    return PartitionedExpertsClassifier(
        expert, checkpoint=folder, random_state=0, **options
    )


def bits_of(model):
    """Return the digest of all fitted arrays; of trees, what they predict."""
    return digest(model, X)


@contextmanager
def place(**files):
    """Give a folder in which fits are noted."""
    with (
        tempfile.TemporaryDirectory() as name,
        mock.patch.dict(os.environ, {FOLDER: name}),
    ):
        for file in files:
            (Path(name) / file).touch()
        yield Path(name)


def fits_in(folder):
    """Return which experts were fitted, as often as they were."""
    path = folder / "fits"
    return path.read_text().split() if path.exists() else []


# G7 -----------------------------------------------------------------------------------


def of_workers(one, whole):
    """Kill workers in a fit; what is fitted again was under way."""
    n_deaths, keeps = one
    seeds = [expert.random_state for expert in whole.experts_]
    chosen = np.random.default_rng(n_deaths).choice(seeds, n_deaths, replace=False)
    with place(slow=True) as folder:
        for seed in chosen:
            (folder / f"die-{seed}").touch()
        checkpoint = folder / "experts" if keeps else None
        with joblib.parallel_config("loky"):
            # Workers of their own, with this folder.
            get_reusable_executor(2).shutdown(kill_workers=True)
            model = model_of(Linear(), checkpoint, n_jobs=2).fit(X, y)
        again = len(fits_in(folder)) - N_EXPERTS
        most = n_deaths * 2 * (1 if keeps else CHUNK)
        left = list(folder.glob("die-*"))
        assert not left, f"{len(left)} workers did not die"
        assert n_deaths <= again <= most, f"{again} fitted again, at most {most}"
        return bits_of(model) == bits_of(whole)


def fit_in(folder, backend, n_jobs):
    """Fit in a process of its own, with a group of its own."""
    os.setsid()
    os.environ[FOLDER] = os.fspath(folder)
    warnings.simplefilter("ignore")
    with joblib.parallel_config(backend):
        model = model_of(Linear(), folder / "experts", n_jobs=n_jobs).fit(X, y)
    (folder / "bits").write_text(bits_of(model))
    # Else it would wait for its workers, which wait for more work.
    os._exit(0)


def of_parents(one, whole):
    """Kill the process of a fit, go on from its folder, and count."""
    backend, n_jobs, n_fits, delay = one
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    with place(slow=True) as folder:
        own = folder, backend, n_jobs
        first = context.Process(target=fit_in, args=own)
        first.start()
        while len(fits_in(folder)) < n_fits and first.is_alive():
            time.sleep(0.001)
        time.sleep(delay)
        os.kill(first.pid, signal.SIGKILL)
        first.join()
        assert first.exitcode == -signal.SIGKILL, "it was over before the kill"
        again = context.Process(target=fit_in, args=own)
        again.start()
        again.join()
        for process in (first, again):
            end_group(process.pid)
        n_again = len(fits_in(folder)) - N_EXPERTS
        assert n_again <= n_jobs, f"{n_again} fitted again"
        return (folder / "bits").read_text() == bits_of(whole)


def end_group(number):
    """End the workers that a killed process has left; they would wait for minutes."""
    try:
        os.killpg(number, signal.SIGKILL)
    except ProcessLookupError:
        return


# G8 -----------------------------------------------------------------------------------


def cost(quick):
    """Return seconds of a fit, of its checkpoint, and of its disk."""
    rows, labels = load_letter(return_X_y=True)
    rows, labels = (rows[:4000], labels[:4000]) if quick else (rows, labels)
    with tempfile.TemporaryDirectory() as folder:
        # The default expert, which is quick.
        model = PartitionedExpertsClassifier(
            n_experts=200, random_state=0, checkpoint=folder
        )
        # Versions of libraries are read once in a process.
        model.fit(rows[:500], labels[:500])
        spent, waits = [], []
        names = "__init__", "key", "read", "write"
        new = {name: timed(getattr(Checkpoint, name), spent) for name in names}
        with (
            mock.patch.multiple(Checkpoint, **new),
            mock.patch.object(os, "fsync", timed(os.fsync, waits)),
        ):
            start = time.perf_counter()
            model.fit(rows, labels)
            seconds = time.perf_counter() - start
    return seconds, sum(spent), sum(waits), model.n_experts_


def timed(function, spent):
    """Note the seconds of each call."""

    def call(*args):
        start = time.perf_counter()
        try:
            return function(*args)
        finally:
            spent.append(time.perf_counter() - start)

    return call


def cost_count(quick):
    """Count whether a checkpoint takes <= 3 % of a fit, and <= 1 ms an expert."""
    seconds, spent, waits, n_experts = cost(quick)
    fit, each, wait = (1000 * s / n_experts for s in (seconds - spent, spent, waits))
    share = spent / seconds
    told = f"{each:.2f} ms an expert ({wait:.2f} fsync), {share:.1%} of a fit"
    fine = {"3 % of a fit": share <= 0.03, "1 ms an expert": each <= 1.0}
    slow = f"an expert is fitted in {fit:.1f} ms, and fsync takes {wait:.2f} ms"
    bad = [f"more than {what}: {slow}" for what, reached in fine.items() if not reached]
    return Count("G8", f"checkpoint: {told}", sum(fine.values()), 2, 2, bad)


def damage(content, others, rng):
    """Return other bytes: bits flipped, an end or a block lost, another expert's."""
    changed = bytearray(content)
    kind, where = rng.integers(8), int(rng.integers(len(content)))
    if kind < 4:
        changed[where] ^= 1 << int(rng.integers(8))
    elif kind < 6:
        del changed[where:]
    elif kind == 6:
        block = changed[where : where + 512]
        changed[where : where + 512] = rng.bytes(len(block))
    else:
        changed = bytearray(others[rng.integers(len(others))])
    return bytes(changed)


def damaged(expert, n_rounds, seed):
    """Damage all files of a fit, fit again, and count the experts that were fitted."""
    rng = np.random.default_rng(seed)
    good, total, failures = 0, 0, []
    with place() as folder:
        model = model_of(expert, folder / "experts")
        whole = bits_of(model.fit(X, y))
        for turn in range(n_rounds):
            paths = sorted((folder / "experts").iterdir())
            contents = [path.read_bytes() for path in paths]
            n_damaged = 0
            for path, content in zip(paths, contents, strict=True):
                bad = damage(content, contents, rng)
                path.write_bytes(bad)
                n_damaged += bad != content
            (folder / "fits").unlink()
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                same = bits_of(model.fit(X, y)) == whole
            n_fits, n_warnings = len(set(fits_in(folder))), len(caught)
            total += n_damaged
            if same and n_fits == n_damaged and n_warnings == 1:
                good += n_damaged
            else:
                failures.append(
                    f"{type(expert).__name__}, round {turn}: {n_fits} of {n_damaged} "
                    f"fitted, {n_warnings} warnings, the same bits: {same}"
                )
    return good, total, failures


@contextmanager
def small_disk(n_pages):
    """Give a folder on a disk of so many pages."""
    with tempfile.TemporaryDirectory() as name:
        size = f"size={4 * n_pages}k,mode=700"
        subprocess.run(["mount", "-t", "tmpfs", "-o", size, "tmpfs", name], check=True)
        try:
            yield name
        finally:
            subprocess.run(["umount", name], check=True)


@contextmanager
def full_from(n):
    """Give a folder, and a disk that is full when the n-th expert is written."""
    waits = iter(range(N_EXPERTS * 2))

    def fsync(number):
        if next(waits) >= n:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with tempfile.TemporaryDirectory() as name, mock.patch.object(os, "fsync", fsync):
        yield name


def survives(disk, whole):
    """Fit on a disk that gets full: the same bits, one warning, no half file."""
    with (
        place(),
        disk as folder,
        warnings.catch_warnings(record=True) as caught,
    ):
        warnings.simplefilter("always")
        model = model_of(Linear(), folder).fit(X, y)
        texts = [str(one.message) for one in caught]
        assert len(texts) == 1, texts
        assert "No space left on device" in texts[0], texts
        left = list(Path(folder).glob("*.tmp"))
        assert not left, left
        return bits_of(model) == bits_of(whole)


def disks(quick):
    """Return disks that get full: feigned ones, and small ones if root can mount."""
    every = slice(None, None, 8 if quick else 1)
    those = [full_from(n) for n in range(N_EXPERTS)[every]]
    try:
        with small_disk(1):
            pass
    except (OSError, subprocess.CalledProcessError):
        return those
    return those + [small_disk(n) for n in range(1, N_EXPERTS)[every]]


def refused(mode):
    """Refuse a folder of others, or one that they can write to, and say which."""
    words = "belongs to another user" if mode == "foreign" else "others can write"
    with place() as folder:
        experts = folder / "experts"
        experts.mkdir()
        if mode == "foreign":
            # Also without the right to give folders away.
            number = os.geteuid() + 1
            with mock.patch.object(os, "geteuid", lambda: number):
                return words in error_of(experts)
        experts.chmod(mode)
        return words in error_of(experts)


def error_of(folder):
    try:
        model_of(Linear(), folder).fit(X, y)
    except ValueError as error:
        return str(error)
    return "no error"


def run(quick):
    """Yield the counts."""
    with place():
        whole = model_of(Linear()).fit(X, y)
    assert sum(isinstance(each, Linear) for each in whole.experts_) == N_EXPERTS
    turns = product([1, 3] if quick else range(1, 6), (True, False))
    what = "fits with 1 to 5 dead workers repeat what was under way; sha256"
    yield count("G7", what, turns, lambda one: of_workers(one, whole))
    rng, moments = np.random.default_rng(0), []
    for trial in range(6 if quick else 50):
        # Before the first expert too, and within any.
        n_fits = int(rng.integers(N_EXPERTS - 5))
        delay = rng.uniform(0, 0.03 if n_fits else 0.3)
        moments.append((*JOBS[trial % len(JOBS)], n_fits, delay))
    what = "killed fits go on with <= n_jobs experts repeated; sha256"
    least = 0 if quick else 50
    yield count("G7", what, moments, lambda one: of_parents(one, whole), least)
    yield cost_count(quick)
    n_rounds = 2 if quick else 10_000 // (2 * N_EXPERTS) + 3
    parts = [damaged(Linear(), n_rounds, 0)]
    parts.append(damaged(Tree(max_depth=3), n_rounds, 1))
    good, total = (sum(part[i] for part in parts) for i in (0, 1))
    failures = [failure for part in parts for failure in part[2]][:20]
    what = "damaged files are found and fitted again, with one warning"
    yield Count("G8", what, good, total, 0 if quick else 10_000, failures)
    what = "fits on a disk that gets full are right, with one warning"
    yield count("G8", what, disks(quick), lambda disk: survives(disk, whole))
    what = "folders of others, or that they can write to, are refused"
    modes = ["foreign", 0o777, 0o770, 0o707, 0o720, 0o702]
    yield count("G8", what, modes, refused)
