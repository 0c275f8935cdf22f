"""Tasks whose workers die, and others that fail: each costs itself only."""

import faulthandler
import pickle
import sys
import threading
import time
import warnings
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool

import cloudpickle
import joblib
import mortal
import numpy as np
import pytest
from mortal import Death, MortalThreads

from skexperts import _parallel
from skexperts._failures import Failure
from skexperts._parallel import run_tasks

# Worker processes cannot import test modules.
cloudpickle.register_pickle_by_value(sys.modules[__name__])
cloudpickle.register_pickle_by_value(mortal)

N_TASKS = 30


@pytest.fixture(autouse=True)
def no_hang():
    faulthandler.dump_traceback_later(180, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()


class Log:
    """How often each task was begun."""

    def __init__(self):
        self.begun = Counter()
        self.lock = threading.Lock()

    def begin(self, number):
        with self.lock:
            self.begun[number] += 1
            return self.begun[number]


def work(log, faults, number):
    begun = log.begin(number)
    fault, times = faults.get(number, (None, 0))
    if begun <= times:
        raise fault(f"task {number}")
    return number**2


def run(faults, **options):
    log = Log()
    with joblib.parallel_config(backend=MortalThreads()):
        results = run_tasks(
            work,
            [(number,) for number in range(N_TASKS)],
            common=(log, faults),
            n_jobs=2,
            **options,
        )
    return results, log.begun


@pytest.mark.parametrize("n", range(N_TASKS))
def test_what_dies_each_time_costs_itself_only(n):
    failed = []

    def note(number, failure):
        failed.append((number, failure))
        return "failed"

    results, begun = run({n: (Death, 9)}, on_failure=note)
    assert results == [i**2 if i != n else "failed" for i in range(N_TASKS)]
    ((number, failure),) = failed
    assert number == n
    assert failure.lost
    assert isinstance(failure.error, BrokenProcessPool)
    assert begun[n] == 3
    # What was under way with it.
    assert max(begun.values()) == 3
    with pytest.raises(BrokenProcessPool, match="a worker died"):
        run({n: (Death, 9)})


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("n", [0, 1, 7, N_TASKS - 1])
def test_what_dies_once_or_twice_is_done_in_the_end(n, times):
    results, begun = run({n: (Death, times)})
    assert results == [i**2 for i in range(N_TASKS)]
    assert begun[n] == times + 1


def test_many_deaths():
    faults = {i: (Death, 1 + i % 4) for i in range(0, N_TASKS, 3)}
    results, begun = run(faults, on_failure=lambda number, failure: None)
    for i, result in enumerate(results):
        times = faults[i][1] if i in faults else 0
        # Who dies alone is at fault, though it would have lived another time.
        assert result in {0: [i**2], 3: [None], 4: [None]}.get(times, [i**2, None])
    assert max(begun.values()) <= 3


@pytest.mark.parametrize("n", [0, 11, N_TASKS - 1])
def test_exceptions_are_not_tried_again(n):
    results, begun = run({n: (ValueError, 9)}, on_failure=lambda _, failure: failure)
    assert isinstance(results[n], Failure)
    assert str(results[n].error) == f"task {n}"
    assert not results[n].lost
    assert begun == Counter(range(N_TASKS))
    with pytest.raises(ValueError, match=f"task {n}"):
        run({n: (ValueError, 9)})


def test_after_a_memory_error_a_task_is_tried_once_more():
    results, begun = run({5: (MemoryError, 1)})
    assert results == [i**2 for i in range(N_TASKS)]
    assert begun[5] == 2
    with pytest.raises(MemoryError, match="task 5"):
        run({5: (MemoryError, 2)})


def starve(log, number):
    """Task 1 is short of memory, and then task 0 dies, each of them once."""
    if log.begin(number) == 1 and number < 2:
        if number == 1:
            log.starved.set()
            raise MemoryError("task 1")
        log.starved.wait(60)
        time.sleep(0.1)
        raise Death


def test_what_has_answered_is_not_blamed_for_a_death():
    failed, log = [], Log()
    log.starved = threading.Event()
    with (
        warnings.catch_warnings(),
        joblib.parallel_config(backend=MortalThreads()),
    ):
        warnings.simplefilter("error")
        run_tasks(
            starve,
            [(0,), (1,)],
            common=(log,),
            n_jobs=2,
            on_failure=lambda *failure: failed.append(failure),
        )
    assert not failed
    assert log.begun == {0: 2, 1: 2}


def first_fails(number):
    if number == 0:
        raise ValueError("task 0")
    time.sleep(0.02)


def test_an_error_ends_the_others_without_a_word_of_joblib():
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        # Outside the main thread nothing holds warnings back.
        with ThreadPoolExecutor(1) as pool:
            tasks = [(number,) for number in range(20)]
            call = pool.submit(run_tasks, first_fails, tasks, n_jobs=2)
            with pytest.raises(ValueError, match="task 0"):
                call.result()
    assert not seen


class Strange(Exception):
    """Pickling it succeeds, unpickling does not."""

    def __init__(self, one, two):
        super().__init__(f"{one} and {two}")


def misbehave(fault):
    if fault == "strange":
        raise Strange("one", "two")
    if fault == "unpicklable":
        return threading.Lock()
    return fault


def test_processes_that_cannot_answer():
    faults = [*range(20), "strange", "unpicklable"]
    results = run_tasks(
        misbehave,
        [(fault,) for fault in faults],
        n_jobs=2,
        on_failure=lambda _, failure: failure,
    )
    assert results[:20] == list(range(20))
    strange, unpicklable = results[20:]
    assert not strange.lost
    assert type(strange.error) is RuntimeError
    assert str(strange.error) == "Strange: one and two"
    assert 'raise Strange("one", "two")' in strange.error.__notes__[0]
    assert unpicklable.lost
    assert "pickle" in str(unpicklable.error)


def test_a_process_of_the_same_number_may_be_on_another_machine():
    here = _parallel.this_process()
    (outcome,), _ = _parallel._run_chunk(
        misbehave, None, [(7, ("strange",))], ("elsewhere", here[1])
    )
    assert "In a worker process" in outcome[1].error.__notes__[0]
    (outcome,), _ = _parallel._run_chunk(misbehave, None, [(7, ("strange",))], here)
    assert not hasattr(outcome[1].error, "__notes__")


class Stuck:
    """Cannot be unpickled anywhere."""

    def __reduce__(self):
        return int, ("no number",)


@pytest.mark.parametrize(
    ("common", "error", "message"),
    [
        (threading.Lock(), TypeError, "pickle"),
        (Stuck(), BrokenProcessPool, "failed to un-serialize"),
    ],
)
def test_what_no_worker_can_be_sent_is_no_fault_of_a_task(common, error, message):
    failed = []
    with pytest.raises((error, pickle.PicklingError), match=message):
        run_tasks(
            misbehave_with,
            [(number,) for number in range(20)],
            common=(common,),
            n_jobs=2,
            on_failure=lambda number, _: failed.append(number),
        )
    assert not failed


def misbehave_with(common, number):
    return number


def kind_of(array, number):
    return type(array).__name__


def test_without_room_for_files_large_arrays_are_sent_as_they_are(tmp_path):
    no_folder = tmp_path / "file"
    no_folder.write_bytes(b"")
    with joblib.parallel_config(backend="loky", temp_folder=no_folder / "folder"):
        kinds = run_tasks(kind_of, [(0,), (1,)], common=(np.zeros(200_000),), n_jobs=2)
    assert kinds == ["ndarray"] * 2


def hang(folder, number):
    """Task 3 never ends, nor does task 5 the first time."""
    begun = folder / str(number)
    if number == 3 or (number == 5 and not begun.exists()):
        begun.touch()
        while True:
            time.sleep(60)
    return number**2


def test_workers_that_hang_are_stopped(tmp_path, monkeypatch):
    # Each death costs seconds.
    monkeypatch.setattr(_parallel, "_MOST_DEATHS", 2)
    failed = []
    results = run_tasks(
        hang,
        [(number,) for number in range(20)],
        common=(tmp_path,),
        n_jobs=2,
        timeout=3,
        on_failure=lambda number, failure: failed.append((number, failure)),
    )
    assert results == [i**2 if i != 3 else None for i in range(20)]
    ((number, failure),) = failed
    assert number == 3
    assert failure.lost
    assert type(failure.error) is TimeoutError
    assert str(failure.error) == "no answer for 3 s, and it was stopped"


@pytest.mark.parametrize(
    ("backend", "n_jobs", "can"),
    [("loky", 2, True), ("loky", 1, False), ("threading", 2, False)],
)
def test_which_workers_can_be_stopped(backend, n_jobs, can):
    with joblib.parallel_config(backend=backend):
        assert _parallel.workers_can_be_stopped(n_jobs) is can


def test_none_can_be_stopped_inside_a_worker():
    assert run_tasks(_parallel.workers_can_be_stopped, [(2,)], n_jobs=2) == [False]


def test_none_can_be_stopped_inside_a_task_of_dask(monkeypatch):
    monkeypatch.setattr(_parallel, "in_task_of_dask", lambda: True)
    assert not _parallel.workers_can_be_stopped(2)
