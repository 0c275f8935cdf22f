"""Parts of a text, one a sub-model, with weights that are learned."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline

from skexperts import (
    AlphaCombinerClassifier,
    FeatureGroups,
    GatedExpertsClassifier,
    PartitionedExpertsClassifier,
    SegmentVectorizer,
)
from skexperts.datasets import load_banking77, load_sms_spam
from skexperts.inspection import AlphaDisplay

SUB_MODEL = LogisticRegression(C=30, class_weight="balanced")


def of_parts(n_parts, **parameters):
    experts = PartitionedExpertsClassifier(
        SUB_MODEL,
        partitioner=FeatureGroups(n_parts, contiguous=True),
        random_state=0,
        **parameters,
    )
    return make_pipeline(SegmentVectorizer(n_segments=n_parts), experts)


@pytest.fixture(scope="module")
def messages():
    X, y = load_sms_spam(return_X_y=True)
    return train_test_split(
        X, y, train_size=1500, test_size=1500, stratify=y, random_state=0
    )


def balanced(model, X, y):
    return balanced_accuracy_score(y, model.predict(X))


def test_learned_weights_of_parts(messages):
    X, X_test, y, y_test = messages
    model = of_parts(3, combiner=AlphaCombinerClassifier()).fit(X, y)
    alpha = model[-1].alpha_
    assert alpha.shape == (3,)
    assert (alpha >= 0).all()
    np.testing.assert_allclose(alpha.sum(), 1)

    # Three parts lose to the whole text, and are far from knowing nothing (0.5).
    whole = make_pipeline(TfidfVectorizer(), SUB_MODEL).fit(X, y)
    score = balanced(model, X_test, y_test)
    assert score > balanced(whole, X_test, y_test) - 0.1
    assert score > balanced(of_parts(3).fit(X, y), X_test, y_test) - 0.03
    assert score > 0.8

    answers = model.decision_function(X_test)
    again = pickle.loads(pickle.dumps(model)).decision_function(X_test)
    np.testing.assert_array_equal(answers, again)
    twin = clone(model).fit(X, y)
    np.testing.assert_array_equal(answers, twin.decision_function(X_test))


def test_output_is_the_weighted_sum_of_sub_models_of_parts(messages):
    X, X_test, y, _ = messages
    model = of_parts(3, combiner=AlphaCombinerClassifier()).fit(X, y)
    last, blocks = model[-1], np.split(model[0].transform(X_test).toarray(), 3, axis=1)
    outputs = [e.predict_proba(B) for e, B in zip(last.experts_, blocks, strict=True)]
    np.testing.assert_allclose(
        model.predict_proba(X_test),
        np.tensordot(last.alpha_, outputs, axes=1),
        atol=1e-6,
    )


def test_a_part_without_news_gets_no_weight(messages):
    """All that the splitter puts into the last part is the same for all texts."""
    X, _, y, _ = messages
    parts = SegmentVectorizer(n_segments=2, splitter=lambda text: [text, "and"])
    model = make_pipeline(parts, of_parts(2, combiner=AlphaCombinerClassifier())[-1])
    alpha = model.fit(X, y)[-1].alpha_
    assert alpha[0] > 0.95


def test_number_of_parts_is_searched(messages):
    X, _, y, _ = messages
    grid = {"segmentvectorizer__n_segments": [2, 4]}
    model = make_pipeline(SegmentVectorizer(), SUB_MODEL)
    search = GridSearchCV(model, grid, cv=2, scoring="balanced_accuracy").fit(X, y)
    assert search.best_params_["segmentvectorizer__n_segments"] == 2
    assert search.best_score_ > 0.8


def test_softmax_gate_over_sub_models(messages):
    X, X_test, y, y_test = messages
    gated = GatedExpertsClassifier(3, top_k=3, random_state=0)
    model = make_pipeline(SegmentVectorizer(n_segments=3), gated).fit(X, y)
    weights = model[-1].route(model[0].transform(X_test)).toarray()
    np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-5)
    assert balanced(model, X_test, y_test) > 0.8


def test_intents_from_two_halves():
    split = []
    for subset in ("train", "test"):
        X, y = load_banking77(subset=subset, return_X_y=True)
        rows = np.isin(y, np.unique(y)[:8])
        split += [X[rows], y[rows]]
    X, y, X_test, y_test = split
    model = of_parts(2, combiner=AlphaCombinerClassifier()).fit(X, y)
    whole = make_pipeline(TfidfVectorizer(), SUB_MODEL).fit(X, y)
    assert model.score(X_test, y_test) > whole.score(X_test, y_test) - 0.15
    assert (model[-1].alpha_ > 0.05).all()


def test_weights_of_parts_are_drawn(messages):
    plt = pytest.importorskip("matplotlib.pyplot")
    X, _, y, _ = messages
    model = of_parts(2, combiner=AlphaCombinerClassifier()).fit(X, y)
    display = AlphaDisplay.from_estimator(model)
    np.testing.assert_allclose(np.sort(display.alpha), np.sort(model[-1].alpha_))
    plt.close("all")
