"""L1SVC against liblinear, saga, skglm and an RBF SVC: one run, one thread each.

Seconds are the best of up to 3 repeats after a warm-up, or a single run above 10 s.
``x`` is their ratio to the seconds of L1SVC: below 1, L1SVC is slower. ``L1SVC``,
``LinearSVC l1`` and ``skglm sq. hinge`` solve the same problem, except that liblinear
penalises the intercept. Their objective (with a free intercept) and relative duality
gap (of the worst class) are computed here, not by the solvers; ``d.obj`` compares the
objective with that of L1SVC: positive is worse. ``*`` marks a ConvergenceWarning.

Letter and satimage are standardised, mnist is divided by 255. What takes minutes is
left out. skglm 0.5 drops the intercepts of a multiclass logistic: its accuracy is low.

    python -m benchmarks.compare_svm [--quick] [--json FILE] [--data NAME ...]
"""

import argparse
import json
import platform
import time
import warnings

import numpy as np
import sklearn
from scipy.optimize import brentq
from scipy.sparse import csr_array, issparse
from scipy.stats import gmean
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC
from threadpoolctl import threadpool_limits

from benchmarks.data import load_letter_cells, load_split, load_tfidf, make_short
from skexperts.svm import L1SVC

try:
    import skglm
    from skglm.datafits import Logistic
    from skglm.penalties import L1
except ImportError as error:
    skglm, Logistic = None, object
    print(f"skglm is left out: {error}")

SAME_PROBLEM = ("L1SVC", "LinearSVC l1", "skglm sq. hinge")
GROUPS = {
    "dense, n >> d": ["letter", "satimage", "connect4_binary", "a9a"],
    "cells": ["cells"],
    "sparse text": ["sms_spam", "banking77"],
    "p >> n": ["short", "short csr"],
    "dense, wide": ["usps", "mnist"],
    "CSR, n >> d": ["a9a csr"],
}
QUICK = ["letter", "satimage", "connect4_binary", "cells", "sms_spam"]
HEAD = ["data", "model", "seconds", "x", "objective", "d.obj", "gap", "nonzeros", "acc"]
WIDTHS = ["<20", "<24", ">9", ">8", ">11", ">8", ">7", ">9", ">7"]
FORMS = ["", "", ".4f", ".2f", ".7g", "+.0e", ".0e", "d", ".4f"]


class SquaredHinge(Logistic):
    """The loss for skglm: the sum, not the mean."""

    def value(self, y, w, Xw):
        return (np.maximum(0.0, 1.0 - y * Xw) ** 2).sum()

    def raw_grad(self, y, Xw):
        return -2.0 * y * np.maximum(0.0, 1.0 - y * Xw)

    def raw_hessian(self, y, Xw):
        return 2.0 * (y * Xw < 1.0) + 1e-12


class SkglmL1SVC(LinearSVC):
    """The problem of L1SVC by skglm's proximal Newton solver with working sets."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        X = X.tocsc() if issparse(X) else np.asfortranarray(X)
        solver = skglm.solvers.ProxNewton(tol=self.tol / self.C, max_iter=100)
        problem, signs = (SquaredHinge(), L1(1 / self.C)), one_vs_rest(y, self.classes_)
        w = np.array([solver.solve(X, s, *problem)[0] for s in signs])
        self.coef_, self.intercept_ = w[:, :-1], w[:, -1]
        return self


def one_vs_rest(y, classes):
    return np.where(classes[len(classes) == 2 :, None] == y, 1.0, -1.0)


def models(C, y, group, quick):
    """Yield names and estimators, L1SVC first; what takes minutes is left out."""
    yield "L1SVC", L1SVC(C=C)
    yield "LinearSVC l1", LinearSVC(C=C, penalty="l1", dual=False, random_state=0)
    yield "LinearSVC l2", LinearSVC(C=C, dual=False, random_state=0)
    logistic = LogisticRegression(C=C, l1_ratio=1, solver="liblinear", random_state=0)
    if len(np.unique(y)) == 2 and group != "cells":
        yield "logistic l1 liblinear", logistic
    groups = ["sparse text"] if quick else ["sparse text", "p >> n", "dense, n >> d"]
    if skglm and group in groups and len(y) < 20000:
        yield "skglm sq. hinge", SkglmL1SVC(C=C, tol=1e-2)
        if C == 1:
            model = skglm.SparseLogisticRegression(1 / len(y), tol=1e-2 / len(y))
            yield "skglm logistic", model
    if not (quick or group == "cells"):
        yield "logistic l1 saga", clone(logistic).set_params(solver="saga")
    if not quick and len(y) < 20000:
        yield "SVC rbf", SVC(C=C)


def read(name, quick):
    """Return the parts ``(X, y, X_test, y_test)``: one, or the cells."""
    name, *csr = name.split()
    if name == "cells":
        return load_letter_cells(150)[: 30 if quick else None]
    if name in ("banking77", "sms_spam"):
        return [load_tfidf(name)]
    X, y, X_test, y_test = make_short(csr) if name == "short" else load_split(name)
    rows = {"letter": 3000 if quick else None, "mnist": 10000}.get(name)
    X, y = X[:rows], y[:rows]
    if name in ("letter", "satimage"):
        scaler = StandardScaler().fit(X)
        X, X_test = scaler.transform(X), scaler.transform(X_test)
    elif name == "mnist":
        X, X_test = X / 255, X_test / 255
    if csr:
        X, X_test = csr_array(X), csr_array(X_test)
    return [(X, y, X_test, y_test)]


def problems(quick, wanted):
    """Yield the name, the group, C and the parts, each with models of its own."""
    for group, name in ((g, name) for g, names in GROUPS.items() for name in names):
        if (quick and name not in QUICK) or (wanted and name.split()[0] not in wanted):
            continue
        try:
            parts = read(name, quick)
        except OSError as error:
            print(f"{name} is left out: {error}")
            continue
        for C in (1, 10) if name == "banking77" else (1,):
            yield f"{name} C={C}", group, C, parts


def certify(X, y, model, C):
    """Return the objective and the relative duality gap of the worst class.

    The intercept is optimised before the dual point is taken, so that ``sum a_i y_i``
    vanishes; that point is then scaled into the feasible set.
    """
    total, worst = 0.0, 0.0
    signs = one_vs_rest(y, model.classes_)
    for s, w, b in zip(signs, model.coef_, model.intercept_, strict=True):
        margin = s * (X @ w)
        primal = np.abs(w).sum() + C * np.sum(slack(b, s, margin) ** 2)
        bound = 1 + np.abs(margin).max()
        best = brentq(lambda *at: at[1] @ slack(*at), -bound, bound, (s, margin))
        a = 2 * C * slack(best, s, margin)
        scale = 1 / max(np.abs((a * s) @ X).max(), 1e-300)
        scale = min(scale, 2 * C * a.sum() / max(a @ a, 1e-300))
        dual = scale * a.sum() - scale**2 * (a @ a) / (4 * C)
        total, worst = total + primal, max(worst, (primal - dual) / primal)
    return total, worst


def slack(b, s, margin):
    return np.maximum(0, 1 - margin - s * b)


def fit_all(model, parts):
    start = time.perf_counter()
    fitted = [clone(model).fit(X, y) for X, y, _, _ in parts]
    return time.perf_counter() - start, fitted


def measure(name, model, parts, C):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        seconds, fitted = fit_all(model, parts)
        repeats = 0 if seconds > 10 else 1 if seconds > 1 else 3
        times = [fit_all(model, parts)[0] for _ in range(repeats)]
    row = {"model": name, "seconds": min(times, default=seconds)}
    row["converged"] = not any(w.category is ConvergenceWarning for w in caught)
    pairs = list(zip(fitted, parts, strict=True))
    right = sum(np.sum(m.predict(part[2]) == part[3]) for m, part in pairs)
    row["acc"] = float(right / sum(len(part[3]) for part in parts))
    if name != "SVC rbf":
        row["nonzeros"] = sum(int(np.count_nonzero(m.coef_)) for m in fitted)
    if name in SAME_PROBLEM:
        primals, gaps = np.transpose([certify(*part[:2], m, C) for m, part in pairs])
        row |= {"objective": primals.sum(), "gap": gaps.max()}
    if name == "L1SVC":
        row["dual_gap_"] = float(max(np.max(m.dual_gap_) for m in fitted))
        row["n_iter_"] = int(max(np.max(m.n_iter_) for m in fitted))
    return row


def show(row):
    row = row | {"model": row["model"] + " *" * (not row["converged"])}
    for h, width, form in zip(HEAD, WIDTHS, FORMS, strict=True):
        print(format(format(row[h], form) if h in row else "-", width), end="")
    print(flush=True)


def summarise(rows):
    print("\nSeconds relative to L1SVC: geometric mean (least) of the sets of a group")
    ratios = {}
    for row in rows:
        ratios.setdefault((row["group"], row["model"]), []).append(row["x"])
    for (group, model), x in ratios.items():
        if model != "L1SVC":
            print(f"{group:<20}{model:<24}{gmean(x):>9.2f} ({min(x):.2f})")
    print("\nL1SVC is slower, or its objective is higher by more than 1e-4, on:")
    for row in rows:
        if row["x"] < 1 or row.get("d.obj", 0) < -1e-4:
            show(row)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="less than a minute")
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--data", metavar="NAME", nargs="+", help="cells, letter, ...")
    arguments = parser.parse_args()
    versions = [f"{m.__name__} {m.__version__}" for m in (sklearn, np, skglm) if m]
    print(*versions, platform.platform(), sep=", ")
    print("".join(map(format, HEAD, WIDTHS)))
    rows, ours = [], {}
    with threadpool_limits(1):
        for data, group, C, parts in problems(arguments.quick, arguments.data):
            X, y, _, _ = parts[0]
            for name, model in models(C, y, group, arguments.quick):
                if "skglm" in name:  # compile
                    few = np.r_[:20, np.flatnonzero(y != y[0])[:20]]
                    fit_all(model, [(X[few], y[few] == y[0], None, None)])
                row = {"data": data, "group": group} | measure(name, model, parts, C)
                ours = row if name == "L1SVC" else ours
                row["x"] = row["seconds"] / ours["seconds"]
                if "objective" in row:
                    row["d.obj"] = row["objective"] / ours["objective"] - 1
                rows.append(row)
                show(row)
    summarise(rows)
    if arguments.json:
        with open(arguments.json, "w") as file:
            json.dump(rows, file, indent=1)


if __name__ == "__main__":
    main()
