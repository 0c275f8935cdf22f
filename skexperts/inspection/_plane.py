"""Rows in a plane, and the plane in regions of first choices."""

from numbers import Integral

import numpy as np
from scipy.sparse import csr_array, issparse
from sklearn.decomposition import PCA, TruncatedSVD

from skexperts._rows import as_numbers, column_values, is_frame, some_names

_REMEDY = "Give the plane: two columns of numbers, or a fitted transformer."


def first_choices(routing):
    """Return the expert of the largest weight of each row, ties to the first."""
    return routing.argmax(axis=1)


def project(X, names, plane):
    """Return the rows in a plane and what its axes are.

    Parameters
    ----------
    X : {array, sparse array, frame} of shape (n_samples, n_features)
    names : sequence of str
        Names of the features.
    plane : pair of columns, fitted transformer or None

    Returns
    -------
    coordinates : ndarray of shape (n_samples, 2)
    axis_labels : list of str
    """
    if plane is None:
        return _principal_plane(X, names)
    if hasattr(plane, "transform"):
        return _transformed(X, plane)
    return _two_columns(X, names, plane)


def _principal_plane(X, names):
    X = as_numbers(X, "A map of principal components", _REMEDY)
    n_rows, n_features = X.shape
    if n_features == 2 and not issparse(X):
        return np.asarray(X, dtype=np.float64), [str(name) for name in names]
    if min(n_rows, n_features) < 2:
        raise ValueError(
            f"X has {n_rows} row(s) and {n_features} feature(s) where the model sees "
            "it, but a plane takes two of both. Give more rows, or another plane."
        )
    if issparse(X):
        model = TruncatedSVD(2, random_state=0)
        labels = ["singular vector 1", "singular vector 2"]
    else:
        model = PCA(2, random_state=0)
        labels = ["principal component 1", "principal component 2"]
    coordinates = model.fit_transform(X)
    shares = 100 * model.explained_variance_ratio_
    texts = [
        f"{label} ({share:.0f}% of the variance)"
        for label, share in zip(labels, shares, strict=True)
    ]
    return np.asarray(coordinates, dtype=np.float64), texts


def _transformed(X, plane):
    coordinates = plane.transform(X)
    shape = coordinates.shape
    if len(shape) != 2 or shape[1] != 2:
        raise ValueError(
            f"plane={plane!r} gives an array of shape {shape}, but a map needs two "
            "columns. Fit a transformer to two components."
        )
    name = type(plane).__name__
    columns = [0, 1]
    values = [column_values(coordinates, j) for j in columns]
    return np.column_stack(values).astype(np.float64), [f"{name} {j}" for j in columns]


def _two_columns(X, names, plane):
    names = [str(name) for name in names]
    columns = list(plane) if np.ndim(plane) == 1 else []
    if len(columns) != 2:
        raise ValueError(
            f"plane must be two columns, a fitted transformer or None. Got {plane!r}."
        )
    positions = [_position(column, names) for column in columns]
    X = X.tocsc() if issparse(X) else X
    picked = [column_values(X, j) for j in positions]
    try:
        coordinates = np.column_stack(picked).astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"plane={plane!r} names columns that are not numbers ({error}). {_REMEDY}"
        ) from error
    return coordinates, [names[j] for j in positions]


def _position(column, names):
    if isinstance(column, str):
        if column in names:
            return names.index(column)
    elif isinstance(column, Integral) and -len(names) <= column < len(names):
        return column % len(names)
    raise ValueError(
        f"plane names the column {column!r}, which is not among the {len(names)} "
        f"features that the model sees: {some_names(names)}. Pass numbers or names."
    )


def choices_on_grid(model, X, coordinates, resolution):
    """Return a grid around rows of two features and the first choice at its points.

    Parameters
    ----------
    model : fitted model with ``route``
    X : array or frame of shape (n_samples, 2)
    coordinates : ndarray of shape (n_samples, 2)
        The values of X.
    resolution : int
        Points on each side.

    Returns
    -------
    x, y : ndarrays of shape (resolution,)
    first_choice : ndarray of shape (resolution, resolution)
    """
    low, high = coordinates.min(axis=0), coordinates.max(axis=0)
    margin = np.where(high > low, 0.04 * (high - low), 0.5)
    sides = np.linspace(low - margin, high + margin, resolution)
    x, y = sides.T
    points = np.column_stack([part.ravel() for part in np.meshgrid(x, y)])
    if is_frame(X):
        points = type(X)(dict(zip(X.columns, points.T, strict=True)))
    choice = first_choices(csr_array(model.route(points)))
    return x, y, choice.reshape(resolution, resolution)
