"""Texts as the user gave them, and their parts."""

import re

import numpy as np

_WORD = re.compile(r"\S+")


def as_texts(X) -> list[str]:
    """Return the texts of an iterable as a list, or say what is none.

    Raises
    ------
    TypeError
        If X is not iterable, or one of its elements is not a string.
    ValueError
        If X is one string, a table, or empty.
    """
    if isinstance(X, str | bytes):
        raise ValueError(
            f"X is a single string, {X[:40]!r}. Pass a list of texts: [text] for one."
        )
    n_dims = len(getattr(X, "shape", [1]))
    if n_dims != 1:
        raise ValueError(
            f"X has {n_dims} dimensions, but texts are a list, an array or a Series of "
            "strings. Pass one column of a table, such as X['text']."
        )
    try:
        texts = list(X)
    except TypeError as error:
        raise TypeError(
            f"X of type {type(X).__name__} is no iterable of texts. Pass a list, an "
            "array or a Series of strings."
        ) from error
    if not texts:
        raise ValueError("X has no text: at least one is needed.")
    for i, text in enumerate(texts):
        if not isinstance(text, str):
            raise TypeError(
                f"X[{i}]={text!r} is of type {type(text).__name__}, not a string. "
                "Decode bytes, and write '' for a missing text."
            )
    return texts


def cut_by_words(text, n_parts) -> list[str]:
    """Cut a text into parts whose numbers of words differ by one at the most.

    The first parts have the words left over; without as many words as parts, the last
    ones are empty. White space stays at the end of a part: joined, they are the text.
    """
    starts = [word.start() for word in _WORD.finditer(text)]
    size, left_over = divmod(len(starts), n_parts)
    starts.append(len(text))
    cuts = [starts[size * k + min(k, left_over)] for k in range(1, n_parts)]
    return [text[i:j] for i, j in zip([0, *cuts], [*cuts, len(text)], strict=True)]


def cut_by_splitter(text, n_parts, splitter) -> list[str]:
    """Return the parts that ``splitter`` makes of a text, and empty ones behind them.

    Raises
    ------
    TypeError
        If it returns anything but a list of strings.
    ValueError
        If there are more than ``n_parts``.
    """
    parts = splitter(text)
    if not isinstance(parts, list | tuple | np.ndarray) or not all(
        isinstance(part, str) for part in parts
    ):
        raise TypeError(
            f"splitter must return a list of strings. Got {parts!r} for the text "
            f"{text[:40]!r}."
        )
    if len(parts) > n_parts:
        raise ValueError(
            f"splitter made {len(parts)} parts of the text {text[:40]!r}, more than "
            f"n_segments={n_parts}. Ask for more segments, or let it join parts."
        )
    return [*parts, *[""] * (n_parts - len(parts))]
