"""Checks at the public doors: data, weights, and all-or-nothing fits."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import check_array
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import validate_data

from skexperts._sklearn import check_sample_weight

FLOAT_DTYPES = [np.float64, np.float32]
_MAX_INT32 = np.iinfo(np.int32).max


@contextmanager
def all_or_nothing(estimator) -> Iterator[None]:
    """Give back the state from before if anything fails inside.

    A failed first fit leaves an unfitted estimator, a failed refit the old model whole.
    """
    before = vars(estimator).copy()
    try:
        yield
    except BaseException:
        vars(estimator).clear()
        vars(estimator).update(before)
        raise


def validate_fit(estimator, X, y="no_validation", *, accept_sparse=True, **checks):
    """Validate training data and record features; X comes back C-ordered or as CSR.

    Parameters
    ----------
    estimator : estimator to record ``n_features_in_`` and ``feature_names_in_`` on
    X, y : as given by the user; without y there is no target
    accept_sparse : bool
    **checks : passed to :func:`sklearn.utils.validation.validate_data`
    """
    options = {**_options(accept_sparse), **checks}
    if isinstance(y, str) and y == "no_validation":
        return _canonical(validate_data(estimator, X, **options))
    if not options.get("y_numeric"):
        # A row of weight 0 may have None, until the weights are known.
        check_labels_given(y, none_allowed=True)
    X, y = validate_data(estimator, X, y, **options)
    return _canonical(X), y


def validate_predict(estimator, X, *, accept_sparse=True, dtype=None, **checks):
    """Validate new data against the fitted features, cast to the fitted ``dtype``."""
    if _is_valid(estimator, X, dtype):
        return X
    options = {**_options(accept_sparse), **checks}
    if dtype is not None:
        # Whole numbers go straight to the type of the model.
        options["dtype"] = [dtype, *FLOAT_DTYPES]
    X = _canonical(validate_data(estimator, X, reset=False, **options))
    if dtype is None or X.dtype == dtype:
        return X
    with np.errstate(over="ignore"):
        narrowed = X.astype(dtype)
    values = narrowed.data if issparse(X) else narrowed
    if np.isinf(values).any():
        raise ValueError(
            f"X has values that overflow {np.dtype(dtype)}, the type of the data the "
            "model was fitted on. Scale X, or fit on float64 data."
        )
    return narrowed


def _is_valid(estimator, X, dtype):
    """Whether X is what validation would return: for one row that takes the longest."""
    return (
        type(X) is np.ndarray
        and X.dtype in (FLOAT_DTYPES if dtype is None else [dtype])
        and X.ndim == 2
        and X.shape[1] == estimator.n_features_in_
        and X.shape[0] > 0
        and X.flags.c_contiguous
        and not hasattr(estimator, "feature_names_in_")
        # Without an array of its own; where squares overflow, validation decides.
        and bool(np.isfinite(np.vdot(X, X)))
    )


def as_matrix(X):
    """Return what a transformer gave as C-ordered array or CSR of floats."""
    return _canonical(check_array(X, input_name="X", **_options(True)))


def classes_of(y):
    """Return the sorted classes of y, at least two of one kind.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)

    Returns
    -------
    classes : ndarray of shape (n_classes,)

    Raises
    ------
    ValueError
        If labels are missing, of types that cannot be sorted, continuous, or all equal.
    """
    labels = _distinct(y) if y.dtype == object else y
    check_labels_given(labels)
    classes = _sorted(labels)
    if y.dtype.kind not in "biuU":
        # Dear, and needless for whole numbers and strings: hundreds of small fits. Of
        # objects it reads the first.
        check_classification_targets(y[:1] if y.dtype == object else y)
    if len(classes) < 2:
        raise ValueError(
            f"y has only one class ({classes[0]}) in rows of positive weight; a "
            "classifier needs at least two classes."
        )
    return classes


def check_classes(known, y, classes, class_weight):
    """Refuse labels that are not known, and class weights that cannot be found.

    Parameters
    ----------
    known : ndarray of shape (n_classes,), sorted
    y : ndarray of shape (n_samples,)
    classes : array-like or None
        As given in this call.
    class_weight : dict, "balanced" or None
    """
    check_labels_given(y)
    present = _sorted(y)
    unknown = np.setdiff1d(present, known)
    if len(unknown):
        raise ValueError(
            f"y has the classes {unknown.tolist()[:10]}, which are none of "
            f"classes={known.tolist()[:10]} of the first call of partial_fit. Name all "
            "classes there."
        )
    if classes is not None and not np.array_equal(np.unique(classes), known):
        raise ValueError(
            f"classes={np.unique(classes).tolist()[:10]} are not those of the model, "
            f"{known.tolist()[:10]}. Leave classes out, or begin anew with fit."
        )
    if class_weight == "balanced" and len(present) < len(known):
        raise ValueError(
            'class_weight="balanced" needs rows of all classes in each call of '
            "partial_fit. Give the weights of classes as a dict."
        )


def check_labels_given(y, none_allowed=False):
    """Raise a ValueError if any label in an array of objects is NaN or None."""
    labels = np.asarray(y, dtype=None if hasattr(y, "dtype") else object)
    if labels.dtype != object or labels.ndim != 1:
        return
    distinct = _distinct(labels)
    missing_none = not none_allowed and any(label is None for label in distinct)
    if missing_none or any(label != label for label in distinct):
        raise ValueError("y has missing labels (None or NaN). Leave those rows out.")


def _sorted(labels):
    """Return different labels in ascending order."""
    try:
        return np.unique(labels)
    except TypeError as error:
        types = ", ".join(sorted({type(label).__name__ for label in labels}))
        raise ValueError(f"y mixes labels of the types {types}. Use one.") from error


def _distinct(labels):
    """Return objects of different values: by their hashes, where sorting is slow."""
    try:
        distinct = set(labels.tolist())
    except TypeError:
        return labels
    return np.fromiter(distinct, dtype=object, count=len(distinct))


def validate_sample_weight(sample_weight, X):
    """Return float64 weights of shape (n_samples,), or None if none were given.

    Raises
    ------
    ValueError
        For weights of another length, negative, not finite or all zero.
    """
    if sample_weight is None:
        return None
    return check_sample_weight(
        sample_weight, X, dtype=np.float64, ensure_non_negative=True
    )


def add_class_weights(class_weight, classes, y, weights):
    """Return sample weights times class weights, None if all are 1.

    Parameters
    ----------
    class_weight : dict, "balanced" or None
    classes : ndarray of shape (n_classes,), sorted
        The classes of the rows of positive weight.
    y : ndarray of shape (n_samples,)
    weights : ndarray of shape (n_samples,) or None

    Raises
    ------
    ValueError
        If a class weight is negative or not finite, or no row of positive weight is
        left.
    """
    if class_weight is None:
        return weights
    factors = weights_of_classes(class_weight, classes, y, weights)
    return times_class_weights(factors, classes, y, weights)


def weights_of_classes(class_weight, classes, y, weights):
    """Return the weight of each class, of shape (n_classes,).

    Parameters
    ----------
    class_weight : dict or "balanced"
    classes, y, weights : as in :func:`add_class_weights`

    Raises
    ------
    ValueError
        If a class weight is negative or not finite.
    """
    kept = slice(None) if weights is None else weights > 0
    factors = compute_class_weight(
        class_weight,
        classes=classes,
        y=y[kept],
        sample_weight=None if weights is None else weights[kept],
    )
    if not (np.isfinite(factors) & (factors >= 0)).all():
        raise ValueError(
            f"class_weight must be finite and not negative. Got {factors.tolist()} "
            f"for the classes {classes.tolist()}."
        )
    return factors


def times_class_weights(factors, classes, y, weights):
    """Return sample weights times the weights of the classes.

    Parameters
    ----------
    factors : ndarray of shape (n_classes,)
    classes, y, weights : as in :func:`add_class_weights`

    Raises
    ------
    ValueError
        If no row of positive weight is left.
    """
    kept = slice(None) if weights is None else weights > 0
    # A class that has weight 0 throughout is none of the classes.
    total = np.zeros(len(y)) if weights is None else weights.copy()
    of_rows = factors[np.searchsorted(classes, y[kept])]
    total[kept] = of_rows if weights is None else of_rows * weights[kept]
    if not total.any():
        raise ValueError(
            "class_weight leaves no row of positive weight: it gives "
            f"{factors.tolist()} for the classes {classes.tolist()}."
        )
    return total


def drop_weightless(weights, *arrays):
    """Leave the rows of weight 0 out of the weights and of all arrays; None stays None.

    Returns
    -------
    weights, *arrays : the same objects if there is no row to leave out
    """
    if weights is None or weights.all():
        return weights, *arrays
    kept = np.flatnonzero(weights)
    return weights[kept], *(None if rows is None else rows[kept] for rows in arrays)


def _options(accept_sparse):
    return {
        "accept_sparse": "csr" if accept_sparse else False,
        "dtype": FLOAT_DTYPES,
        "order": "C",
    }


def _canonical(X):
    """Sort and sum the entries of CSR, use 32-bit indices where they fit."""
    if not issparse(X):
        return X
    if not X.has_canonical_format:
        X = X.copy()
        X.sum_duplicates()
    wide = X.indices.dtype != np.int32 or X.indptr.dtype != np.int32
    if wide and max(X.nnz, *X.shape) <= _MAX_INT32:
        X = type(X)(
            (X.data, X.indices.astype(np.int32), X.indptr.astype(np.int32)),
            shape=X.shape,
        )
        X.has_canonical_format = True
    return X
