"""Texts and their parts."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skexperts.feature_extraction._texts import as_texts, cut_by_words

TEXTS = ["good food", "", "slow"]


@given(st.text(alphabet="ab \t\n\u00a0\u00e9", max_size=60), st.integers(1, 9))
def test_parts_join_to_the_text_and_balance_its_words(text, n_parts):
    parts = cut_by_words(text, n_parts)
    assert len(parts) == n_parts
    assert "".join(parts) == text
    words = [part.split() for part in parts]
    assert [word for part in words for word in part] == text.split()
    sizes = [len(part) for part in words]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] - sizes[-1] <= 1


@pytest.mark.parametrize(
    "X",
    [
        tuple(TEXTS),
        np.array(TEXTS),
        np.array(TEXTS, dtype=object),
        pd.Series(TEXTS, index=[7, 7, 0]),
        pd.Series(TEXTS, dtype="string"),
        pl.Series(TEXTS),
        pd.Index(TEXTS),
        (text for text in TEXTS),
    ],
    ids=lambda X: type(X).__name__,
)
def test_texts_may_come_in_any_container(X):
    assert as_texts(X) == TEXTS


@pytest.mark.skipif(
    not hasattr(np.dtypes, "StringDType"), reason="numpy has string arrays from 2.0 on"
)
def test_texts_may_be_a_numpy_string_array():
    assert as_texts(np.array(TEXTS, dtype=np.dtypes.StringDType())) == TEXTS


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        ("good food", ValueError, "single string, 'good food'. Pass a list of texts"),
        (b"good", ValueError, "single string"),
        ([], ValueError, "X has no text"),
        (pd.DataFrame({"text": TEXTS}), ValueError, "2 dimensions.*one column of a"),
        (pl.DataFrame({"text": TEXTS}), ValueError, "2 dimensions"),
        (np.array([TEXTS]), ValueError, "2 dimensions"),
        (np.array("good"), ValueError, "0 dimensions"),
        (3, TypeError, "X of type int is no iterable of texts"),
        (["a", 1], TypeError, r"X\[1\]=1 is of type int, not a string"),
        ([b"a"], TypeError, r"X\[0\]=b'a' is of type bytes.*Decode bytes"),
        (pd.Series(["a", None]), TypeError, r"X\[1\]=.* write '' for a missing text"),
        (pl.Series(["a", None]), TypeError, r"X\[1\]=None is of type NoneType"),
    ],
    ids=str,
)
def test_what_is_no_list_of_texts_is_refused(X, error, message):
    with pytest.raises(error, match=message):
        as_texts(X)
