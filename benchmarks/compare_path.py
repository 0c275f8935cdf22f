"""The path of 20 values of C against one cold fit at the largest: one thread.

Seconds are the best of up to 3 repeats, or a single run above 10 s. ``x`` is their
ratio to the seconds of ``L1SVC``, one cold fit at the largest C: a path should cost at
most 3. ``L1SVC cold`` fits all values of C from zero. ``LinearSVC l1`` and ``logistic
l1 liblinear`` fit the same values without warm starts, as liblinear has none; they
penalise the intercept. ``*`` marks a ConvergenceWarning.

Letter and satimage are standardised; --quick takes 3000 rows and leaves others' models
out. What takes minutes is left out.

    python -m benchmarks.compare_path [--quick] [--data NAME ...]
"""

import argparse
import time
import warnings

from scipy.sparse import issparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from threadpoolctl import threadpool_limits

from benchmarks.data import load_split, load_tfidf
from skexperts.svm import L1SVC, L1SVCCV, l1_svc_path

SETS = ["letter", "satimage", "usps", "sms_spam"]
LINE = "{:<12}{:<24}{:>9.3f}{:>8.2f}{}"


def read(name, quick):
    if name == "sms_spam":
        X, y, _, _ = load_tfidf(name)
        return X, y
    X, y, _, _ = load_split(name)
    if quick:
        X, y = X[:3000], y[:3000]
    return (X, y) if name == "usps" else (StandardScaler().fit_transform(X), y)


def tasks(X, y, quick):
    """Yield names and functions to be timed, the cold fit first."""
    Cs, *_ = l1_svc_path(X, y, tol=0.1)
    yield "L1SVC", lambda: L1SVC(C=Cs[-1]).fit(X, y)
    yield "l1_svc_path", lambda: l1_svc_path(X, y, Cs=Cs)
    yield "L1SVC cold", lambda: [L1SVC(C=C).fit(X, y) for C in Cs]
    if quick:
        return
    yield "L1SVCCV, 5 folds", lambda: L1SVCCV(Cs=Cs).fit(X, y)
    if X.shape[0] * X.shape[1] > 1e6 and not issparse(X):
        return
    svc = LinearSVC(penalty="l1", dual=False, random_state=0)
    yield "LinearSVC l1", lambda: [svc.set_params(C=C).fit(X, y) for C in Cs]
    if issparse(X) or X.shape[0] < 5000:
        yield "logistic l1 liblinear", lambda: [logistic(C).fit(X, y) for C in Cs]


def logistic(C):
    model = LogisticRegression(C=C, l1_ratio=1, solver="liblinear", random_state=0)
    return OneVsRestClassifier(model)


def measure(function):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        times = [seconds(function)]
        times += [seconds(function) for _ in range(2 if times[0] < 10 else 0)]
    missed = any(w.category is ConvergenceWarning for w in caught)
    return min(times), " *" * missed


def seconds(function):
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="less than a minute")
    parser.add_argument("--data", metavar="NAME", nargs="+", choices=SETS, default=SETS)
    arguments = parser.parse_args()
    print(f"{'data':<12}{'model':<24}{'seconds':>9}{'x':>8}")
    with threadpool_limits(1):
        for data in arguments.data:
            X, y = read(data, arguments.quick)
            cold = None
            for name, function in tasks(X, y, arguments.quick):
                best, mark = measure(function)
                cold = cold or best
                print(LINE.format(data, name, best, best / cold, mark), flush=True)


if __name__ == "__main__":
    main()
