"""Regions with a linear model each: checks, drawing of the model, drawing of rows."""

from numbers import Integral, Real

import numpy as np
from scipy.spatial import KDTree
from sklearn.utils import Bunch

from skexperts._sklearn import Interval

_CONSTRAINTS = {
    "n_samples": Interval(Integral, 1, None, closed="left"),
    "n_features": Interval(Integral, 2, None, closed="left"),
    "n_regions": Interval(Integral, 1, None, closed="left"),
    "n_informative": Interval(Integral, 1, None, closed="left"),
    "heterogeneity": Interval(Real, 0, 1, closed="both"),
    "separation": Interval(Real, 0, None, closed="left"),
    "noise": Interval(Real, 0, None, closed="left"),
    "flip_y": Interval(Real, 0, 1, closed="both"),
}


def check_parameters(caller, **values) -> None:
    """Check each parameter alone, then those that bound each other.

    Raises
    ------
    ValueError
        Naming the parameter, the rule, the value and what to do.
    """
    for name, value in values.items():
        constraint = _CONSTRAINTS[name]
        if not constraint.is_satisfied_by(value):
            raise ValueError(
                f"The {name!r} parameter of {caller} must be {constraint}."
                f" Got {value!r} instead."
            )
    for name, bound in [("n_informative", "n_features"), ("n_regions", "n_samples")]:
        if values[name] > values[bound]:
            raise ValueError(
                f"The {name!r} parameter of {caller} must be at most {bound}"
                f" ({values[bound]}). Got {values[name]} instead. Lower {name} or raise"
                f" {bound}."
            )


def draw_model(n_features, n_regions, n_informative, heterogeneity, separation, rng):
    """Draw centres, coefficients and intercepts.

    The draws do not depend on the heterogeneity and the separation.

    Returns
    -------
    model : Bunch
        With ``centers`` and ``coef`` of shape (n_regions, n_features) and ``intercept``
        of shape (n_regions,).
    """
    sparse = np.zeros((1 + n_regions, n_features))
    for row in sparse:
        support = rng.choice(n_features, n_informative, replace=False)
        magnitudes = rng.uniform(0.5, 1.5, n_informative) / np.sqrt(n_informative)
        row[support] = magnitudes * rng.choice([-1.0, 1.0], n_informative)
    shared, own = sparse[0], sparse[1:]
    coef = np.sqrt(1.0 - heterogeneity) * shared + np.sqrt(heterogeneity) * own

    centers = rng.standard_normal((n_regions, n_features))
    centers -= np.outer(centers @ shared, shared) / (shared @ shared)
    nearest, _ = KDTree(centers).query(centers, k=[2])
    # A lone centre has its neighbour at infinity, and so goes to the origin.
    centers *= separation / nearest.min()
    return Bunch(centers=centers, coef=coef, intercept=-np.sum(coef * centers, axis=1))


def draw_rows(n_samples, model, rng):
    """Draw rows around the centres and note their ``regions`` in the model.

    Regions have equal numbers of rows, up to one. Returns X of shape (n_samples,
    n_features).
    """
    n_regions, n_features = model.centers.shape
    model.regions = rng.permutation(np.arange(n_samples) % n_regions)
    return model.centers[model.regions] + rng.standard_normal((n_samples, n_features))


def scores(X, model):
    """Score of each row by the linear model of its region, shape (n_samples,)."""
    coef, intercept = model.coef[model.regions], model.intercept[model.regions]
    return np.einsum("ij,ij->i", X, coef) + intercept
