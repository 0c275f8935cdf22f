"""The bits of a fit: the same for any number of jobs, backend and layout of X."""

import hashlib
import tempfile
from contextlib import contextmanager
from pathlib import Path

import joblib
import numpy as np
from cases_forms import LAYOUTS, SPARSE, duplicated, long_indices, unsorted
from grid import X_NEW, X
from models import MODELS, says
from scipy.sparse import csr_array

JOBS = [
    (n_jobs, backend)
    for backend in ("sequential", "threading", "loky")
    for n_jobs in (1, 2, 3)
    if backend != "sequential" or n_jobs == 1
]


@contextmanager
def mapped(X):
    """Give X as a read-only file in memory."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "X.npy"
        np.save(path, X)
        yield np.load(path, mmap_mode="r")


@contextmanager
def given(X):
    yield X


DENSE = {name: form for name, form in LAYOUTS.items() if name != "list"}
SPARSE_FORMS = SPARSE | {
    "int64": long_indices,
    "unsorted": unsorted,
    "duplicated": duplicated,
}


def digest(model, rows):
    """Return the sha256 of all fitted arrays and of what the model says of rows."""
    total = hashlib.sha256()
    parts = [model, *getattr(model, "experts_", []), *getattr(model, "estimators_", [])]
    parts += [getattr(model, name, None) for name in ("gate_", "partitioner_")]
    for part in parts:
        for name, value in sorted(getattr(part, "__dict__", {}).items()):
            if isinstance(value, np.ndarray) and value.dtype != object:
                total.update(name.encode() + np.ascontiguousarray(value).tobytes())
    answers = np.ascontiguousarray(says(model, rows))
    # A selection of columns keeps the order of their bytes.
    total.update(answers.astype(answers.dtype.newbyteorder("=")).tobytes())
    return total.hexdigest()


def fitted(model, X, n_jobs=None, **options):
    new = model.make().set_params(**options)
    names = new.get_params(deep=False)
    if "n_jobs" in names:
        new.set_params(n_jobs=n_jobs)
    return new.fit(X, model.y)


def of_jobs(model, n_jobs, backend, sparse=False, **options):
    """Return whether the bits are those of one job."""
    form = csr_array if sparse else np.array
    one = digest(fitted(model, form(X), **options), form(X_NEW))
    with joblib.parallel_config(backend):
        other = digest(fitted(model, form(X), n_jobs, **options), form(X_NEW))
    return one == other


def of_layout(model, layout, **options):
    """Return whether the bits are those of a C-ordered array, or of CSR."""
    if layout in SPARSE_FORMS:
        rows, new = SPARSE_FORMS[layout](X), csr_array(X_NEW)
        one = digest(fitted(model, csr_array(X), **options), new)
        return one == digest(fitted(model, rows, **options), new)
    one = digest(fitted(model, X.copy(), **options), X_NEW)
    open_rows = mapped if layout == "memmap" else given
    form = DENSE.get(layout, np.array)
    with open_rows(form(X)) as rows, open_rows(form(X_NEW)) as new:
        return one == digest(fitted(model, rows, **options), np.array(new))


def layouts_of(model):
    """Return the names of the layouts that a model takes."""
    sparse = list(SPARSE_FORMS) if model.takes_sparse else []
    return [*DENSE, "memmap", *sparse]


def parallel_models():
    """Return the models that have work to share."""
    return [m for m in MODELS if "n_jobs" in m.make().get_params(deep=False)]
