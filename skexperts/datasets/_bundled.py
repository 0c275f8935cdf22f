"""What the loaders of bundled data have in common."""

import csv
import gzip
import io
from importlib.resources import files

import numpy as np
from sklearn.utils import Bunch

_FOLDER = files("skexperts.datasets") / "data"


def read_arrays(name) -> dict:
    """Return the arrays of ``name.npz``."""
    with (_FOLDER / f"{name}.npz").open("rb") as file, np.load(file) as arrays:
        return dict(arrays)


def read_texts(name):
    """Return the columns of ``name.csv.gz``: labels, and texts as objects.

    An array of fixed width would be as wide as the longest text.
    """
    content = gzip.decompress((_FOLDER / f"{name}.csv.gz").read_bytes()).decode("utf-8")
    rows = list(csv.reader(io.StringIO(content, newline="")))[1:]
    labels, texts = zip(*rows, strict=True)
    return np.array(labels), np.array(texts, dtype=object)


def read_description(name) -> str:
    """Return ``name.rst``."""
    return (_FOLDER / f"{name}.rst").read_text(encoding="utf-8")


def rows_of(subset, n_train, *, loader) -> slice:
    """Return the rows of a subset of data whose training rows come first.

    Raises
    ------
    ValueError
        If `subset` is none of the three; the message names the loader.
    """
    subsets = {
        "all": slice(None),
        "train": slice(n_train),
        "test": slice(n_train, None),
    }
    if not isinstance(subset, str) or subset not in subsets:
        raise ValueError(
            f"The 'subset' parameter of {loader} must be 'all', 'train' or 'test'."
            f" Got {subset!r} instead."
        )
    return subsets[subset]


def import_pandas(*, loader):
    """Return pandas, or say what to do without it."""
    try:
        import pandas as pd
    except ImportError as error:
        raise ImportError(
            f"{loader}(as_frame=True) needs pandas, which cannot be imported."
            " Install pandas, or use as_frame=False."
        ) from error
    return pd


def text_bunch(name, texts, target, target_names, *, return_X_y, as_frame, loader):
    """Return a Bunch of texts, or the tuple, as the loader was asked for."""
    frame = None
    if as_frame:
        frame = import_pandas(loader=loader).DataFrame(
            {"text": texts, "target": target}
        )
        texts, target = frame["text"], frame["target"]
    if return_X_y:
        return texts, target
    return Bunch(
        data=texts,
        target=target,
        target_names=target_names,
        frame=frame,
        DESCR=read_description(name),
    )
