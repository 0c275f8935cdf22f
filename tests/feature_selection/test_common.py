"""scikit-learn's own checks over every strategy."""

from sklearn.utils.estimator_checks import (
    check_param_validation,
    parametrize_with_checks,
)

from skexperts.feature_selection import SparseFeatureSelector

INSTANCES = [
    SparseFeatureSelector(strategy, k=1, random_state=0)
    for strategy in (
        "t_test",
        "logistic",
        "pagerank",
        "betweenness",
        "kmeans",
        "dbscan",
    )
]
INSTANCES += [
    SparseFeatureSelector(k="all"),
    SparseFeatureSelector("dbscan", k="all", eps=0.9),
]


@parametrize_with_checks(INSTANCES, xfail_strict=True)
def test_scikit_learn_check(estimator, check):
    check(estimator)


def test_parameters_are_validated():
    check_param_validation("SparseFeatureSelector", SparseFeatureSelector())
