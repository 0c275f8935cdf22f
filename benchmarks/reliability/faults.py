"""G6, G9 and G12: a fault in the expert of cell n, for every n, and what is left.

    python -m benchmarks.reliability.faults

tries all faults at all cells, in about an hour. As a topic, those that cost workers are
tried at every tenth cell. Workers are forked here, which takes 20 ms and not a second
each; tests/test_parallel_faults.py begins them as users do.
"""

import faulthandler
import os
import signal
import tempfile
import time
import warnings
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path

import joblib
import numpy as np
from joblib.externals.loky import get_reusable_executor
from joblib.externals.loky.backend.context import set_start_method
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.exceptions import ConvergenceWarning, NotFittedError

from benchmarks.reliability.goals import count
from skexperts.ensemble import PartitionedExpertsRegressor
from skexperts.exceptions import CellFitError
from skexperts.partition import ColumnPartitioner

N_CELLS = 200
LIMIT = 60
# Those after which a cell is tried again; True for those that cost the workers.
TRIED_AGAIN = {
    "SIGKILL": True,
    "SIGSEGV": True,
    "_exit": True,
    "hang": True,
    "MemoryError": False,
}
FAULTS = [*TRIED_AGAIN, "exception", "unpicklable exception", "NaN"]
ROWS = np.random.default_rng(0).normal(size=(4 * N_CELLS, 2))
ROWS[:, 0] = np.arange(len(ROWS)) % N_CELLS
Y = ROWS[:, 1] * (1 + ROWS[:, 0])


class Strange(Exception):
    """Pickling it succeeds, unpickling does not."""

    def __init__(self, one, two):
        super().__init__(f"{one} and {two}")


class Faulty(RegressorMixin, BaseEstimator):
    """A slope, with a fault in one cell: each time, or once if there is a mark."""

    def __init__(self, fault=None, cell=None, mark=None):
        self.fault = fault
        self.cell = cell
        self.mark = mark

    def fit(self, X, y):
        """Find the slope."""
        self.coef_ = np.array([0, X[:, 1] @ y / (X[:, 1] @ X[:, 1])])
        if (X[:, 0] == self.cell).all():
            if self.mark is None:
                self._fail()
            elif not self.mark.exists():
                self.mark.touch()
                self._fail()
        return self

    def _fail(self):
        if self.fault == "SIGKILL":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.fault == "SIGSEGV":
            faulthandler.disable()
            os.kill(os.getpid(), signal.SIGSEGV)
        if self.fault == "_exit":
            os._exit(3)
        if self.fault == "MemoryError":
            raise MemoryError
        if self.fault == "exception":
            raise ZeroDivisionError("no")
        if self.fault == "unpicklable exception":
            raise Strange("one", "two")
        if self.fault == "NaN":
            self.coef_[:] = np.nan
        while self.fault == "hang":
            time.sleep(LIMIT)

    def predict(self, X):
        """Return products with the slope."""
        return X @ self.coef_


class Loud(Faulty):
    """Warns in each cell, or fails in each; not on the rows of several."""

    def fit(self, X, y):
        """Find the slope, if at all."""
        if (X[:, 0] == X[0, 0]).all():
            if self.fault:
                raise ZeroDivisionError(f"no {X[0, 0]}")
            warnings.warn(
                f"no convergence, gap {X[0, 1]}", ConvergenceWarning, stacklevel=2
            )
        return super().fit(X, y)


def model_of(expert, **options):
    """Return a model of 200 cells and a few rows each."""
    return PartitionedExpertsRegressor(
        expert,
        partitioner=ColumnPartitioner(0),
        gate="hard",
        min_cell_size=1,
        random_state=0,
        **options,
    )


def bits(model):
    """Return the bytes of what was learned and of what is said."""
    slopes = [expert.coef_.tobytes() for expert in model.experts_]
    return slopes, model.predict(ROWS).tobytes()


@contextmanager
def forked_workers():
    """Let worker processes be forked for a while."""
    get_reusable_executor(2).shutdown(kill_workers=True)
    set_start_method("fork", force=True)
    try:
        yield
    finally:
        get_reusable_executor(2).shutdown(kill_workers=True)
        set_start_method(None, force=True)


@contextmanager
def at_most(seconds):
    """Raise a TimeoutError in the main thread after some time."""

    def stop(*_):
        raise TimeoutError(f"not done in {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


class Injections:
    """Faults at cells, and what each has left behind."""

    def __init__(self):
        self.old = model_of(Faulty()).fit(ROWS, -Y)
        self.good = bits(model_of(Faulty()).fit(ROWS, Y))
        self.left = {}

    def check(self, one):
        """Whether a fault ends in the right model or an error that names the cell.

        Every other fault that a second trial can heal occurs once. Every other two are
        in the second fit of a model.
        """
        fault, n = one
        once, again = fault in TRIED_AGAIN and n % 2 == 1, n // 2 % 2 == 1
        with tempfile.TemporaryDirectory() as folder, at_most(LIMIT):
            mark = Path(folder) / "mark" if once else None
            model = deepcopy(self.old) if again else model_of(None)
            model.set_params(expert=Faulty(fault, n - 1, mark), n_jobs=2)
            if fault == "hang":
                model.set_params(cell_timeout=1)
            try:
                model.fit(ROWS, Y)
            except CellFitError as error:
                self.left[one] = model, again
                return not once and error.cell == n - 1
        return once and bits(model) == self.good

    def check_left(self, one):
        """Whether a failed fit has left the model as it was."""
        model, again = self.left[one]
        if again:
            return bits(model) == bits(self.old)
        try:
            model.predict(ROWS)
        except NotFittedError:
            return True
        return False


def run(quick, step=10):
    """Yield the counts; of faults that cost workers, every ``step``-th is tried."""
    injections = Injections()
    with forked_workers():
        for fault in FAULTS:
            every = step if TRIED_AGAIN.get(fault) else 1
            # Odd, so that every ``every``-th has all the ways of a fault.
            cells = range(1, N_CELLS + 1, (every | 1) * (9 if quick else 1))
            inputs = [(fault, n) for n in cells]
            what = f"{fault} at cell n of {N_CELLS}: the right model, or its name"
            yield count("G6", what, inputs, injections.check)
    what = "failed fits leave no model, or the old one bit by bit"
    yield count("G9", what, injections.left, injections.check_left)
    inputs = [("sequential", 1), ("loky", 2), ("threading", 2)]
    what = f"backends: {N_CELLS} experts fail, 1 warning, all in fit_report_"
    yield count("G12", what, inputs, lambda one: one_warning("fails", *one))
    what = f"backends: {N_CELLS} experts warn, 1 warning says how often"
    yield count("G12", what, inputs, lambda one: one_warning(None, *one))


def one_warning(fault, backend, n_jobs):
    """Whether there is one warning for all cells, and the report is exact."""
    model = model_of(Loud(fault), n_jobs=n_jobs, on_cell_error="fallback")
    with (
        warnings.catch_warnings(record=True) as seen,
        joblib.parallel_config(backend=backend),
    ):
        warnings.simplefilter("always")
        model.fit(ROWS, Y)
    (text,) = [str(one.message) for one in seen]
    states = model.fit_report_["state"][:N_CELLS]
    if fault:
        return f"{N_CELLS} of" in text and (states == "fallback").all()
    return f"{N_CELLS} times" in text and (states == "fitted").all()


def main():
    """Print the counts for every fault at every cell."""
    for one in run(quick=False, step=1):
        print(one, *one.failures, sep="\n      ", flush=True)


if __name__ == "__main__":
    main()
