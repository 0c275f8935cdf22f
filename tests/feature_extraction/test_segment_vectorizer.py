"""Texts to features, part by part."""

import pickle

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array, issparse
from sklearn.base import clone
from sklearn.decomposition import TruncatedSVD
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import (
    CountVectorizer,
    HashingVectorizer,
    TfidfVectorizer,
)
from sklearn.feature_selection import SelectKBest, chi2
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skexperts import (
    AlphaCombinerClassifier,
    FeatureGroups,
    GatedExpertsClassifier,
    PartitionedExpertsClassifier,
    SegmentVectorizer,
)
from skexperts.feature_extraction._texts import cut_by_words

TEXTS = [
    "the food was good but the service was slow today",
    "slow service  and\tcold food",
    "good",
    "",
    "Excellent service, good food!\nWe come again.",
]
VECTORIZERS = [
    TfidfVectorizer(),
    TfidfVectorizer(ngram_range=(1, 2), dtype=np.float32),
    TfidfVectorizer(analyzer="char", ngram_range=(1, 3)),
    CountVectorizer(binary=True),
    HashingVectorizer(n_features=64),
    make_pipeline(CountVectorizer(), TruncatedSVD(2, random_state=0)),
]


def dense(features):
    return features.toarray() if issparse(features) else features


def halves(text):
    return text.split(maxsplit=1)


@pytest.mark.parametrize("vectorizer", VECTORIZERS, ids=str)
def test_one_segment_is_the_vectorizer(vectorizer):
    expected = clone(vectorizer).fit(TEXTS).transform(TEXTS)
    features = SegmentVectorizer(vectorizer, n_segments=1).fit_transform(TEXTS)
    assert features.dtype == expected.dtype
    assert issparse(features) == issparse(expected)
    np.testing.assert_array_equal(dense(features), dense(expected))


@pytest.mark.parametrize("n_segments", [2, 3, 7])
@pytest.mark.parametrize("vectorizer", VECTORIZERS, ids=str)
def test_each_block_is_what_the_vectorizer_makes_of_a_part(vectorizer, n_segments):
    segmenter = SegmentVectorizer(vectorizer, n_segments).fit(TEXTS)
    fitted = clone(vectorizer).fit(TEXTS)
    parts = list(zip(*(cut_by_words(text, n_segments) for text in TEXTS), strict=True))
    expected = np.hstack([dense(fitted.transform(part)) for part in parts])
    features = segmenter.transform(TEXTS)
    np.testing.assert_allclose(dense(features), expected, rtol=1e-6, atol=1e-12)
    assert len(segmenter.feature_groups_) == n_segments
    for group, part in zip(segmenter.feature_groups_, parts, strict=True):
        np.testing.assert_allclose(
            dense(features[:, group]), dense(fitted.transform(part)), atol=1e-12
        )


def test_parameters_are_cloned_and_kept():
    segmenter = SegmentVectorizer(CountVectorizer(), 2, splitter=halves).fit(TEXTS)
    assert not hasattr(segmenter.vectorizer, "vocabulary_")
    copy = clone(segmenter)
    assert (copy.n_segments, copy.splitter) == (2, halves)
    with pytest.raises(NotFittedError):
        copy.transform(TEXTS)


@pytest.mark.parametrize("n_segments", [1, 2, 5])
def test_the_words_of_all_segments_are_those_of_the_text(n_segments):
    whole = CountVectorizer().fit_transform(TEXTS)
    segmenter = SegmentVectorizer(CountVectorizer(), n_segments).fit(TEXTS)
    features = segmenter.transform(TEXTS)
    assert features.format == "csr"
    assert features.has_canonical_format
    total = sum(features[:, group] for group in segmenter.feature_groups_)
    np.testing.assert_array_equal(dense(total), dense(whole))
    assert features[[3]].nnz == 0


def test_document_frequencies_are_of_whole_texts():
    one, three = (
        SegmentVectorizer(TfidfVectorizer(min_df=2), n_segments=n).fit(TEXTS)
        for n in (1, 3)
    )
    assert one.vectorizer_.vocabulary_ == three.vectorizer_.vocabulary_
    np.testing.assert_array_equal(one.vectorizer_.idf_, three.vectorizer_.idf_)


def test_names_say_segment_and_word():
    segmenter = SegmentVectorizer(n_segments=2).fit(["red wine", "blue"])
    words = ["blue", "red", "wine"]
    names = [f"segment{k}__{word}" for k in range(2) for word in words]
    assert segmenter.get_feature_names_out().tolist() == names
    assert segmenter.get_feature_names_out().dtype == object
    row = segmenter.transform(["wine blue"])
    assert [names[j] for j in row.indices] == ["segment0__wine", "segment1__blue"]


def test_dense_features_may_be_a_frame():
    vectorizer = make_pipeline(CountVectorizer(), TruncatedSVD(2, random_state=0))
    segmenter = SegmentVectorizer(vectorizer, 2).set_output(transform="pandas")
    frame = segmenter.fit_transform(pd.Series(TEXTS))
    assert list(frame) == segmenter.get_feature_names_out().tolist()
    expected = SegmentVectorizer(vectorizer, 2).fit_transform(TEXTS)
    np.testing.assert_allclose(frame.to_numpy(), expected, atol=1e-12)


def test_a_vectorizer_without_names_gives_none():
    segmenter = SegmentVectorizer(HashingVectorizer())
    assert not hasattr(segmenter, "get_feature_names_out")
    assert segmenter.fit_transform(TEXTS).shape == (5, 3 * 2**20)
    assert not hasattr(segmenter, "get_feature_names_out")


def test_a_splitter_may_cut_elsewhere():
    segmenter = SegmentVectorizer(CountVectorizer(), 3, splitter=halves)
    features = segmenter.fit_transform(["good food here", "good", ""])
    names = segmenter.get_feature_names_out()
    rows = [names[row.indices].tolist() for row in csr_array(features)]
    assert rows == [
        ["segment0__good", "segment1__food", "segment1__here"],
        ["segment0__good"],
        [],
    ]


@pytest.mark.parametrize(
    ("splitter", "error", "message"),
    [
        (str.split, ValueError, "splitter made 10 parts .* more than n_segments=3"),
        (str.upper, TypeError, "splitter must return a list of strings. Got 'THE FOO"),
        (lambda _: [1], TypeError, r"splitter must return a list of strings. Got \[1"),
    ],
    ids=["too many", "string", "number"],
)
def test_a_wrong_splitter_is_refused(splitter, error, message):
    segmenter = SegmentVectorizer(splitter=splitter).fit(TEXTS)
    with pytest.raises(error, match=message):
        segmenter.transform(TEXTS)


def test_parameters_changed_after_fit_have_no_effect():
    segmenter = SegmentVectorizer().fit(TEXTS)
    expected = segmenter.transform(TEXTS)
    segmenter.set_params(n_segments=5, splitter=halves, vectorizer=CountVectorizer())
    np.testing.assert_array_equal(dense(segmenter.transform(TEXTS)), dense(expected))


def test_a_failed_fit_leaves_the_old_model():
    segmenter = SegmentVectorizer().fit(TEXTS)
    expected = segmenter.transform(TEXTS)
    with pytest.raises(ValueError, match="empty vocabulary"):
        segmenter.fit(["", "."])
    np.testing.assert_array_equal(dense(segmenter.transform(TEXTS)), dense(expected))
    with pytest.raises(ValueError, match="empty vocabulary"):
        (fresh := SegmentVectorizer()).fit([""])
    with pytest.raises(NotFittedError):
        fresh.transform(TEXTS)


@pytest.mark.parametrize("method", ["fit", "fit_transform", "transform"])
def test_no_method_takes_a_single_string(method):
    with pytest.raises(ValueError, match="single string"):
        getattr(SegmentVectorizer().fit(TEXTS), method)("good food")


@pytest.mark.parametrize(
    "parameters", [{"n_segments": 0}, {"vectorizer": "tfidf"}, {"splitter": "."}]
)
def test_impossible_parameters_are_refused(parameters):
    with pytest.raises(ValueError, match=f"'{next(iter(parameters))}' parameter"):
        SegmentVectorizer(**parameters).fit(TEXTS)


def test_y_reaches_the_vectorizer():
    y = [1, 0, 1, 0, 1]
    vectorizer = make_pipeline(CountVectorizer(), SelectKBest(chi2, k=2))
    segmenter = SegmentVectorizer(vectorizer, 2).fit(TEXTS, y)
    chosen = clone(vectorizer).fit(TEXTS, y).get_feature_names_out()
    names = segmenter.get_feature_names_out()
    assert names.tolist() == [
        f"segment{k}__{name}" for k in range(2) for name in chosen
    ]


def test_it_survives_pickling():
    segmenter = SegmentVectorizer(n_segments=2, splitter=halves).fit(TEXTS)
    copy = pickle.loads(pickle.dumps(segmenter))
    np.testing.assert_array_equal(
        dense(copy.transform(TEXTS)), dense(segmenter.transform(TEXTS))
    )


@pytest.fixture(scope="module")
def reviews():
    """Texts whose first half speaks of the class, and whose second half is noise."""
    rng = np.random.RandomState(0)
    y = rng.randint(2, size=120)
    told = np.array([["poor", "bad", "slow"], ["good", "fine", "quick"]])
    noise = told.ravel()
    first = [rng.choice(told[label], 4) for label in y]
    texts = [" ".join([*words, *rng.choice(noise, 4)]) for words in first]
    return pd.Series(texts), y


def model_of(n_segments, **parameters):
    return make_pipeline(
        SegmentVectorizer(TfidfVectorizer(), n_segments=n_segments),
        PartitionedExpertsClassifier(
            partitioner=FeatureGroups(n_segments, contiguous=True), **parameters
        ),
    )


def test_each_segment_has_an_expert_with_a_learned_weight(reviews):
    texts, y = reviews
    model = model_of(2, combiner=AlphaCombinerClassifier()).fit(texts, y)
    segmenter, experts = model
    assert model.score(texts, y) == 1
    assert experts.alpha_[0] > 0.9
    groups = experts.partitioner_.feature_groups_
    for group, columns in zip(segmenter.feature_groups_, groups, strict=True):
        np.testing.assert_array_equal(columns, np.r_[group])


def test_experts_on_segments_are_experts_on_the_parts(reviews):
    texts, y = reviews
    fitted = model_of(2).fit(texts[:80], y[:80])
    parts = list(zip(*(cut_by_words(text, 2) for text in texts), strict=True))
    vectorizer = TfidfVectorizer().fit(texts[:80])
    margins = [
        clone(fitted[-1].experts_[k])
        .fit(vectorizer.transform(part[:80]), y[:80])
        .decision_function(vectorizer.transform(part[80:]))
        for k, part in enumerate(parts)
    ]
    np.testing.assert_allclose(
        fitted.decision_function(texts[80:]), np.mean(margins, axis=0), atol=1e-4
    )


def test_gated_experts_take_segments(reviews):
    texts, y = reviews
    model = make_pipeline(
        SegmentVectorizer(n_segments=2),
        GatedExpertsClassifier(n_experts=2, random_state=0),
    )
    assert model.fit(texts[:80], y[:80]).score(texts[80:], y[80:]) > 0.9


def test_a_search_reaches_the_vectorizer_and_the_segments(reviews):
    texts, y = reviews
    model = make_pipeline(
        SegmentVectorizer(TfidfVectorizer()),
        PartitionedExpertsClassifier(
            n_experts=2, partitioner=FeatureGroups(contiguous=True)
        ),
    )
    grid = {
        "segmentvectorizer__vectorizer__ngram_range": [(1, 1), (1, 2)],
        "segmentvectorizer__n_segments": [2, 4],
    }
    search = GridSearchCV(model, grid, cv=3, error_score="raise").fit(texts, y)
    assert search.best_score_ > 0.9
    assert len(search.cv_results_["params"]) == 4
