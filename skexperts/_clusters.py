"""What Dask and Ray would wait for for ever, or lose, ends in an answer.

joblib hears nothing of a task that Dask gives up, and waits. A worker that cannot
unpickle its task has no way to say so, neither on Dask nor on Ray, and a pool of Ray's
whose actor died is built anew. So the calls of one backend object are led through here
while tasks run on it: values travel sealed and are opened inside the task, where an
error is an ordinary one, and a task that was lost is answered as such.
"""

import sys
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any
from uuid import uuid4
from weakref import WeakKeyDictionary

import numpy as np
from scipy.sparse import issparse

from skexperts._failures import Failure, NotSent
from skexperts._sealed import Put, Sealed, opened_result, run_sealed

# How long a cluster may be without any worker. A worker that died is back in a few
# seconds; joblib's own ``wait_for_workers_timeout`` makes it longer.
_SECONDS_WITHOUT_WORKERS = 20
_SECONDS_BETWEEN_LOOKS = 1
# Threads that share a backend object take turns.
_turns: WeakKeyDictionary = WeakKeyDictionary()
# Errors of Dask and Ray which say that a worker died, and not what a task did.
_DEATHS = {"KilledWorker", "RayActorError", "WorkerCrashedError", "NodeDiedError"}


class Cluster:
    """The workers of a backend of joblib that are no children of this process.

    Parameters
    ----------
    backend : DaskDistributedBackend or RayBackend of joblib
    dumps : callable
        Pickles functions and classes of ``__main__``, too.
    """

    place: str
    # Of Parallel.
    options: dict = {}

    def __init__(self, backend, dumps: Callable):
        self.backend, self.dumps = backend, dumps
        # Answers that joblib waits for.
        self.due: dict[int, Callable] = {}
        self.shared: dict[int, Any] = {}
        # Whether a worker died since the first chunk was sent.
        self.lossy = False

    @contextmanager
    def serving(self, shared):
        """Lead the calls of the backend through here.

        Parameters
        ----------
        shared : tuple
            Arguments of all tasks, which are sealed once.
        """
        with _turns.setdefault(self.backend, threading.RLock()):
            yield from self._serving(shared)

    def _serving(self, shared):
        # The values are kept, so that no other gets the number of one of them.
        self.values = shared
        self.shared = {id(value): self.seal(value) for value in shared}
        methods = {
            "submit": partial(self.submit, self.backend.submit),
            "effective_n_jobs": partial(self.count, self.backend.effective_n_jobs),
        }
        vars(self.backend).update(methods)
        try:
            with self.watching():
                yield
        finally:
            for name in methods:
                vars(self.backend).pop(name, None)
            self.forget()

    def submit(self, submit, func, callback):
        """Send a chunk, and see to it that joblib is answered, once."""
        ((run, arguments, _),) = func.items
        chunk, name = arguments[2], id(callback)

        def answer(out):
            """Tell joblib, unless it was told."""
            if self.due.pop(name, None) is not None:
                callback(self.translate(chunk, out))

        self.due[name] = answer
        try:
            func.items = [
                (
                    run_sealed,
                    [
                        self.dumps,
                        *(
                            self.shared[id(one)]
                            if id(one) in self.shared
                            else self.seal(one)
                            for one in (run, *arguments)
                        ),
                    ],
                    {},
                )
            ]
            return self.send(submit, func, answer)
        except Exception as error:
            answer(NotSent(error))
            return None

    def send(self, submit, func, answer):
        """Send a chunk."""
        return submit(func, answer)

    def seal(self, value):
        """Pickle a value, unless it is an array of numbers."""
        if isinstance(value, np.ndarray) and not value.dtype.hasobject:
            return value
        if issparse(value):
            return value
        return Sealed(value, self.dumps)

    def count(self, effective_n_jobs, n_jobs):
        """Count the jobs."""
        return effective_n_jobs(n_jobs)

    def translate(self, chunk, out):
        """Turn what a backend gives into what the chunk would have given."""
        if isinstance(out, NotSent):
            return out
        if any(kind.__name__ in _DEATHS for kind in type(out).__mro__):
            self.lossy = True
            return [([(i, Failure(out, lost=True), 0.0) for i, _ in chunk], [])]
        if isinstance(out, BaseException):
            return NotSent(_cannot_read(out, self.place))
        if not isinstance(out, list):
            return out
        ((outcomes, seen),) = out
        if outcomes is None:
            return NotSent(_cannot_read(seen, self.place))
        return [([(i, opened_result(data), s) for i, data, s in outcomes], seen)]

    @contextmanager
    def watching(self):
        """Look after the workers while tasks run."""
        yield

    def forget(self):
        """Have nobody work on what is not waited for any more."""
        self.due.clear()
        self.lossy = False


class _Dask(Cluster):
    """Tasks go to Dask without joblib, which would hear of no failure.

    Parameters
    ----------
    backend : DaskDistributedBackend of joblib
    """

    place = "Dask"

    def __init__(self, backend):
        from cloudpickle import dumps

        super().__init__(backend, dumps)
        self.client = backend.client
        given = getattr(backend, "wait_for_workers_timeout", None) or 0
        self.patience = max(given, _SECONDS_WITHOUT_WORKERS)
        self.name = f"skexperts-{uuid4().hex}"
        self.futures: set = set()
        self.scattered: dict[int, Any] = {}

    def send(self, submit, func, answer):
        """Send a chunk, and large values to some worker once."""
        ((run, values, _),) = func.items

        def report(future):
            self.futures.discard(future)
            try:
                out: Any = [future.result()]
            except BaseException as error:
                out = error
            answer(out)

        future = self.client.submit(
            run,
            *map(self.scatter, values),
            key=f"{self.name}-{uuid4().hex}",
            **getattr(self.backend, "submit_kwargs", {}),
        )
        self.futures.add(future)
        future.add_done_callback(report)
        return future

    def scatter(self, value):
        """Send a large value to a worker, from which others get it."""
        if not any(value is one for one in self.shared.values()):
            return value
        end = time.monotonic() + self.patience
        while id(value) not in self.scattered:
            try:
                self.scattered[id(value)] = self.client.scatter(value, hash=False)
            except Exception:
                # The worker may have died meanwhile.
                if time.monotonic() > end:
                    raise
                time.sleep(_SECONDS_BETWEEN_LOOKS)
        return self.scattered[id(value)]

    def count(self, effective_n_jobs, n_jobs):
        """Count jobs; with one of them joblib would work in this process."""
        end = time.monotonic() + self.patience
        while time.monotonic() < end:
            n_cores = self.n_cores()
            if n_cores:
                return max(2, n_cores)
            time.sleep(_SECONDS_BETWEEN_LOOKS / 4)
        raise self.alone()

    def n_cores(self):
        """Count the cores of all workers, none if nobody can be asked."""
        try:
            return sum(self.client.ncores().values())
        except Exception:
            return 0

    def alone(self):
        """Word the error of a cluster without workers."""
        return TimeoutError(
            f"The Dask cluster has had no worker for {self.patience:g} seconds. Start "
            "workers and fit again. If workers take longer to come, set "
            "parallel_config(backend='dask', wait_for_workers_timeout=seconds)."
        )

    def translate(self, chunk, out):
        """Turn what Dask gives into what the chunk would have given."""
        if "Cancelled" in type(out).__name__:
            # The worker that died had values that all tasks need.
            return RuntimeError(f"A worker of Dask died with what tasks need ({out})")
        return super().translate(chunk, out)

    @contextmanager
    def watching(self):
        """Check that workers can unseal, and notice when all are gone."""
        # A worker that cannot import this would restart for ever.
        said = self.client.run(exec, f"import {__name__}", on_error="return")
        for error in said.values():
            if isinstance(error, ImportError):
                raise _cannot_read(error, self.place)
        # Where the scheduler takes no plugin, it gives a task four deaths.
        with suppress(Exception):
            self.client.register_plugin(_one_death(self.name), name=self.name)
        over = threading.Event()
        threading.Thread(target=self._watch, args=(over,), daemon=True).start()
        try:
            yield
        finally:
            over.set()
            with suppress(Exception):
                self.client.unregister_scheduler_plugin(self.name)

    def _watch(self, over):
        seen = time.monotonic()
        while not over.wait(_SECONDS_BETWEEN_LOOKS):
            if self.n_cores():
                seen = time.monotonic()
            elif time.monotonic() - seen > self.patience:
                for answer in list(self.due.values()):
                    answer(NotSent(self.alone()))

    def forget(self):
        """Cancel what is under way, and have values sent again if there is more."""
        super().forget()
        futures, self.futures, self.scattered = self.futures, set(), {}
        with suppress(Exception):
            self.client.cancel(list(futures), force=True)


def _one_death(prefix):
    """Make a plugin by which Dask does not try tasks of a dead worker again."""
    from distributed.diagnostics.plugin import SchedulerPlugin

    # Defined here it is pickled by value: the scheduler may lack this package.
    class OneDeath(SchedulerPlugin):
        async def start(self, scheduler):
            self.scheduler = scheduler

        def transition(self, key, start, finish, *args, **kwargs):
            if finish == "processing" and str(key).startswith(prefix):
                task = self.scheduler.tasks[key]
                task.suspicious = self.scheduler.allowed_failures

    return OneDeath()


class _Ray(Cluster):
    place = "Ray"

    def __init__(self, backend):
        from ray.cloudpickle import dumps

        super().__init__(backend, dumps)
        # An actor that died begins again, and the others go on.
        given = getattr(backend, "ray_remote_args", None) or {}
        self.options = {"ray_remote_args": {"max_restarts": -1} | given}

    def seal(self, value):
        """Put a value where all workers of a machine read it, without copies."""
        import ray

        return Put(ray.put(super().seal(value)))


def cluster_of(backend, n_jobs) -> Cluster | None:
    """Return the cluster that a backend of joblib sends its tasks to.

    Parameters
    ----------
    backend : ParallelBackendBase of joblib
    n_jobs : int or None
        As in joblib.

    Returns
    -------
    cluster : Cluster
        None if there is no other worker than processes or threads of this machine.
    """
    names = {kind.__name__ for kind in type(backend).__mro__}
    if "DaskDistributedBackend" in names:
        return _Dask(backend)
    if "RayBackend" in names and backend.effective_n_jobs(n_jobs) > 1:
        return _Ray(backend)
    return None


def in_task_of_dask() -> bool:
    """Whether this is a task on a worker of Dask, where joblib notes no level."""
    if "distributed" not in sys.modules:
        return False
    from distributed import get_worker

    try:
        return bool(get_worker())
    except ValueError:
        return False


def _cannot_read(error, place):
    """Word the error of a worker that cannot unpickle what it is sent."""
    kind = ImportError if isinstance(error, ImportError) else RuntimeError
    return kind(
        f"A worker of {place} cannot unpickle what it is sent "
        f"({type(error).__name__}: {error}). Install there the modules that the model "
        "uses, in the versions of this process."
    )
