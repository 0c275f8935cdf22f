import sys
import threading
import warnings

import cloudpickle
import joblib
import pytest
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_info

from skexperts._parallel import run_tasks, run_threads

# Worker processes cannot import test modules.
cloudpickle.register_pickle_by_value(sys.modules[__name__])


def add(offset, value):
    return offset + value


def complain(value):
    if value % 2:
        warnings.warn(f"gap {value}e-05 is large", ConvergenceWarning, stacklevel=2)
    return value


def fail(value):
    raise ValueError(f"task {value}")


@pytest.mark.parametrize("n_jobs", [None, 1, 2])
@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_results_come_in_the_order_of_the_tasks(n_jobs, backend):
    with joblib.parallel_config(backend=backend):
        results = run_tasks(
            add,
            [(i,) for i in range(23)],
            common=(100,),
            costs=range(23),
            n_jobs=n_jobs,
        )
    assert results == list(range(100, 123))


def test_no_tasks():
    assert run_tasks(add, []) == []


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_many_warnings_are_issued_once(n_jobs, backend):
    with (
        joblib.parallel_config(backend=backend),
        warnings.catch_warnings(record=True) as w,
    ):
        warnings.simplefilter("always")
        run_tasks(complain, [(i,) for i in range(11)], n_jobs=n_jobs)
    assert [str(one.message) for one in w] == [
        "gap 1e-05 is large (issued 5 times in 11 tasks)"
    ]
    assert w[0].category is ConvergenceWarning
    assert w[0].filename == __file__


def test_warnings_that_differ_in_a_sign_are_the_same():
    with pytest.warns(ConvergenceWarning, match="gap -3e-05 .*2 times in 2") as w:
        run_tasks(complain, [(-3,), (5,)])
    assert len(w) == 1


def test_the_users_filters_still_apply():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message="gap .* is large")
        assert run_tasks(complain, [(1,)]) == [1]
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        with pytest.raises(ConvergenceWarning):
            run_tasks(complain, [(1,)])


def test_the_hooks_of_warnings_are_left_alone_outside_the_main_thread():
    seen = []

    def work():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            seen.append(run_tasks(complain, [(1,)]))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [[1]]


def blas_threads(_):
    return {
        info["num_threads"] for info in threadpool_info() if info["user_api"] == "blas"
    }


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_tasks_have_one_blas_thread_and_the_number_comes_back(n_jobs, backend):
    before = blas_threads(0)
    with joblib.parallel_config(backend=backend):
        found = run_tasks(blas_threads, [(i,) for i in range(4)], n_jobs=n_jobs)
    assert found == [{1}] * 4
    assert blas_threads(0) == before


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_errors_come_through(n_jobs):
    with pytest.raises(ValueError, match="task 3"):
        run_tasks(fail, [(3,)], n_jobs=n_jobs)


def with_thread(offset, number):
    return offset + number, threading.get_ident()


@pytest.mark.parametrize("n_jobs", [None, 1, 2, -1])
def test_threads_give_results_in_order(n_jobs):
    tasks = [(number,) for number in range(50)]
    results = run_threads(with_thread, tasks, common=(1,), n_jobs=n_jobs)
    assert [value for value, _ in results] == list(range(1, 51))
    assert len({thread for _, thread in results}) <= joblib.cpu_count()
    assert run_threads(with_thread, [], n_jobs=n_jobs) == []


def threads_used(n_tasks):
    tasks = [(number,) for number in range(n_tasks)]
    results = run_threads(with_thread, tasks, common=(0,), n_jobs=2)
    return {thread for _, thread in results}


def test_threads_begin_no_second_level_of_parallel_work():
    with joblib.parallel_config(backend="threading"):
        used = run_tasks(threads_used, [(20,), (20,)], n_jobs=2)
    assert [len(threads) for threads in used] == [1, 1]
