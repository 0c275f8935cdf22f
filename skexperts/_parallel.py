"""The only caller of joblib: run many independent tasks, lose none, warn once.

Tasks are sent in chunks, the costly ones first, and their results are put in the order
of the tasks, so that nothing depends on the number of jobs or on the backend.

A worker that dies takes along what other workers have begun. Chunks that were under
way are tried again task by task, and tasks that were under way for a second time one
at a time: who dies alone is at fault. All others go first.
"""

import os
import platform
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, nullcontext, suppress
from math import ceil
from multiprocessing import TimeoutError as NoAnswer
from typing import Any

import joblib
import numpy as np
from joblib import cpu_count, effective_n_jobs
from joblib.parallel import get_active_backend
from sklearn.utils.parallel import Parallel, delayed

from skexperts._callbacks import Task
from skexperts._clusters import cluster_of, in_task_of_dask
from skexperts._failures import Failure, NotSent, raise_failure
from skexperts._threads import one_blas_thread
from skexperts._warnings import CaughtWarnings

# More chunks than workers, so that a worker that ends early finds another chunk.
_CHUNKS_PER_JOB = 4
# A chunk begins no other task after this time: what it has not sent back can be lost.
_CHUNK_SECONDS = 0.5
_MOST_DEATHS = 3
# A minute and more: then those that have begun go on without the others.
_MOST_GREETINGS = 1000
# What loky says if workers cannot get any task: no task is at fault.
_NOT_SENT = "not pickle the task", "task has failed to un-serialize"


def run_tasks(
    function: Callable,
    tasks: Sequence[tuple],
    *,
    common: tuple = (),
    costs: Sequence[float] | None = None,
    n_jobs: int | None = None,
    timeout: float | None = None,
    task: Task | None = None,
    on_failure: Callable[[int, Failure], Any] = raise_failure,
) -> list:
    """Return ``[function(*common, *task) for task in tasks]``, computed in parallel.

    Parameters
    ----------
    function : callable
        A function defined at the top level of a module, without side effects: it may
        be called again if a worker dies.
    tasks : sequence of tuples
        Arguments of each call.
    common : tuple
        Arguments shared by all calls; large arrays go to the workers once.
    costs : sequence of float, optional
        Relative cost of each task; costly tasks start first.
    n_jobs : int or None
        As in joblib.
    timeout : float, optional
        Seconds without an answer after which workers are stopped, as if they had died.
        They must be such that can be, see :func:`workers_can_be_stopped`.
    task : Task, optional
        What callbacks are told of this call, see :meth:`~Task.many`. The function is
        given the subtask of each call as ``task=``, to run it.
    on_failure : callable
        ``on_failure(number, failure)`` is the result of a task that failed. It is
        called in this process, as soon as the failure is certain, and by default raises
        the error, which ends the others.

    Returns
    -------
    results : list
        In the order of ``tasks``. Warnings that differ in numbers only are issued once,
        by the caller's process, with how often they occurred.

    Notes
    -----
    A task fails if it raises an exception (after a MemoryError it is tried once more,
    alone), if its result cannot be sent, or if it was under way three times, the last
    time alone, when a worker died or was stopped.
    """
    if not tasks:
        return []
    backend = get_active_backend()[0]
    if _in_worker(backend):
        # One level of parallel work: inside a worker joblib would start threads.
        n_jobs = 1
    cluster = None if n_jobs == 1 else cluster_of(backend, n_jobs)
    order = np.argsort(
        -np.asarray(costs if costs is not None else np.ones(len(tasks))), kind="stable"
    )
    with (
        CaughtWarnings() as caught,
        one_blas_thread(),
        nullcontext() if task is None else task.running(),
    ):
        if cluster is None and effective_n_jobs(n_jobs) == 1:
            done = {}
            for i in order.tolist():
                one = _call(function, common, task, i, tasks[i])
                done[i] = on_failure(i, one) if isinstance(one, Failure) else one
        else:
            workers = _Workers(
                function, tasks, common, n_jobs, task, on_failure, cluster
            )
            with nullcontext() if cluster is None else cluster.serving(workers.shared):
                done = workers.run(order.tolist(), timeout)
            for i in order.tolist():
                caught.extend(workers.warnings.get(i, ()))
    caught.issue_summary(len(tasks))
    return [done[i] for i in range(len(tasks))]


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


def workers_can_be_stopped(n_jobs: int | None) -> bool:
    """Whether tasks go to processes of this machine, of the default backend."""
    backend = get_active_backend()[0]
    is_loky = type(backend).__name__ == "LokyBackend"
    return is_loky and not _in_worker(backend) and effective_n_jobs(n_jobs) > 1


def _in_worker(backend) -> bool:
    return bool(backend.nesting_level) or in_task_of_dask()


def this_process() -> tuple[str, int]:
    """Return machine and number: containers give the same number to many processes."""
    return platform.node(), os.getpid()


def object_digest(value) -> str:
    """Return a digest of what a value pickles to, the same in all processes.

    Parameters
    ----------
    value : object

    Raises
    ------
    Exception
        If it cannot be pickled.
    """
    return joblib.hash(value, hash_name="sha1", coerce_mmap=True)


class _Workers:
    """Tasks on the workers of the active backend, any of which may die."""

    def __init__(self, function, tasks, common, n_jobs, task, on_failure, cluster):
        self.function, self.tasks, self.common = function, tasks, common
        self.n_jobs, self.task, self.on_failure = n_jobs, task, on_failure
        self.cluster = cluster
        self.done: dict[int, Any] = {}
        # How often each task was under way when a worker died.
        self.deaths: Counter[int] = Counter()
        # Warnings of each chunk by its first task, as chunks end in any order.
        self.warnings: dict[int, list] = {}
        self.seconds = 0.0
        self.memmaps = True
        self.over = False
        # How many were done when the last chunks were sent.
        self.done_before = 0
        self.shared = (function, task, *common)

    def run(self, order, timeout):
        """Return the result, or the failure, of each task by its number."""
        while len(self.done) < len(order):
            with Parallel(
                n_jobs=self.n_jobs,
                batch_size=1,
                return_as="generator_unordered" if self._streams() else "list",
                max_nbytes="1M" if self.memmaps else None,
                **({} if self.cluster is None else self.cluster.options),
            ) as parallel:
                # After a death the pool is another one, and so is what calls it.
                if timeout is not None and not self._begin(parallel):
                    continue
                parallel.timeout = timeout
                while len(self.done) < len(order):
                    if not self._all_return(parallel, self._chunks(order)):
                        break
        return self.done

    def _streams(self):
        return getattr(get_active_backend()[0], "supports_return_generator", False)

    def _begin(self, parallel):
        """Wait for all workers to begin, which may take long; whether none died."""
        n_workers, begun = effective_n_jobs(self.n_jobs), set()
        for _ in range(_MOST_GREETINGS):
            try:
                call = delayed(_greet)(self.function, self.task, *self.common)
                begun.update(parallel([call] * n_workers))
            except Exception as error:
                self._blame({}, error)
                return False
            if len(begun) >= n_workers:
                break
        return True

    def _chunks(self, order):
        """Cut the tasks to be tried next."""
        left = [i for i in order if i not in self.done]
        calm = [i for i in left if not self.deaths[i]]
        if self.deaths and len(self.done) == self.done_before:
            # Where all workers die, this is known soon.
            return [[max(left, key=self.deaths.__getitem__)]]
        if not calm:
            suspects = [[i] for i in left if self.deaths[i] == 1]
            return suspects or [[left[0]]]
        least = n_chunks = _CHUNKS_PER_JOB * effective_n_jobs(self.n_jobs)
        if self.done:
            mean = self.seconds / len(self.done)
            n_chunks = max(n_chunks, ceil(len(calm) * mean / _CHUNK_SECONDS))
        n_chunks = min(n_chunks, len(calm))
        chunks = [calm[start::n_chunks] for start in range(n_chunks)]
        # What a backend gives all at once can also be lost all at once.
        return chunks if self._streams() else chunks[:least]

    def _all_return(self, parallel, chunks):
        """Try some chunks; whether no worker died."""
        sent: dict = {}
        self.done_before = len(self.done)
        with closing(self._answers(parallel, chunks, sent)) as answers:
            while True:
                try:
                    answer = next(answers, None)
                except NoAnswer:
                    # It has no text, and joblib has stopped the workers.
                    text = f"no answer for {parallel.timeout:g} s, and it was stopped"
                    self._blame(sent, TimeoutError(text))
                    return False
                except Exception as error:
                    self._blame(sent, error)
                    return False
                if answer is None:
                    return True
                chunk = sent.pop(answer[0][0][0])
                try:
                    self._keep(chunk, *answer)
                except Exception as error:
                    self._end_threads(answers)
                    # Closed without an error, joblib would warn of what is left.
                    answers.throw(error)

    def _answers(self, parallel, chunks, sent):
        """Yield what chunks give as they end; note what is sent, by its first task."""

        def send():
            for chunk in chunks:
                if self.over or (self.cluster is not None and self.cluster.lossy):
                    return
                sent[chunk[0]] = chunk
                yield delayed(_run_chunk)(
                    self.function,
                    self.task,
                    [(i, self.tasks[i]) for i in chunk],
                    this_process(),
                    *self.common,
                )

        try:
            yield from parallel(send())
        finally:
            if self.cluster is not None:
                self.cluster.forget()

    def _end_threads(self, answers):
        """Wait for threads: nothing can end them, and they would work on unseen."""
        self.over = True
        if getattr(get_active_backend()[0], "supports_sharedmem", False):
            with suppress(Exception):
                deque(answers, maxlen=0)

    def _keep(self, chunk, outcomes, seen):
        """Store what a chunk has given."""
        self.warnings.setdefault(chunk[0], []).extend(seen)
        for i, result, seconds in outcomes:
            self.seconds += seconds
            if not isinstance(result, Failure):
                self.done[i] = result
            elif result.is_of_memory() and self.deaths[i] < _MOST_DEATHS - 1:
                self.deaths[i] = _MOST_DEATHS - 1
            elif result.lost:
                # A task that was a chunk of its own goes alone next.
                self.deaths[i] += 1 if len(chunk) > 1 or self.deaths[i] else 2
                self._judge(i, result)
            else:
                self.done[i] = self.on_failure(i, result)

    def _judge(self, i, failure):
        """Give up a task that was under way too often when a worker died."""
        if self.deaths[i] >= _MOST_DEATHS:
            self.done[i] = self.on_failure(i, failure)

    def _blame(self, sent, error):
        """Note what was under way when a worker died."""
        if self.memmaps and "not pickle the task" in str(error):
            # There may be no room, or no right, to write large arrays to a file.
            self.memmaps = False
            return
        if isinstance(error, NotSent):
            raise error.args[0]
        suspects = [i for chunk in sent.values() for i in chunk]
        if not suspects or any(text in str(error) for text in _NOT_SENT):
            raise error
        for i in suspects:
            self.deaths[i] += 1
            self._judge(i, Failure(error, lost=True))


def _greet(*needed):
    """Say which worker has imported what tasks need, and leave others the next."""
    time.sleep(0.05)
    return this_process()


def _run_chunk(function, task, tasks, parent, *common):
    """Run the first of some tasks, and others while there is time."""
    if this_process() == parent:
        return _outcomes(function, task, tasks, common), []
    with CaughtWarnings(in_worker=True) as caught, one_blas_thread():
        outcomes = [
            (i, one.portable() if isinstance(one, Failure) else one, seconds)
            for i, one, seconds in _outcomes(function, task, tasks, common)
        ]
    return outcomes, caught.seen


def _outcomes(function, task, tasks, common):
    """Return number, result or failure, and seconds of tasks."""
    outcomes, start = [], time.perf_counter()
    before = start
    for i, arguments in tasks:
        result = _call(function, common, task, i, arguments)
        now = time.perf_counter()
        outcomes.append((i, result, now - before))
        if now - start > _CHUNK_SECONDS:
            break
        before = now
    return outcomes


def _call(function, common, task, number, arguments):
    subtask = {} if task is None else {"task": task.number(number)}
    try:
        return function(*common, *arguments, **subtask)
    except Exception as error:
        return Failure(error, error.__cause__)
