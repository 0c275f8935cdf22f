import numpy as np
import pytest
from sklearn import config_context
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, RidgeClassifier, SGDClassifier
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


@pytest.mark.parametrize(
    ("expert", "kind"),
    [
        (LinearSVC(), "margin"),
        (make_pipeline(StandardScaler(), LinearSVC()), "margin"),
        (FrozenEstimator(LinearSVC()), "margin"),
        (FrozenEstimator(make_pipeline(LinearSVC())), "margin"),
        (GridSearchCV(LinearSVC(), {"C": [1, 2]}), "margin"),
        (LinearSVC(loss="hinge"), "vote"),
        (SGDClassifier(loss="squared_hinge"), "margin"),
        (SGDClassifier(loss="log_loss"), "probability"),
        (SVC(), "vote"),
        (RidgeClassifier(), "vote"),
        (LogisticRegression(), "probability"),
        (LinearSVR(), "value"),
    ],
    ids=str,
)
def test_output_kind(expert, kind):
    assert output_kind(expert) == kind


def three_classes(n=60):
    rng = np.random.default_rng(0)
    y = np.repeat(["a", "b", "c"], n // 3)
    X = rng.normal(size=(n, 2)) + 4 * (y[:, None] == np.array(["a", "b"]))
    return X, y


CLASSES = np.array(["a", "b", "c"])


@pytest.mark.parametrize("expert", [LinearSVC(), LogisticRegression(), SVC()], ids=str)
def test_all_classes_known_is_the_experts_own_output(expert):
    X, y = three_classes()
    expert.fit(X, y)
    kind = output_kind(expert)
    outputs = read_outputs(expert, X, kind=kind, classes=CLASSES)
    own = {"margin": "decision_function", "probability": "predict_proba"}.get(kind)
    if own:
        np.testing.assert_array_equal(outputs, getattr(expert, own)(X))
    np.testing.assert_array_equal(CLASSES[outputs.argmax(axis=1)], expert.predict(X))


@pytest.mark.parametrize("known", [["a", "c"], ["b", "c"], ["b"]], ids="".join)
@pytest.mark.parametrize(
    "expert",
    [LinearSVC(), LogisticRegression(), SVC(), KNeighborsClassifier()],
    ids=str,
)
def test_unknown_classes_keep_their_column_and_never_win(expert, known):
    X, y = three_classes()
    mine = np.isin(y, known)
    expert = expert if len(known) > 1 else DummyClassifier()
    expert.fit(X[mine], y[mine])
    for kind in ["vote", "probability" if hasattr(expert, "predict_proba") else "vote"]:
        outputs = read_outputs(expert, X, kind=kind, classes=CLASSES)
        assert outputs.shape == (60, 3)
        assert (outputs[:, ~np.isin(CLASSES, known)] == 0).all()
        np.testing.assert_array_equal(
            CLASSES[outputs.argmax(axis=1)], expert.predict(X)
        )


@pytest.mark.parametrize("known", [["a", "c"], ["b", "c"], ["b"]], ids="".join)
def test_unknown_classes_have_margin_at_most_minus_one(known):
    X, y = three_classes()
    mine = np.isin(y, known)
    expert = (LinearSVC() if len(known) > 1 else DummyClassifier()).fit(
        X[mine], y[mine]
    )
    outputs = read_outputs(expert, 100 * X, kind="margin", classes=CLASSES)
    unknown = ~np.isin(CLASSES, known)
    assert (outputs[:, unknown] <= -1).all()
    assert (outputs[:, unknown].max(axis=1) <= outputs[:, ~unknown].min(axis=1)).all()
    np.testing.assert_array_equal(
        CLASSES[outputs.argmax(axis=1)], expert.predict(100 * X)
    )


@pytest.mark.parametrize("kind", ["vote", "margin", "probability"])
def test_a_class_that_the_model_does_not_have_is_refused(kind):
    X, y = three_classes()
    expert = DummyClassifier().fit(X, y)
    with pytest.raises(ValueError, match="DummyClassifier knows the classes .'c'."):
        read_outputs(expert, X, kind=kind, classes=CLASSES[:2])


def test_binary_margins_become_two_columns():
    X, y = three_classes()
    X, y = X[y != "b"], y[y != "b"]
    expert = LinearSVC().fit(X, y)
    outputs = read_outputs(expert, X, kind="margin", classes=expert.classes_)
    np.testing.assert_array_equal(outputs[:, 1], expert.decision_function(X))
    np.testing.assert_array_equal(outputs[:, 0], -outputs[:, 1])


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
