"""Cases 1 to 12 and 31 to 33: values of X, and how many rows and columns there are."""

import re
import warnings

import numpy as np
import pandas as pd
import polars as pl
from catalogue import case, check_outputs, check_refused, refused
from grid import X_NEW, X
from models import says
from scipy.sparse import csr_array
from sklearn.cluster import KMeans
from sklearn.utils import get_tags

from skexperts.exceptions import CellFitError

FORMS = {
    "dense": np.array,
    "csr": csr_array,
    "pandas": lambda X: pd.DataFrame(X, columns=list("abcde")),
    "polars": lambda X: pl.DataFrame(X, schema=list("abcde")),
}
BAD = {
    f"{name}-{form}": (number, form)
    for name, number in [("nan", np.nan), ("inf", np.inf)]
    for form in FORMS
} | {"minus-inf": (-np.inf, "dense")}


NOTE = r"X has missing or infinite values in the columns \['b'\]"


def spoiled(rows, number, form):
    """Return rows in a form, with one number that is not finite."""
    rows = rows.copy()
    rows[len(rows) // 3, 1] = number
    return FORMS[form](rows)


def takes_nan(fitted, model, number, form):
    """Whether all parts say that they take NaN; trees do not in sparse X."""
    allowed = get_tags(fitted).input_tags.allow_nan and np.isnan(number)
    return allowed and not (form == "csr" and model.expert == "tree")


@case(1, "NaN or infinity in X at fit", BAD)
def not_finite_at_fit(model, bad):
    number, form = bad
    strange = spoiled(X, number, form)
    if form == "csr" and not model.takes_sparse:
        words = "dense data is required|X contains (NaN|infinity)"
        check_refused(model, words, strange, model.y)
        return
    if takes_nan(model.make(), model, number, form):
        check_outputs(model.fit(strange), FORMS[form](X_NEW))
        return
    words = "X contains NaN" if np.isnan(number) else "X contains infinity"
    kinds = ValueError
    if form in ("pandas", "polars") and model.partitioner:
        # Frames are read by the parts of a model: an expert may be the first to see it.
        words = rf"(?s){words}.*{NOTE}"
        kinds = (ValueError, CellFitError)
    if form == "csr" and model.partitioner:
        words, kinds = f"{words}|missing values", (ValueError, CellFitError)
    old = model.fit(FORMS[form](X)), FORMS[form](X_NEW)
    check_refused(model, words, strange, model.y, old, kinds=kinds)


@case(2, "NaN or infinity in X at predict", BAD)
def not_finite_at_predict(model, bad):
    number, form = bad
    if form == "csr" and not model.takes_sparse:
        return
    fitted, strange = model.fit(FORMS[form](X)), spoiled(X_NEW, number, form)
    if takes_nan(fitted, model, number, form):
        check_outputs(fitted, strange)
        return
    words = "X contains NaN" if np.isnan(number) else "X contains infinity"
    if form in ("pandas", "polars") and model.partitioner:
        words = rf"(?s){words}.*{NOTE}"
    with refused(words):
        says(fitted, strange)


@case(3, "a cell that is empty", [30, 45], where=lambda m: m.partitioner)
def cells_without_an_expert(model, least):
    new = model.make().set_params(min_cell_size=least)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        new.fit(X, model.y)
    report, cells = new.fit_report_, new.cells_
    gone = np.isin(report["state"], ("merged", "unused"))
    np.testing.assert_array_equal(report["cell"][~gone], cells)
    assert (report["n_routed"][gone] == 0).all()
    assert new.route(X_NEW).shape == (len(X_NEW), len(cells))
    check_outputs(new, X_NEW)


@case(6, "more cells than rows", where=lambda m: m.partitioner)
def more_cells_than_rows(model, _):
    own = model.make().set_params(partitioner=KMeans(20), n_experts=None)
    few = np.flatnonzero(np.arange(len(X)) % 5 == 0)
    before = vars(own).copy()
    with refused("n_samples=18 should be >= n_clusters=20"):
        own.fit(X[few], model.y[few])
    assert vars(own) == before
    with refused("n_experts=20 must not exceed the number of rows of X, n_samples=18"):
        own.set_params(n_experts=20).fit(X[few], model.y[few])


@case(7, "fewer different rows than cells", [2, 3])
def few_different_rows(model, n_different):
    rows = X[np.arange(len(X)) % n_different]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            fitted = model.fit(rows)
        except ValueError as error:
            words = f"makes n_components=4 atoms .* has only {n_different}"
            assert re.search(words, str(error))
            return
    texts = [str(warning.message) for warning in caught]
    assert len(texts) == len(set(texts))
    answers = check_outputs(fitted, rows)
    np.testing.assert_allclose(
        answers[n_different:], answers[:-n_different], rtol=1e-9, atol=1e-12
    )


@case(8, "columns that are constant", [0.0, 3.0, 1e6])
def constant_columns(model, value):
    rows, new = X.copy(), X_NEW.copy()
    rows[:, 4] = new[:, 4] = value
    fitted = model.fit(rows)
    check_outputs(fitted, new)
    for linear in [fitted, *getattr(fitted, "experts_", [])]:
        if (
            type(linear).__name__ in ("L1SVC", "L1SVR")
            and model.partitioner != "groups"
        ):
            assert (np.atleast_2d(linear.coef_)[:, 4] == 0).all()


EQUAL = (
    "rows of X are equal",
    "no feature of X varies",
    "atoms of distinct non-zero rows",
    "that are not constant",
    "(GaussianNB) gave NaN",  # Its variances are 0.
)


@case(9, "rows that are all equal", [0.0, 1.0])
def equal_rows(model, value):
    rows = np.full_like(X, value)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            answers = check_outputs(model.fit(rows), rows)
        except ValueError as error:
            assert any(words in str(error) for words in EQUAL), error
            return
    np.testing.assert_array_equal(answers, np.repeat(answers[:1], len(X), axis=0))


# Our own words, those of experts that are named, and those of clusterers.
TOO_LARGE = (
    "overflow",
    "Scale X",
    "scale",
    "could not be fitted",
    "failed in the fit",
    "no feature of X varies",
    "Input X contains",
    "Input contains infinity",
    "condensed distance matrix",
    "that are not constant",
)


def check_stands(model, rows):
    """Fit and predict: finite answers, or an error that says what is too large."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            check_outputs(model.fit(rows), rows)
        except (ValueError, RuntimeError) as error:
            assert any(words in str(error) for words in TOO_LARGE), error


@case(10, "values of 1e100 to 1e300", [1e100, 1e160, 1e300])
def huge_values(model, scale):
    check_stands(model, X * scale)


@case(11, "values of 1e-300 to 1e-100", [1e-100, 1e-160, 1e-300])
def tiny_values(model, scale):
    check_stands(model, X * scale)


@case(12, "float32 near its limits", [1e19, 1e30, 2e37, 1e-30, 1e-44])
def limits_of_float32(model, scale):
    check_stands(model, (X * scale).astype(np.float32))


def by_sign(X):
    return X[:, 0] > 0


@case(31, "one column", where=lambda m: "patches" not in m.name)
def one_column(model, _):
    new, column = model.make(), 0 if model.partitioner == "column" else 1
    columns = slice(column, column + 1)
    if model.partitioner == "groups":
        check_refused(model, "groups", X[:, columns], model.y)
        return
    if model.partitioner == "function":
        new.set_params(partitioner=by_sign)
    if model.name.startswith("selector"):
        new.set_params(k=1)
    rows = X_NEW[:, columns]
    if model.expert == "bayes":
        rows = X[:5, columns]  # Far rows of one column overflow its likelihoods.
    try:
        check_outputs(new.fit(X[:, columns], model.y), rows)
    except ValueError as error:
        # Variances that are 0, where a cell has one value.
        assert model.expert == "bayes" and "gave NaN" in str(error), error


@case(32, "one row", where=lambda m: m.target != "none")
def one_row(model, _):
    row, y = X[:1], model.y[:1]
    if model.regresses and not model.partitioner:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                answer = model.fit(row, y).predict(row)
            except ValueError as error:
                assert "n_samples=1" in str(error)
            else:
                np.testing.assert_allclose(answer, y, rtol=1e-6)
        return
    words = "minimum of 2 is required|only one class"
    check_refused(model, words, row, y, (model.fit(), X_NEW))


@case(32, "one row at predict")
def one_new_row(model, _):
    fitted = model.fit()
    answers = check_outputs(fitted, X_NEW)
    for i in (0, 5, len(X_NEW) - 1):
        np.testing.assert_allclose(
            says(fitted, X_NEW[[i]])[0], answers[i], rtol=1e-6, atol=1e-9
        )


@case(33, "no row at predict", FORMS)
def no_new_rows(model, form):
    if form is csr_array and not model.takes_sparse:
        return
    fitted = model.fit(form(X))
    with refused(r"Found array with 0 sample\(s\)"):
        says(fitted, form(X_NEW[:0]))
