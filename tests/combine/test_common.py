"""The checks of scikit-learn, over several configurations."""

from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.naive_bayes import GaussianNB
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.utils.estimator_checks import parametrize_with_checks

from skexperts.combine import AlphaCombinerClassifier, AlphaCombinerRegressor

BAYES = ("bayes", GaussianNB())
TREE = ("tree", DecisionTreeClassifier(max_depth=3, random_state=0))
LOGISTIC = ("logistic", LogisticRegression(tol=1e-10, max_iter=10_000))
SVC = ("svc", LinearSVC(tol=1e-10, max_iter=100_000, random_state=0))
RIDGE = ("ridge", Ridge())
LINEAR = ("linear", LinearRegression())
REGRESSION_TREE = ("tree", DecisionTreeRegressor(max_depth=3, random_state=0))

# check_regressors_train sets alpha=0.01 on every regressor that has a parameter of that
# name, which is one weight for two estimators: the second one must be able to learn.
INSTANCES = [
    AlphaCombinerClassifier([BAYES, TREE]),
    AlphaCombinerClassifier([LOGISTIC, TREE], loss="squared_error", cv=3),
    AlphaCombinerClassifier([LOGISTIC, SVC], loss="squared_hinge", cv=3),
    AlphaCombinerClassifier([SVC], cv=3),
    AlphaCombinerClassifier([BAYES, ("none", "drop"), TREE], alpha=0.3),
    AlphaCombinerClassifier(
        [LOGISTIC, TREE, BAYES], alpha=[0.2, 0.3, 0.5], loss="squared_hinge"
    ),
    AlphaCombinerRegressor([RIDGE, REGRESSION_TREE]),
    AlphaCombinerRegressor([RIDGE, LINEAR], cv=3),
    AlphaCombinerRegressor([REGRESSION_TREE, RIDGE], alpha=[0.5, 0.5]),
]


@parametrize_with_checks(INSTANCES)
def test_scikit_learn_checks(estimator, check):
    check(estimator)
