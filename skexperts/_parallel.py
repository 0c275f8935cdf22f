"""The only caller of joblib: run many independent tasks, warn once.

Tasks are sent in chunks, the costly ones first, and their results come back in the
order of the tasks, so that nothing depends on the number of jobs or on the backend.
"""

import os
import re
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from functools import cache, partial
from types import FrameType
from typing import Any

import numpy as np
from joblib import cpu_count, effective_n_jobs
from joblib.parallel import get_active_backend
from sklearn.utils.parallel import Parallel, delayed
from threadpoolctl import ThreadpoolController

from skexperts._callbacks import Task

# More chunks than workers, so that a worker that ends early finds another chunk.
_CHUNKS_PER_JOB = 4
_LIBRARIES = ("skexperts.", "sklearn.")
_NUMBER = re.compile(r"\d[\d.eE+-]*")


def run_tasks(
    function: Callable,
    tasks: Sequence[tuple],
    *,
    common: tuple = (),
    costs: Sequence[float] | None = None,
    n_jobs: int | None = None,
    task: Task | None = None,
) -> list:
    """Return ``[function(*common, *task) for task in tasks]``, computed in parallel.

    Parameters
    ----------
    function : callable
        A function defined at the top level of a module, without side effects.
    tasks : sequence of tuples
        Arguments of each call.
    common : tuple
        Arguments shared by all calls; large arrays go to the workers once.
    costs : sequence of float, optional
        Relative cost of each task; costly tasks start first.
    n_jobs : int or None
        As in joblib.
    task : Task, optional
        What callbacks are told of this call, see :meth:`~Task.many`. The function is
        given the subtask of each call as ``task=``, to run it.

    Returns
    -------
    results : list
        In the order of ``tasks``. Warnings that differ in numbers only are issued once,
        by the caller's process, with how often they occurred.
    """
    if not tasks:
        return []
    if get_active_backend()[0].nesting_level:
        # One level of parallel work: inside a worker joblib would start threads.
        n_jobs = 1
    n_jobs_effective = effective_n_jobs(n_jobs)
    n_chunks = 1
    if n_jobs_effective > 1:
        n_chunks = min(len(tasks), _CHUNKS_PER_JOB * n_jobs_effective)
    order = np.argsort(
        -np.asarray(costs if costs is not None else np.ones(len(tasks))), kind="stable"
    )
    chunks = [order[start::n_chunks] for start in range(n_chunks)]
    with (
        _CaughtWarnings() as caught,
        one_blas_thread(),
        nullcontext() if task is None else task.running(),
    ):
        done = Parallel(n_jobs=n_jobs)(
            delayed(_run_chunk)(
                partial(_call, function, common, task),
                [(int(i), tasks[i]) for i in chunk],
                os.getpid(),
            )
            for chunk in chunks
        )
    results: list[Any] = [None] * len(tasks)
    for chunk, (chunk_results, chunk_warnings) in zip(chunks, done, strict=True):
        caught.extend(chunk_warnings)
        for i, result in zip(chunk, chunk_results, strict=True):
            results[i] = result
    caught.issue_summary(len(tasks))
    return results


def run_threads(
    function: Callable,
    tasks: Sequence[tuple],
    *,
    common: tuple = (),
    n_jobs: int | None = None,
) -> list:
    """Return what :func:`run_tasks` does, in threads of this process.

    For tasks of milliseconds that release the interpreter's lock and warn of nothing:
    joblib's own threads take ten milliseconds to begin.

    Parameters
    ----------
    function, tasks, common, n_jobs : as in :func:`run_tasks`
    """
    n_threads = 1
    if not get_active_backend()[0].nesting_level:
        n_threads = min(effective_n_jobs(n_jobs), cpu_count(), len(tasks))
    with one_blas_thread():
        if n_threads <= 1:
            return [function(*common, *task) for task in tasks]
        with ThreadPoolExecutor(n_threads) as pool:
            return list(pool.map(lambda task: function(*common, *task), tasks))


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Let BLAS use one thread, as it does in worker processes.

    The last bits of a matrix product depend on the number of BLAS threads. The number
    belongs to the whole process, and two threads that limit it at once would not give
    it back, so that outside the main thread this does nothing.
    """
    with _one_thread("blas"):
        yield


@contextmanager
def one_openmp_thread() -> Iterator[None]:
    """Let OpenMP use one thread, for the same reason as :func:`one_blas_thread`."""
    with _one_thread("openmp"):
        yield


@contextmanager
def _one_thread(api: str) -> Iterator[None]:
    if threading.current_thread() is threading.main_thread():
        with _pools(api).limit(limits=1):
            yield
    else:
        yield


@cache
def _pools(api: str):
    return ThreadpoolController().select(user_api=api)


def _run_chunk(call, tasks, parent):
    if os.getpid() == parent:
        return [call(*task) for task in tasks], []
    with _CaughtWarnings() as caught, one_blas_thread():
        results = [call(*task) for task in tasks]
    return results, caught.seen


def _call(function, common, task, number, arguments):
    if task is None:
        return function(*common, *arguments)
    return function(*common, *arguments, task=task.number(number))


class _CaughtWarnings:
    """Hold back warnings and issue each distinct one once.

    Catching warnings replaces a hook of the whole process, which is only safe from the
    main thread: elsewhere warnings pass unchanged.
    """

    def __init__(self):
        self.seen: list[tuple[type[Warning], str]] = []
        self._catcher = None

    def __enter__(self):
        if threading.current_thread() is threading.main_thread():
            self._catcher = warnings.catch_warnings(record=True)
            self._records = self._catcher.__enter__()
            warnings.simplefilter("always")
        return self

    def __exit__(self, *exception):
        if self._catcher is not None:
            self._catcher.__exit__(*exception)
            self.extend((w.category, str(w.message)) for w in self._records)

    def extend(self, seen):
        self.seen.extend(seen)

    def issue_summary(self, n_tasks):
        """Issue one warning per category and text; numbers in the text may differ."""
        kinds: dict[tuple, list[str]] = {}
        for category, text in self.seen:
            kinds.setdefault((category, _NUMBER.sub("#", text)), []).append(text)
        for (category, _), texts in kinds.items():
            times = "once" if len(texts) == 1 else f"{len(texts)} times"
            warnings.warn(
                f"{texts[0]} (issued {times} in {n_tasks} tasks)",
                category,
                stacklevel=users_stacklevel(),
            )


def users_stacklevel():
    """Level at which ``warnings.warn`` points at the line that called the library.

    To be called by the function that warns.
    """
    frame: FrameType | None = sys._getframe(1)
    level = 0
    while frame and frame.f_globals.get("__name__", "").startswith(_LIBRARIES):
        frame, level = frame.f_back, level + 1
    return level + 1
