"""Cases 13 to 23 and 40 to 44: the form of X, and its columns."""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import scipy.sparse as sp
from catalogue import case, check_outputs, check_refused, refused
from grid import X_NEW, X
from models import says
from sklearn.utils import get_tags

from skexperts.exceptions import CellFitError

NAMES = list("abcde")


def check_same(model, fitted, rows, expected):
    np.testing.assert_array_equal(says(fitted, rows), expected)


@case(13, "numbers of dtype object", [object, np.int64, np.int8, bool])
def other_numbers(model, dtype):
    whole = np.rint(X).astype(dtype)
    new = np.rint(X_NEW).astype(dtype)
    fitted = model.fit(whole)
    plain = model.fit(whole.astype(np.float64))
    check_same(model, fitted, new, says(plain, new.astype(np.float64)))


@case(14, "text in X", ["array", "pandas", "polars"])
def text(model, form):
    values = X.astype(object)
    values[3, 1], frame = (
        "many",
        {
            name: X[:, j] if j != 1 else np.where(np.arange(len(X)) == 3, "many", "1")
            for j, name in enumerate(NAMES)
        },
    )
    rows = {"array": values, "pandas": None, "polars": None}[form]
    if form == "pandas":
        rows = pd.DataFrame(frame)
    if form == "polars":
        rows = pl.DataFrame(frame)
    words = r"columns of X are not numeric: \[(1|'b')|could not convert string .*many"
    kinds = ValueError
    if form != "array":
        # Experts get frames, and an error of theirs names the cell.
        words, kinds = words + "|'str' and 'int'", (ValueError, CellFitError)
        if model.partitioner:
            words = r"columns of X are not numeric: \['b'|other objects in .* \['b'\]"
    check_refused(model, words, rows, model.y, (model.fit(), X_NEW), kinds=kinds)


def strided(X):
    wide = np.zeros((2 * len(X), 2 * X.shape[1]))
    wide[::2, ::2] = X
    return wide[::2, ::2]


def backwards(X):
    return X[::-1, ::-1].copy()[::-1, ::-1]


def read_only(X):
    X = X.copy()
    X.flags.writeable = False
    return X


def big_endian(X):
    return X.astype(">f8")


LAYOUTS = {
    "fortran": np.asfortranarray,
    "strided": strided,
    "backwards": backwards,
    "read-only": read_only,
    "big-endian": big_endian,
    "list": lambda X: X.tolist(),
}


@case(15, "read-only X, y and weights")
def nothing_writeable(model, _):
    y = model.y if model.y is None else read_only(model.y)
    fitted = model.fit(read_only(X), y)
    check_same(model, fitted, read_only(X_NEW), says(model.fit(), X_NEW))
    rows = sp.csr_array(X)
    if model.takes_sparse:
        for part in (rows.data, rows.indices, rows.indptr):
            part.flags.writeable = False
        check_outputs(model.fit(rows, y), rows)


@case(16, "Fortran order, strides, other byte orders, lists", LAYOUTS)
def layouts(model, layout):
    if layout is LAYOUTS["list"]:
        # What rows are is said by arrays.
        fitted, new = model.fit(layout(X)), X_NEW
    else:
        fitted, new = model.fit(layout(X)), layout(X_NEW)
    check_same(model, fitted, new, says(model.fit(), X_NEW))


def long_indices(X):
    rows = sp.csr_array(X)
    rows.indices, rows.indptr = rows.indices.astype("i8"), rows.indptr.astype("i8")
    return rows


KINDS = ("csc", "coo", "bsr", "dia", "lil", "dok")
SPARSE = {name: getattr(sp, f"{name}_array") for name in KINDS}
SPARSE |= {"csr_matrix": sp.csr_matrix, "coo_matrix": sp.coo_matrix}


def takes_sparse(model):
    return model.takes_sparse


@case(17, "sparse X of 64-bit indices", {"int64": long_indices}, takes_sparse)
@case(18, "sparse X of any kind", SPARSE, takes_sparse)
def sparse_kinds(model, form):
    plain = model.fit(sp.csr_array(X))
    fitted = model.fit(form(X))
    check_same(model, fitted, form(X_NEW), says(plain, sp.csr_array(X_NEW)))


def explicit_zeros(X):
    rows = sp.csr_array(np.where(X == 0, 7.0, X))
    rows.data[rows.data == 7.0] = 0.0
    return rows


def unsorted(X):
    rows = sp.csr_array(X)
    for start, stop in zip(rows.indptr[:-1], rows.indptr[1:], strict=True):
        rows.indices[start:stop] = rows.indices[start:stop][::-1].copy()
        rows.data[start:stop] = rows.data[start:stop][::-1].copy()
    rows.has_sorted_indices = False
    return rows


def duplicated(X):
    rows = sp.csr_array(X)
    twice = np.repeat(rows.data, 2) / 2
    return sp.csr_array((twice, np.repeat(rows.indices, 2), 2 * rows.indptr), X.shape)


ENTRIES = {"zeros": explicit_zeros, "unsorted": unsorted, "duplicated": duplicated}


@case(19, "explicit zeros, entries unsorted or twice", ENTRIES, takes_sparse)
def entries(model, form):
    plain, rows = model.fit(sp.csr_array(X)), form(X)
    before = [part.copy() for part in (rows.data, rows.indices, rows.indptr)]
    fitted = model.fit(rows)
    answers, expected = says(fitted, form(X_NEW)), says(plain, sp.csr_array(X_NEW))
    if form is explicit_zeros:
        # Sums have as many terms more.
        np.testing.assert_allclose(answers, expected, rtol=1e-6, atol=1e-6)
    else:
        np.testing.assert_array_equal(answers, expected)
    for part, old in zip((rows.data, rows.indices, rows.indptr), before, strict=True):
        np.testing.assert_array_equal(part, old)


@case(20, "sparse X in a sparse coder", where=lambda m: m.name.startswith("coder"))
def sparse_codes(model, _):
    dense, rows = model.fit(), model.fit(sp.csr_array(X))
    np.testing.assert_allclose(
        says(rows, sp.csr_array(X_NEW)), says(dense, X_NEW), rtol=1e-3, atol=1e-3
    )


@case(21, "float16 and long double", [np.float16, np.longdouble])
def other_floats(model, dtype):
    rows, new = X.astype(dtype), X_NEW.astype(dtype)
    plain = model.fit(rows.astype(np.float64))
    check_same(model, model.fit(rows), new, says(plain, new.astype(np.float64)))


@case(
    22,
    "fit float32, predict float64, or the reverse",
    {"32-64": "f4 f8", "64-32": "f8 f4"},
)
def mixed_precision(model, kinds):
    own, other = kinds.split()
    fitted = model.fit(X.astype(own))
    new = X_NEW.astype("f4")
    answers = says(fitted, new.astype(other))
    expected = says(fitted, new.astype(own))
    if model.expert or model.routes or model.name.startswith(("alpha", "coder")):
        np.testing.assert_array_equal(answers, expected)
    else:
        np.testing.assert_allclose(answers, expected, rtol=1e-5, atol=1e-6)


@case(23, "complex X", ["dense", "csr"])
def complex_rows(model, form):
    rows = X + 1j if form == "dense" else sp.csr_array(X + 1j)
    if form == "csr" and not model.takes_sparse:
        return
    check_refused(
        model, "Complex data not supported", rows, model.y, (model.fit(), X_NEW)
    )


def pandas_na(X):
    return pd.DataFrame(X, columns=NAMES).astype("Float64")


@case(40, "pandas extension types", ["all", "one missing"])
def extension_types(model, form):
    rows = pandas_na(X)
    if form == "all":
        fitted = model.fit(rows)
        plain = model.fit(pd.DataFrame(X, columns=NAMES))
        expected = says(plain, pd.DataFrame(X_NEW, columns=NAMES))
        np.testing.assert_allclose(says(fitted, pandas_na(X_NEW)), expected, rtol=1e-9)
        return
    rows.iloc[3, 1] = pd.NA
    if get_tags(model.make()).input_tags.allow_nan:
        if model.partitioner != "function":  # It is not made for NA.
            check_outputs(model.fit(rows), pandas_na(X_NEW))
        return
    old = model.fit(pandas_na(X)), pandas_na(X_NEW)
    words, kinds = "X contains NaN|NAType", (ValueError, TypeError, CellFitError)
    if model.partitioner:
        words = r"X has missing or infinite values in the columns \['b'\]"
    check_refused(model, words, rows, model.y, old, kinds=kinds)


FRAMES = {
    "pandas": lambda X: pd.DataFrame(X, columns=NAMES),
    "polars": lambda X: pl.DataFrame(X, schema=NAMES),
}


@case(41, "frames", FRAMES)
def frames(model, form):
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*feature names.*")
        fitted = model.fit(form(X))
        assert fitted.feature_names_in_.tolist() == NAMES
        answers = says(fitted, form(X_NEW))
    expected = says(model.fit(), X_NEW)
    np.testing.assert_allclose(answers, expected, rtol=1e-6, atol=1e-6)


@case(42, "columns in another order", FRAMES)
def reordered(model, form):
    fitted = model.fit(form(X))
    with refused("(?s)feature names should match.*same order"):
        says(fitted, form(X_NEW)[NAMES[::-1]])


@case(43, "columns unseen or missing", ["unseen", "missing", "wide", "narrow"])
def other_columns(model, kind):
    frame = FRAMES["pandas"]
    if kind in ("unseen", "missing"):
        fitted = model.fit(frame(X))
        new = frame(X_NEW)
        new = new.assign(f=1.0) if kind == "unseen" else new.drop(columns="b")
        with refused("(?s)feature names should match.*(unseen|missing)"):
            says(fitted, new)
        return
    new = np.hstack([X_NEW, X_NEW]) if kind == "wide" else X_NEW[:, :4]
    with refused(f"X has {new.shape[1]} features, but .* is expecting 5"):
        says(model.fit(), new)


@case(44, "fit on a frame, predict an array", FRAMES)
def array_after_frame(model, form):
    fitted = model.fit(form(X))
    for name in ("predict", "predict_proba", "route", "expert_outputs", "transform"):
        if not hasattr(fitted, name):
            continue
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            getattr(fitted, name)(X_NEW)
        texts = [str(one.message) for one in caught]
        texts = [text for text in texts if "feature names" in text]
        words = f"X does not have valid feature names, but {type(fitted).__name__} "
        assert len(texts) == 1
        assert texts[0].startswith(words)
