"""Fits on a real cluster, some of whose workers die: ``python on_cluster.py dask``.

Each case writes a line when it has ended. A case that takes more than SECONDS ends the
process, so that who waits for it does not wait for ever.
"""

import faulthandler
import importlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import joblib
import numpy as np
from joblib.parallel import get_active_backend
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

from skexperts._parallel import run_tasks
from skexperts.ensemble import PartitionedExpertsClassifier
from skexperts.exceptions import CellFitError
from skexperts.partition import ColumnPartitioner

N_CELLS = 60
BAD = 5
DYING_SECONDS = 0.1
# Starting a worker takes long where the machine is busy.
SECONDS = 120
MODULE = "only_here"


class Expert(LogisticRegression):
    """Notes each fit of a cell in a folder, and has a fault in one cell."""

    def __init__(self, fault=None, folder=None, C=1.0, max_iter=3):
        super().__init__(C=C, max_iter=max_iter)
        self.fault = fault
        self.folder = folder

    def fit(self, X, y, sample_weight=None):
        cells = np.unique(X[:, 0])
        if self.folder is not None and len(cells) == 1:
            number = int(cells[0])
            with open(Path(self.folder) / f"{number}", "a") as file:
                file.write("x")
            if number == BAD or self.fault == "all":
                self._fail()
        return super().fit(X, y, sample_weight)

    def _fail(self):
        if self.fault == "exception":
            raise ZeroDivisionError("of this cell")
        if self.fault == "once":
            try:
                (Path(self.folder) / "died").touch(exist_ok=False)
            except FileExistsError:
                return
        if self.fault in {"once", "always", "all"}:
            # Dask loses answers that it has not fetched yet, which takes a moment.
            time.sleep(DYING_SECONDS)
            os.kill(os.getpid(), signal.SIGKILL)


@cache
def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40 * N_CELLS, 6))
    X[:, 0] = np.arange(len(X)) % N_CELLS
    y = (X[:, 1] * (1 + X[:, 0]) + rng.normal(size=len(X)) > 0).astype(int)
    return X, y


def fit(fault=None, folder=None, **options):
    model = PartitionedExpertsClassifier(
        Expert(fault, folder),
        partitioner=ColumnPartitioner(0),
        n_jobs=2,
        random_state=0,
        **options,
    )
    return model.fit(*data())


def bits(model, without=()):
    return [
        (one.coef_.tobytes(), one.intercept_.tobytes())
        for j, one in enumerate(model.experts_)
        if j not in without
    ]


@contextmanager
def caught():
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        yield seen


@cache
def sequential():
    with joblib.parallel_config(backend="sequential"), caught() as seen:
        return bits(fit()), texts(seen)


def texts(seen):
    return sorted((one.category.__name__, str(one.message)) for one in seen)


def runs(folder):
    """How often cells were begun, but for the bad one."""
    return sum(
        path.stat().st_size
        for path in Path(folder).iterdir()
        if path.name not in {"died", str(BAD)}
    )


def right(folder):
    with caught() as seen:
        model = fit(folder=folder)
    assert (bits(model), texts(seen)) == sequential()
    assert runs(folder) == N_CELLS - 1


def killed_once(folder):
    model = fit("once", folder)
    assert bits(model) == sequential()[0]
    return {"extra": runs(folder) - (N_CELLS - 1)}


def named(error):
    assert error.cell == BAD
    assert f"cell {BAD}" in str(error)


def exception(folder):
    try:
        fit("exception", folder)
    except CellFitError as error:
        named(error)
        assert isinstance(error.__cause__, ZeroDivisionError)
    else:
        raise AssertionError("no error")


def poison(folder):
    try:
        fit("always", folder)
    except CellFitError as error:
        named(error)
    else:
        raise AssertionError("no error")
    return {"deaths": (Path(folder) / str(BAD)).stat().st_size}


def poison_with_fallback(folder):
    model = fit("always", folder, on_cell_error="fallback")
    states = model.fit_report_["state"]
    assert [j for j, state in enumerate(states) if state == "fallback"] == [BAD]
    assert bits(model, {BAD}) == [
        one for j, one in enumerate(sequential()[0]) if j != BAD
    ]
    return {"extra": runs(folder) - (N_CELLS - 1)}


def all_die(folder):
    try:
        fit("all", folder)
    except CellFitError as error:
        assert "cell" in str(error)
    else:
        raise AssertionError("no error")


def missing_module(folder):
    Path(folder, f"{MODULE}.py").write_text(
        "from sklearn.linear_model import LogisticRegression\n"
        "class Expert(LogisticRegression): pass\n"
    )
    sys.path.append(str(folder))
    try:
        expert = importlib.import_module(MODULE).Expert()
        fit_of(expert)
    except ImportError as error:
        assert f"No module named '{MODULE}'" in str(error)
        assert "Install" in str(error)
    else:
        raise AssertionError("no error")
    finally:
        sys.path.remove(str(folder))


def fit_of(expert, **options):
    model = PartitionedExpertsClassifier(
        expert, partitioner=ColumnPartitioner(0), n_jobs=2, **options
    )
    return model.fit(*data())


class Stuck(LogisticRegression):
    """Cannot be unpickled anywhere."""

    def __reduce__(self):
        return int, ("no number",)


def unreadable(folder):
    try:
        fit_of(Stuck())
    except RuntimeError as error:
        assert "cannot unpickle" in str(error)
        assert "no number" in str(error)
    else:
        raise AssertionError("no error")


def nested(folder):
    """A search on the workers, of models that fit their experts there."""
    X, y = data()
    model = PartitionedExpertsClassifier(
        Expert(), partitioner=ColumnPartitioner(0), random_state=0
    )
    grid = {"estimator__C": [0.1, 1.0]}
    if "estimator" not in model.get_params():
        grid = {"expert__C": [0.1, 1.0]}
    search = GridSearchCV(model, grid, cv=2, n_jobs=2).fit(X, y)
    with joblib.parallel_config(backend="sequential"):
        again = GridSearchCV(model, grid, cv=2).fit(X, y)
    for name in ("mean_test_score", "std_test_score"):
        np.testing.assert_array_equal(search.cv_results_[name], again.cv_results_[name])


def two_threads(folder):
    """With one backend object."""
    backend = get_active_backend()[0]

    def one(number):
        with joblib.parallel_config(backend=backend):
            seconds = 0.02 * (1 + number % 3)
            return run_tasks(time.sleep, [(seconds,)] * 20, n_jobs=2)

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(one, range(4))) == [[None] * 20] * 4


def package_missing(folder):
    """Workers without skexperts, or what stands for it."""
    from distributed import default_client

    block = "import sys; sys.modules['skexperts._clusters'] = None"
    default_client().run(exec, block)
    try:
        fit()
    except ImportError as error:
        assert "skexperts._clusters" in str(error)
    else:
        raise AssertionError("no error")
    finally:
        free = "import sys; del sys.modules['skexperts._clusters']"
        default_client().run(exec, free)


def workers_gone(folder):
    """No worker is left, and none comes."""
    from distributed import default_client

    from skexperts import _clusters

    _clusters._SECONDS_WITHOUT_WORKERS = 3
    default_client().cluster.scale(0)
    with joblib.parallel_config(backend="dask", wait_for_workers_timeout=1):
        try:
            fit()
        except TimeoutError as error:
            assert "no worker for 3 seconds" in str(error)
        else:
            raise AssertionError("no error")


@contextmanager
def dask():
    import dask
    from distributed import Client, LocalCluster

    with (
        # Else it closes workers that are away 15 seconds after an earlier death.
        dask.config.set({"distributed.deploy.lost-worker-timeout": "10 minutes"}),
        LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50
        ) as cluster,
        Client(cluster),
        joblib.parallel_config(backend="dask", wait_for_workers_timeout=SECONDS),
    ):
        yield


@contextmanager
def ray():
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    import ray
    from ray.util.joblib import register_ray

    ray.init(
        num_cpus=2,
        include_dashboard=False,
        logging_level="ERROR",
        log_to_driver=False,
        _node_ip_address="127.0.0.1",
    )
    register_ray()
    try:
        with joblib.parallel_config(backend="ray"):
            yield
    finally:
        ray.shutdown()


SAME = [
    right,
    exception,
    killed_once,
    poison_with_fallback,
    poison,
    missing_module,
]
CASES = {
    "dask": [
        *SAME,
        unreadable,
        nested,
        two_threads,
        package_missing,
        all_die,
        workers_gone,
    ],
    "ray": SAME,
}


def outcomes(cluster, seconds=600):
    """Return what each case gave, by its name, in a process of its own.

    Parameters
    ----------
    cluster : {"dask", "ray"}
    seconds : float
        Of all cases together, after which all processes are killed.
    """
    process = subprocess.Popen(
        [sys.executable, "-P", __file__, cluster],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Ray's workers look here for modules: let it not be the source of the package.
        cwd=tempfile.gettempdir(),
        start_new_session=True,
    )
    try:
        lines, errors = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        lines, errors = process.communicate()
    found = {}
    for line in lines.splitlines():
        if line.startswith("{"):
            one = json.loads(line)
            found[one.pop("case")] = one
    for case in CASES[cluster]:
        found.setdefault(case.__name__, {"error": f"no answer; {errors[-3000:]}"})
    return found


def main(cluster):
    with {"dask": dask, "ray": ray}[cluster]():
        for case in CASES[cluster]:
            sequential()
            start = time.perf_counter()
            faulthandler.dump_traceback_later(SECONDS, exit=True)
            outcome = {"case": case.__name__, "error": ""}
            try:
                with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
                    outcome |= case(folder) or {}
            except Exception as error:
                outcome["error"] = f"{type(error).__name__}: {error}"
            faulthandler.cancel_dump_traceback_later()
            outcome["seconds"] = round(time.perf_counter() - start, 1)
            sys.stdout.write(json.dumps(outcome) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
