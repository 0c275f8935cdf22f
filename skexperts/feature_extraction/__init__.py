"""Features of raw data: texts cut into parts, one for each expert."""

from skexperts.feature_extraction._segment_vectorizer import SegmentVectorizer

__all__ = ["SegmentVectorizer"]
