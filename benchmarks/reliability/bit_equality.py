"""G5: the same bits for any number of jobs, backend and layout."""

from itertools import product

import bits
from models import MODELS

from benchmarks.reliability.goals import count


def run(quick):
    """Yield the counts."""
    every = slice(None, None, 9) if quick else slice(None)
    models = bits.parallel_models()[every]
    for backend in ("sequential", "threading", "loky"):
        jobs = [n_jobs for n_jobs, name in bits.JOBS if name == backend]
        inputs = [pair for pair in product(models, jobs, (False, True)) if may(*pair)]

        def check(one, backend=backend):
            model, n_jobs, sparse = one
            return bits.of_jobs(model, n_jobs, backend, sparse)

        names = ", ".join(map(str, jobs))
        what = f"sha256 equal over n_jobs {names} of {backend}"
        yield count("G5", what, inputs, check)
    inputs = [(m, layout) for m in MODELS[every] for layout in bits.layouts_of(m)]
    n_layouts = len({layout for _, layout in inputs})
    what = f"sha256 equal over {n_layouts} layouts, dense and sparse"
    yield count("G5", what, inputs, lambda pair: bits.of_layout(*pair))


def may(model, n_jobs, sparse):
    return model.takes_sparse or not sparse
