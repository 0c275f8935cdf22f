import numpy as np
import pytest
from sklearn import config_context
from sklearn.compose import TransformedTargetRegressor
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import (
    LogisticRegression,
    Ridge,
    RidgeClassifier,
    SGDClassifier,
)
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC, LinearSVR

from skexperts._experts import (
    cell_seed,
    output_kind,
    read_outputs,
    seeded_clone,
    weight_parameter,
)


def three_classes(n=60):
    rng = np.random.default_rng(0)
    y = np.repeat(["a", "b", "c"], n // 3)
    X = rng.normal(size=(n, 2)) + 4 * (y[:, None] == np.array(["a", "b"]))
    return X, y


CLASSES = np.array(["a", "b", "c"])


@pytest.mark.parametrize(
    ("expert", "kind"),
    [
        (LinearSVC(), "margin"),
        (make_pipeline(StandardScaler(), LinearSVC()), "margin"),
        (GridSearchCV(LinearSVC(), {"C": [1, 2]}), "margin"),
        (
            GridSearchCV(
                make_pipeline(StandardScaler(), LinearSVC()),
                {"linearsvc": [LogisticRegression()]},
            ),
            "probability",
        ),
        (LinearSVC(loss="hinge"), "vote"),
        (LinearSVC(multi_class="crammer_singer"), "vote"),
        (SGDClassifier(loss="squared_hinge"), "margin"),
        (SGDClassifier(loss="log_loss"), "probability"),
        (SVC(), "vote"),
        (RidgeClassifier(), "vote"),
        (LogisticRegression(), "probability"),
    ],
    ids=str,
)
def test_output_kind(expert, kind):
    X, y = three_classes()
    expert.fit(X, y)
    assert output_kind(expert) == kind
    assert output_kind(FrozenEstimator(expert)) == kind
    outputs = read_outputs(expert, X, scale="probability", classes=CLASSES)
    np.testing.assert_allclose(outputs.sum(axis=1), 1.0, atol=1e-12)
    margins = read_outputs(expert, X, scale="margin", classes=CLASSES)
    for read in (outputs, margins):
        np.testing.assert_array_equal(CLASSES[read.argmax(axis=1)], expert.predict(X))
    if kind == "margin":
        np.testing.assert_array_equal(margins, expert.decision_function(X))
    else:
        np.testing.assert_array_equal(margins, 2 * outputs - 1)
    if kind == "probability":
        np.testing.assert_array_equal(outputs, expert.predict_proba(X))


def test_a_regressor_is_read_by_value():
    X, _ = three_classes()
    expert = LinearSVR().fit(X, X[:, 0])
    assert output_kind(expert) == "value"
    outputs = read_outputs(expert, X, scale="value")
    np.testing.assert_array_equal(outputs[:, 0], expert.predict(X))


@pytest.mark.parametrize("known", [["a", "c"], ["b", "c"], ["b"]], ids="".join)
@pytest.mark.parametrize("scale", ["probability", "margin"])
@pytest.mark.parametrize(
    "expert",
    [LinearSVC(), LogisticRegression(), SVC(), KNeighborsClassifier()],
    ids=str,
)
def test_unknown_classes_keep_their_column_and_never_win(expert, scale, known):
    X, y = three_classes()
    mine = np.isin(y, known)
    expert = expert if len(known) > 1 else DummyClassifier()
    expert.fit(X[mine], y[mine])
    outputs = read_outputs(expert, 100 * X, scale=scale, classes=CLASSES)
    unknown = ~np.isin(CLASSES, known)
    if scale == "probability":
        assert (outputs[:, unknown] == 0).all()
    else:
        assert (outputs[:, unknown] <= -1).all()
        lowest = outputs[:, ~unknown].min(axis=1)
        assert (outputs[:, unknown].max(axis=1) <= lowest).all()
    np.testing.assert_array_equal(
        CLASSES[outputs.argmax(axis=1)], expert.predict(100 * X)
    )


@pytest.mark.parametrize("scale", ["margin", "probability"])
def test_a_class_that_the_model_does_not_have_is_refused(scale):
    X, y = three_classes()
    expert = DummyClassifier().fit(X, y)
    with pytest.raises(ValueError, match="DummyClassifier knows the classes .'c'."):
        read_outputs(expert, X, scale=scale, classes=CLASSES[:2])


def test_binary_margins_become_two_columns():
    X, y = three_classes()
    X, y = X[y != "b"], y[y != "b"]
    expert = LinearSVC().fit(X, y)
    outputs = read_outputs(expert, X, scale="margin", classes=expert.classes_)
    np.testing.assert_array_equal(outputs[:, 1], expert.decision_function(X))
    np.testing.assert_array_equal(outputs[:, 0], -outputs[:, 1])


def test_single_precision_probabilities_sum_to_one_in_double():
    X, y = three_classes()
    expert = LogisticRegression().fit(X.astype(np.float32), y)
    assert expert.predict_proba(X.astype(np.float32)).dtype == np.float32
    outputs = read_outputs(
        expert, X.astype(np.float32), scale="probability", classes=CLASSES
    )
    np.testing.assert_allclose(outputs.sum(axis=1), 1.0, atol=1e-15)


def test_a_seed_of_the_user_is_kept():
    assert seeded_clone(RandomForestClassifier(random_state=3), 1).random_state == 3


def test_seeds_reach_nested_random_states_and_leave_the_original_alone():
    expert = make_pipeline(StandardScaler(), RandomForestClassifier())
    one, again, other = (seeded_clone(expert, seed) for seed in (1, 1, 2))
    name = "randomforestclassifier__random_state"
    assert one.get_params()[name] == again.get_params()[name]
    assert one.get_params()[name] != other.get_params()[name]
    assert expert.get_params()[name] is None


def test_the_seed_of_a_cell_depends_on_the_cell_alone():
    seeds = {cell_seed(7, cell) for cell in range(1000)}
    assert len(seeds) == 1000
    assert cell_seed(7, 3) == cell_seed(7, 3) != cell_seed(8, 3)


@pytest.mark.parametrize(
    ("expert", "name"),
    [
        (LinearSVC(), "sample_weight"),
        (KNeighborsClassifier(), None),
        (make_pipeline(StandardScaler(), LinearSVC()), "linearsvc__sample_weight"),
        (make_pipeline(StandardScaler(), KNeighborsClassifier()), None),
        (GridSearchCV(LinearSVC(), {}), "sample_weight"),
        (
            GridSearchCV(make_pipeline(LinearSVC()), {}),
            "linearsvc__sample_weight",
        ),
        (TransformedTargetRegressor(Ridge()), "sample_weight"),
        (FrozenEstimator(LinearSVC()), None),
    ],
    ids=str,
)
def test_weight_parameter(expert, name):
    assert weight_parameter(expert) == name


def test_weight_parameter_follows_metadata_routing():
    with config_context(enable_metadata_routing=True):
        silent = make_pipeline(StandardScaler(), LinearSVC())
        asking = make_pipeline(
            StandardScaler().set_fit_request(sample_weight=False),
            LinearSVC().set_fit_request(sample_weight=True),
        )
        assert weight_parameter(silent) is None
        assert weight_parameter(asking) == "sample_weight"
        assert weight_parameter(LinearSVC()) == "sample_weight"
