"""scikit-learn's own checks over all estimators in several configurations."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from skexperts.svm import L1SVC, L1SVCCV, L1SVR, L1SVRCV

# Weight equivalence compares two fits to seven digits.
TIGHT = {"tol": 1e-12, "max_iter": 10_000}

INSTANCES = [
    L1SVC(**TIGHT),
    L1SVC(C=0.01, class_weight="balanced", **TIGHT),
    L1SVC(C=100.0, fit_intercept=False, **TIGHT),
    L1SVC(warm_start=True, **TIGHT),
    L1SVC(n_jobs=2, **TIGHT),
    L1SVR(**TIGHT),
    L1SVR(C=100.0, epsilon=0.1, **TIGHT),
    L1SVR(C=10.0, fit_intercept=False, **TIGHT),
    L1SVR(warm_start=True, **TIGHT),
    L1SVCCV(Cs=5, cv=3, **TIGHT),
    L1SVCCV(Cs=[0.1, 10.0], cv=3, scoring="neg_log_loss", n_jobs=2, **TIGHT),
    L1SVRCV(Cs=5, cv=3, **TIGHT),
    L1SVRCV(Cs=[0.1, 10.0], cv=3, epsilon=0.1, n_jobs=2, **TIGHT),
]


def expected_failures(estimator):
    """What no linear function can pass, LinearSVC included."""
    if isinstance(estimator, L1SVC) and not estimator.fit_intercept:
        reason = "without an intercept no class weight makes one class win everywhere"
        return {"check_class_weight_classifiers": reason}
    return {}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks(
    INSTANCES, expected_failed_checks=expected_failures, xfail_strict=True
)
def test_scikit_learn_check(estimator, check):
    check(estimator)
