"""Texts to features, part by part."""

from numbers import Integral

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.utils import check_array
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from skexperts._doc_links import DocLinkMixin
from skexperts._sklearn import HasMethods, Interval, fit_context
from skexperts._validation import all_or_nothing
from skexperts.feature_extraction._texts import as_texts, cut_by_splitter, cut_by_words


def _has_names(segmenter):
    vectorizer = getattr(segmenter, "vectorizer_", segmenter.vectorizer)
    return vectorizer is None or hasattr(vectorizer, "get_feature_names_out")


class SegmentVectorizer(DocLinkMixin, TransformerMixin, BaseEstimator):
    """Cut each text into consecutive parts and vectorise each part by itself.

    With v(part) the vector of m features that the vectorizer makes of a part, the text
    t with the parts ``t_0, ..., t_(S-1)`` becomes::

        [v(t_0), v(t_1), ..., v(t_(S-1))],    S * m columns side by side

    Experts on the parts, one each, are
    :class:`~skexperts.partition.FeatureGroups` with ``contiguous=True``; see the
    example.

    There is one vocabulary for all parts, learned from the whole texts. So column j
    of each segment is the same word, counts of texts (``min_df``, inverse document
    frequencies) do not depend on the number of segments, and vectorizers that learn
    nothing are no special case.

    Parameters
    ----------
    vectorizer : transformer of texts, default=None
        Cloned and fitted on the whole texts. None means
        :class:`~sklearn.feature_extraction.text.TfidfVectorizer`. A pipeline that
        begins with a vectorizer will do, also one with dense output.

    n_segments : int, default=3
        Number of parts of each text.

    splitter : callable, default=None
        ``splitter(text)`` returns the parts of a text, a list of at most `n_segments`
        strings; those missing at the end are empty. It may cut at sentences, or between
        subject and body. None cuts at white space, into parts whose numbers of words
        differ by one at the most, the longer ones first.

    Attributes
    ----------
    vectorizer_ : transformer
        The fitted vectorizer.

    feature_groups_ : list of n_segments slices
        The columns of each segment.

    Raises
    ------
    TypeError
        If X holds anything but strings, or `splitter` returns anything but a list of
        strings.
    ValueError
        If X is a single string, a table or empty, `splitter` makes too many parts, or
        the vocabulary is empty.

    Notes
    -----
    A part without words is a row of zeros in its columns, so a text with fewer words
    than segments has zeros in the last ones.

    Examples
    --------
    >>> from skexperts.feature_extraction import SegmentVectorizer
    >>> texts = ["good food slow service", "slow food good service today"]
    >>> vectorizer = SegmentVectorizer(n_segments=2)
    >>> vectorizer.fit_transform(texts).shape
    (2, 10)
    >>> vectorizer.get_feature_names_out()[:3].tolist()
    ['segment0__food', 'segment0__good', 'segment0__service']

    An expert for each part of the text, whose margins are added with learned weights:

    >>> from sklearn.pipeline import make_pipeline
    >>> from skexperts import (
    ...     AlphaCombinerClassifier, FeatureGroups, PartitionedExpertsClassifier
    ... )
    >>> model = make_pipeline(
    ...     SegmentVectorizer(n_segments=2),
    ...     PartitionedExpertsClassifier(
    ...         partitioner=FeatureGroups(2, contiguous=True),
    ...         combiner=AlphaCombinerClassifier(loss="squared_hinge"),
    ...     ),
    ... )
    >>> model.fit(texts * 10, [1, 0] * 10).predict(texts).tolist()
    [1, 0]
    """

    _parameter_constraints: dict = {
        "vectorizer": [HasMethods(["fit", "transform"]), None],
        "n_segments": [Interval(Integral, 1, None, closed="left")],
        "splitter": [callable, None],
    }

    def __init__(self, vectorizer=None, n_segments=3, *, splitter=None):
        self.vectorizer = vectorizer
        self.n_segments = n_segments
        self.splitter = splitter

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.two_d_array = False
        return tags

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None) -> "SegmentVectorizer":
        """Fit the vectorizer on the whole texts.

        Parameters
        ----------
        X : iterable of n_samples str
            The texts: a list, an array, a pandas or polars Series.
        y : array-like of shape (n_samples,), default=None
            Passed on to the vectorizer.

        Returns
        -------
        self : SegmentVectorizer
        """
        with all_or_nothing(self):
            texts = as_texts(X)
            vectorizer = (
                TfidfVectorizer() if self.vectorizer is None else self.vectorizer
            )
            self.vectorizer_ = clone(vectorizer).fit(texts, y)
            self._splitter = self.splitter
            width = _matrix(self.vectorizer_, [""]).shape[1]
            self.feature_groups_ = [
                slice(k * width, (k + 1) * width) for k in range(self.n_segments)
            ]
        return self

    def fit_transform(self, X, y=None):
        """Fit the vectorizer and return the features of the same texts.

        Parameters
        ----------
        X : iterable of n_samples str
            The texts; each is read once.
        y : array-like of shape (n_samples,), default=None
            Passed on to the vectorizer.

        Returns
        -------
        features : CSR of shape (n_samples, n_segments * n_features_of_a_part)
        """
        texts = as_texts(X)
        return self.fit(texts, y).transform(texts)

    def transform(self, X):
        """Return the features of the parts of each text, side by side.

        Parameters
        ----------
        X : iterable of n_samples str
            The texts.

        Returns
        -------
        features : CSR of shape (n_samples, n_segments * n_features_of_a_part)
            An ndarray if the vectorizer gives dense features.
        """
        check_is_fitted(self)
        texts, n_segments = as_texts(X), len(self.feature_groups_)
        parts = [part for text in texts for part in self._parts(text, n_segments)]
        features = _matrix(self.vectorizer_, parts)
        # Part k of text i is row i * n_segments + k: its columns move to block k.
        features = features.reshape(len(texts), n_segments * features.shape[1])
        return features if isinstance(features, np.ndarray) else features.tocsr()

    @available_if(_has_names)
    def get_feature_names_out(self, input_features=None):
        """Return names such as ``"segment0__word"``.

        Parameters
        ----------
        input_features : ignored
            A text is one feature.

        Returns
        -------
        names : ndarray of shape (n_segments * n_features_of_a_part,) of str objects
        """
        check_is_fitted(self)
        names = self.vectorizer_.get_feature_names_out()
        return np.array(
            [
                f"segment{k}__{name}"
                for k in range(len(self.feature_groups_))
                for name in names
            ],
            dtype=object,
        )

    def _parts(self, text, n_segments):
        if self._splitter is None:
            return cut_by_words(text, n_segments)
        return cut_by_splitter(text, n_segments, self._splitter)


def _matrix(vectorizer, texts):
    """Return what a vectorizer makes of texts as CSR or ndarray."""
    return check_array(vectorizer.transform(texts), accept_sparse="csr", dtype=None)
