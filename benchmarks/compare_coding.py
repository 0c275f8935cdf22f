"""SparseCoder against scikit-learn, SPAMS and celer: coding, one run, one thread each.

All get the same rows, atoms and alpha, chosen for codes of 5 to 6 non-zeros a row. The
way from rows and atoms to codes is timed, the Gram matrix included: the best of 3 runs
on as many rows as take half a second. ``GEMM`` is ``X @ D.T`` in blocks of 1024 rows
into one buffer, ``X @ D.T`` the same at once; ``gemms`` is the time in GEMMs.
``x`` is how many times SparseCoder is faster: below 1, it is slower. Objectives are
means over rows, computed here in float64; ``d.obj`` compares with SparseCoder on rows
both coded: negative is better than it. ``support`` is the share of equal supports.

The gap of scikit-learn's lasso_cd is 1e-8; ``Lasso`` is its solver at the tol of
SparseCoder. SPAMS multiplies row by row; ``SPAMS given XD'`` gets the Gram matrix and
the products from numpy, timed too. celer has no coder: it solves row by row. OMP takes
8 atoms. SPAMS takes those that leave the smallest residual, not the most correlated
ones (order recursive matching pursuit): other supports, mostly smaller residuals.

Rows are sums of 6 random atoms plus noise, or patches with atoms learned from others.

    python -m benchmarks.compare_coding [--quick] [--json FILE] [--data NAME ...]
"""

import argparse
import json
import platform
import time
import warnings
from contextlib import suppress
from functools import partial
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version

import numpy as np
from scipy.sparse import csr_array
from scipy.stats import gmean
from sklearn.decomposition import MiniBatchDictionaryLearning
from sklearn.decomposition import SparseCoder as SklearnCoder
from sklearn.linear_model import Lasso
from threadpoolctl import threadpool_limits

from benchmarks.data import load_patches, make_codable
from skexperts.decomposition import SparseCoder

TOL = 1e-5
N_NONZERO = 8
SIZES = {"64x256": (64, 256), "256x512": (256, 512), "784x1024": (784, 1024)}
PATCHES = {"usps 8x8": ("usps", 8, 256), "usps 12x12": ("usps", 12, 512)}
PATCHES |= {"mnist 8x8": ("mnist", 8, 256), "mnist 12x12": ("mnist", 12, 512)}
ALL = [*SIZES, *PATCHES]
QUICK = [*SIZES, "usps 8x8", "mnist 12x12"]
HEAD = ["data", "dtype", "coder", "rows/s", "x", "gemms"]
HEAD += ["objective", "d.obj", "nonzeros", "support"]
WIDTHS = ["<12", "<9", "<22", ">10", ">9", ">8", ">11", ">9", ">9", ">9"]
FORMS = ["", "", "", ",.0f", ".2f", ".2f", ".6g", "+.0e", ".2f", ".4f"]


def optional(name):
    try:
        return import_module(name)
    except ImportError as error:
        print(f"{name} is left out: {error}")


spams, celer = optional("spams"), optional("celer")


def gemm(X, D, alpha, block=1024):
    products = np.empty((min(block, len(X)), len(D)), X.dtype)
    for at in range(0, len(X), block):
        np.matmul(X[at : at + block], D.T, out=products[: len(X) - at])


def ours(**parameters):
    new = partial(SparseCoder, **parameters)
    return lambda X, D, a: new(alpha=a, dictionary=D).fit(X[:100]).transform(X)


def sklearn_coder(name):
    options = {"transform_algorithm": name, "transform_n_nonzero_coefs": N_NONZERO}
    return lambda X, D, a: SklearnCoder(D, transform_alpha=a, **options).transform(X)


def sklearn_lasso(X, D, alpha):
    model = Lasso(alpha / X.shape[1], fit_intercept=False, precompute=D @ D.T, tol=TOL)
    return model.fit(D.T, X.T).coef_


def spams_lasso(X, D, alpha):
    return spams.lasso(X.T, D.T, lambda1=alpha, numThreads=1).T


def spams_lasso_given(X, D, alpha):
    Q, q = (D @ D.T).T, (X @ D.T).T  # Fortran order
    return spams.lasso(X.T, Q=Q, q=q, lambda1=alpha, numThreads=1).T


def spams_omp(X, D, alpha):
    return spams.omp(X.T, D.T, L=N_NONZERO, eps=0.0, numThreads=1).T


def celer_rows(X, D, alpha):
    model = celer.Lasso(alpha / X.shape[1], fit_intercept=False, tol=TOL)
    atoms = np.asfortranarray(D.T)
    return np.array([model.fit(atoms, row).coef_ for row in X])


def coders():
    """Return the coders of each method by name, SparseCoder first."""
    lasso = {"SparseCoder": ours(tol=TOL), "GEMM": gemm}
    lasso["X @ D.T"] = partial(gemm, block=1 << 30)
    lasso |= {f"sklearn {a}": sklearn_coder(a) for a in ("lasso_cd", "lasso_lars")}
    lasso["sklearn Lasso"] = sklearn_lasso
    own = ours(method="omp", n_nonzero_coefs=N_NONZERO, tol=0)
    omp = {"SparseCoder omp": own, "sklearn omp": sklearn_coder("omp")}
    if spams:
        lasso |= {"SPAMS": spams_lasso, "SPAMS given XD'": spams_lasso_given}
        omp["SPAMS omp"] = spams_omp
    if celer:
        lasso["celer"] = celer_rows
    return lasso, omp


def problem(name, n_rows):
    """Return rows, atoms and alpha; atoms of patches are learned from other patches."""
    if name in SIZES:
        X, D = make_codable(n_rows, *SIZES[name])
        return X, D, choose_alpha(X, D)
    data, side, n_atoms = PATCHES[name]
    X_train, X = load_patches(data, side, 4000, n_rows)
    D = X_train[:n_atoms]
    D = D / np.linalg.norm(D, axis=1)[:, None]
    learner = MiniBatchDictionaryLearning(
        n_atoms, alpha=choose_alpha(X, D), fit_algorithm="cd", dict_init=D, max_iter=1
    )
    D = learner.set_params(random_state=0).fit(X_train).components_
    D = np.ascontiguousarray(D / np.linalg.norm(D, axis=1)[:, None])
    return X, D, choose_alpha(X, D)


def choose_alpha(X, D):
    """Return an alpha of two digits that gives 5.5 non-zeros a row."""
    low, high = 1e-3, np.abs(X[:300] @ D.T).max()
    for _ in range(10):
        alpha = np.sqrt(low * high)
        dense = ours(tol=TOL)(X[:300], D, alpha).nnz > 5.5 * 300
        low, high = (alpha, high) if dense else (low, alpha)
    return float(f"{high:.2g}")


def measure(code, X, D, alpha, budget):
    """Return the codes, of as many rows as the budget of seconds allows, and rows/s."""
    n = 50
    code(X[:n], D, alpha)
    while True:
        seconds, codes = run(code, X[:n], D, alpha)
        if seconds > budget / 2 or n == len(X):
            break
        n = min(len(X), int(n * np.clip(budget / seconds, 1.5, 8)))
    times = [run(code, X[:n], D, alpha)[0] for _ in range(2)]
    return codes, n / min([seconds, *times])


def run(code, *problem):
    start = time.perf_counter()
    codes = code(*problem)
    return time.perf_counter() - start, codes


def objective(X, D, codes, alpha):
    residual = X[: codes.shape[0]].astype(float) - codes.astype(float) @ D.astype(float)
    return 0.5 * (residual**2).sum(axis=1) + alpha * abs(csr_array(codes)).sum(axis=1)


def compare(group, X, D, alpha, budget):
    """Yield a row of the table for each coder of the group."""
    first = None
    for name, code in group.items():
        codes, speed = measure(code, X, D, alpha, budget)
        row = {"coder": name, "rows/s": speed}
        if codes is not None:
            codes = csr_array(codes)
            codes.eliminate_zeros()
            values = objective(X, D, codes, 0 if "omp" in name else alpha)
            if first is None:
                first, row["objective"] = (speed, values, codes), values.mean()
            n = min(len(values), len(first[1]))
            differ = csr_array((codes[:n] != 0) != (first[2][:n] != 0))
            row |= {"n_rows": len(values), "x": first[0] / speed}
            row["d.obj"] = values[:n].sum() / first[1][:n].sum() - 1
            row["nonzeros"] = codes.nnz / codes.shape[0]
            row["support"] = float(np.mean(differ.sum(axis=1) == 0))
        yield row


def versions():
    for package in ("skexperts", "scikit-learn", "numpy", "spams-bin", "celer"):
        with suppress(PackageNotFoundError):
            yield f"{package} {version(package)}"


def show(row):
    for h, width, form in zip(HEAD, WIDTHS, FORMS, strict=True):
        print(format(format(row[h], form) if h in row else "-", width), end="")
    print(flush=True)


def summarise(rows):
    print("\nHow many times SparseCoder is faster: geometric mean (least)")
    ratios, rows = {}, [row for row in rows if "x" in row]
    for row in rows:
        ratios.setdefault((row["coder"], row["dtype"]), []).append(row["x"])
    for (coder, dtype), x in ratios.items():
        if not coder.startswith("SparseCoder"):
            print(f"{coder:<22}{dtype:<9}{gmean(x):>9.2f} ({min(x):.2f})")
    print("\nSparseCoder is slower, or its objective is higher by more than 1e-4:")
    for row in rows:
        if row["x"] < 1 or row["d.obj"] < -1e-4:
            show(row)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="less than a minute")
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--data", metavar="NAME", nargs="+", choices=ALL)
    arguments = parser.parse_args()
    n_rows, budget = (4000, 0.06) if arguments.quick else (20000, 0.5)
    warnings.simplefilter("ignore")  # of convergence, most of them in float32
    print(*versions(), platform.platform(), sep=", ")
    print("".join(map(format, HEAD, WIDTHS)))
    rows = []
    with threadpool_limits(1):
        for data in arguments.data or (QUICK if arguments.quick else ALL):
            *arrays, alpha = problem(data, n_rows)
            for dtype in ("float64", "float32"):
                X, D = (array.astype(dtype) for array in arrays)
                new = [r for g in coders() for r in compare(g, X, D, alpha, budget)]
                speeds = {row["coder"]: row["rows/s"] for row in new}
                for row in new:
                    row |= {"data": data, "dtype": dtype, "alpha": alpha}
                    row["gemms"] = speeds["GEMM"] / row["rows/s"]
                    show(row)
                rows += new
    summarise(rows)
    if arguments.json:
        with open(arguments.json, "w") as file:
            json.dump(rows, file, indent=1)


if __name__ == "__main__":
    main()
