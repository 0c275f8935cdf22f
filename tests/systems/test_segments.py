"""Known segments that share a model: what is different in segment 3?"""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, StratifiedKFold

from skexperts import L1SVC, ColumnPartitioner, PartitionedExpertsClassifier
from skexperts.datasets import load_spoken_digits
from skexperts.inspection import CoefficientDisplay, expert_report


def read(subset):
    digits = load_spoken_digits(subset=subset)
    blocks = digits.data.reshape(-1, 4, 3, 8, 2).mean(axis=(2, 4)).reshape(-1, 32)
    speaker = np.unique(digits.speaker, return_inverse=True)[1]
    return np.column_stack([blocks / 64 - 1, speaker]), digits.target


@pytest.fixture(scope="module")
def rows():
    X, y = read("train")
    X_test, y_test = read("test")
    return X[::2], X_test, y[::2], y_test


def by_speaker(**parameters):
    return PartitionedExpertsClassifier(
        L1SVC(C=0.1, tol=1e-3),
        partitioner=ColumnPartitioner(-1),
        gate="hard",
        random_state=0,
        **parameters,
    )


@pytest.fixture(scope="module")
def model(rows):
    X, _, y, _ = rows
    return by_speaker(sharing="deviation").fit(X, y)


def test_sharing_is_better_than_one_model_and_than_a_model_for_each(rows, model):
    X, X_test, y, y_test = rows
    score = model.score(X_test, y_test)
    assert score > L1SVC(C=0.1).fit(X, y).score(X_test, y_test)
    assert score > by_speaker().fit(X, y).score(X_test, y_test)


def test_deviations_are_sparse_and_add_up(model):
    assert model.partitioner_.segments_.tolist() == [0, 1, 2, 3, 4, 5]
    for expert, deviation in zip(model.experts_, model.deviation_, strict=False):
        assert 0 < deviation.nnz < 0.5 * np.prod(deviation.shape)
        np.testing.assert_allclose(
            expert.coef_, model.shared_.coef_ + deviation.toarray(), atol=1e-12
        )


def test_the_report_says_what_is_different_in_segment_3(rows, model):
    pytest.importorskip("pandas")
    _, X_test, _, y_test = rows
    report = expert_report(model, X_test, y_test)
    segment = report.iloc[3]
    assert segment.n_rows == np.count_nonzero(X_test[:, -1] == 3)
    assert segment.n_deviations == model.deviation_[3].nnz
    assert segment.score_in > segment.score_out + 0.1
    deviation = abs(model.deviation_[3].toarray())
    largest = deviation.max(axis=0).argmax()
    assert f"x{largest} " in segment.top_deviations.split(",")[0]


def test_the_display_draws_the_deviations(model):
    plt = pytest.importorskip("matplotlib.pyplot")
    display = CoefficientDisplay.from_estimator(
        model, kind="deviations", class_label=7, max_features=5
    )
    expected = [d.toarray()[7, display.features] for d in model.deviation_]
    np.testing.assert_allclose(display.values.T[:6], expected)
    plt.close("all")


def test_a_new_speaker_is_served_by_the_shared_model(rows, model):
    _, X_test, _, _ = rows
    new = X_test.copy()
    new[:, -1] = 9
    assert set(model.route(new).indices.tolist()) == {len(model.experts_) - 1}
    np.testing.assert_array_equal(model.predict(new), model.experts_[-1].predict(new))


def test_clone_pickle_and_a_search_over_the_price_of_deviations(rows, model):
    X, X_test, y, _ = rows
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(X_test), model.predict(X_test))
    refit = clone(model).fit(X, y)
    np.testing.assert_array_equal(refit.predict(X_test), model.predict(X_test))
    # At the price infinity there are none.
    folds = StratifiedKFold(2, shuffle=True, random_state=0)
    search = GridSearchCV(model, {"deviation_penalty": [0.5, np.inf]}, cv=folds)
    assert search.fit(X, y).best_params_ == {"deviation_penalty": 0.5}
