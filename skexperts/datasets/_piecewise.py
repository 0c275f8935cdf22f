"""Generators of data with another sparse linear model in every region."""

import numpy as np
from sklearn.utils import check_random_state

from skexperts.datasets._piecewise_regions import (
    check_parameters,
    draw_model,
    draw_rows,
    scores,
)


def make_piecewise_classification(
    n_samples=1000,
    n_features=20,
    *,
    n_regions=8,
    n_informative=5,
    heterogeneity=1.0,
    separation=6.0,
    noise=0.0,
    flip_y=0.0,
    return_model=False,
    random_state=None,
) -> tuple:
    r"""Make a two-class problem with another sparse linear model in every region.

    A row of region :math:`r` is :math:`x = c_r + \varepsilon` with
    :math:`\varepsilon \sim N(0, I)`, and its class is

    .. math::

        y = [\, w_r^\top x + b_r + \mathrm{noise} \, \|w_r\| \, \eta > 0 \,],
        \quad \eta \sim N(0, 1),
        \qquad
        w_r = \sqrt{1 - h} \; u_0 + \sqrt{h} \; u_r,
        \quad b_r = -w_r^\top c_r,

    where :math:`h` is `heterogeneity` and :math:`u_0, u_1, \dots` are independent
    sparse vectors: a shared one and one of each region. The shared part has weight
    :math:`1 - h` in the variance of the score and the own part :math:`h`. Whatever
    :math:`h`, the score has mean 0 in each region, so each region has as many rows of
    one class as of the other, up to chance.

    Parameters
    ----------
    n_samples : int, default=1000
        Number of rows, at least `n_regions`. Regions have equal numbers of rows (up to
        one), in random order.
    n_features : int, default=20
        Number of features, at least 2.
    n_regions : int, default=8
        Number of regions.
    n_informative : int, default=5
        Number of non-zero entries of each :math:`u`. For `heterogeneity` 0 or 1 this is
        the number of non-zero coefficients of a region, in between there are up to
        twice as many.
    heterogeneity : float in [0, 1], default=1.0
        How much the models of the regions differ. With 0 they are one and the same
        linear model and experts cannot help; with 1 they are independent. With 0.1,
        `noise` 0.4, 30 features and 100 rows a region, one model for all beats one
        model a region, and a shared model with sparse deviations beats both.
    separation : float, default=6.0
        Distance of the two nearest centres, in standard deviations of a feature within
        a region. With 6, clustering finds the regions; with 0 all centres are at the
        origin, and only `regions` (see `return_model`) tells the regions apart.
    noise : float, default=0.0
        Standard deviation of the noise of the score, in units of the standard deviation
        of the score in the region. The best possible accuracy is
        :math:`1 - \arctan(\mathrm{noise}) / \pi`.
    flip_y : float in [0, 1], default=0.0
        Fraction of rows whose class is drawn at random after all, as in
        :func:`sklearn.datasets.make_classification`. Half of them keep their class.
    return_model : bool, default=False
        If True, return the model that made the data as well.
    random_state : int, RandomState instance or None, default=None
        Seed. The model is drawn before the rows: one seed gives the same :math:`u` and,
        for one `separation`, the same centres, whatever `n_samples`, `heterogeneity`,
        `noise` and `flip_y` are.

    Returns
    -------
    X : ndarray of shape (n_samples, n_features)
        The rows.
    y : ndarray of shape (n_samples,) of int
        The classes, 0 and 1. There are always two.
    model : :class:`~sklearn.utils.Bunch`, if `return_model` is True
        With the attributes

        regions : ndarray of shape (n_samples,) of int
            The region of each row.
        centers : ndarray of shape (n_regions, n_features)
            The centres :math:`c_r`.
        coef : ndarray of shape (n_regions, n_features)
            The coefficients :math:`w_r`.
        intercept : ndarray of shape (n_regions,)
            The intercepts :math:`b_r`.

    Raises
    ------
    ValueError
        If a parameter is out of range, `n_informative` is above `n_features` or
        `n_regions` is above `n_samples`.

    See Also
    --------
    make_piecewise_regression : The same regions with a real target.

    Notes
    -----
    Non-zero entries of the :math:`u` are at random places, with random sign and a
    magnitude uniform in :math:`[1/2, 3/2] / \sqrt{\mathrm{n\_informative}}`, so that
    each matters and norms are about 1. Centres are standard normal, projected on the
    hyperplane :math:`u_0^\top c = 0`, then scaled to the `separation`; a single centre
    is at the origin. Due to the projection the shared model needs no other intercept
    in each region, so that for `heterogeneity` 0 all :math:`b_r` are 0.

    References
    ----------
    .. [1] Gross, S. M. and Tibshirani, R. (2016). Data Shared Lasso: a novel tool to
       discover uplift. Computational Statistics & Data Analysis, 101, 226-235.

    Examples
    --------
    One linear model cannot follow eight regions; the one that made them can:

    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from skexperts.datasets import make_piecewise_classification
    >>> X, y, model = make_piecewise_classification(
    ...     n_samples=4000, return_model=True, random_state=0
    ... )
    >>> bool(LogisticRegression().fit(X, y).score(X, y) < 0.7)
    True
    >>> coef, intercept = model.coef[model.regions], model.intercept[model.regions]
    >>> score = np.sum(X * coef, axis=1) + intercept
    >>> float(np.mean((score > 0) == y))
    1.0
    """
    check_parameters(
        "make_piecewise_classification",
        n_samples=n_samples,
        n_features=n_features,
        n_regions=n_regions,
        n_informative=n_informative,
        heterogeneity=heterogeneity,
        separation=separation,
        noise=noise,
        flip_y=flip_y,
    )
    rng = check_random_state(random_state)
    model = draw_model(
        n_features, n_regions, n_informative, heterogeneity, separation, rng
    )
    X = draw_rows(n_samples, model, rng)
    norms = np.linalg.norm(model.coef, axis=1)[model.regions]
    score = scores(X, model) + noise * norms * rng.standard_normal(n_samples)
    y = (score > 0).astype(np.int64)
    redrawn = rng.uniform(size=n_samples) < flip_y
    y[redrawn] = rng.randint(2, size=redrawn.sum())
    return (X, y, model) if return_model else (X, y)


def make_piecewise_regression(
    n_samples=1000,
    n_features=20,
    *,
    n_regions=8,
    n_informative=5,
    heterogeneity=1.0,
    separation=6.0,
    noise=0.0,
    return_model=False,
    random_state=None,
) -> tuple:
    r"""Make a regression problem with another sparse linear model in every region.

    A row of region :math:`r` is :math:`x = c_r + \varepsilon` with
    :math:`\varepsilon \sim N(0, I)`, and its target is

    .. math::

        y = w_r^\top x + b_r + \mathrm{noise} \; \eta,
        \quad \eta \sim N(0, 1),
        \qquad
        w_r = \sqrt{1 - h} \; u_0 + \sqrt{h} \; u_r,
        \quad b_r = -w_r^\top c_r,

    where :math:`h` is `heterogeneity` and :math:`u_0, u_1, \dots` are independent
    sparse vectors: a shared one and one of each region. In each region the target has
    mean 0 and, before noise, standard deviation :math:`\|w_r\|`, which is about 1.

    Parameters
    ----------
    n_samples : int, default=1000
        Number of rows, at least `n_regions`. Regions have equal numbers of rows (up to
        one), in random order.
    n_features : int, default=20
        Number of features, at least 2.
    n_regions : int, default=8
        Number of regions.
    n_informative : int, default=5
        Number of non-zero entries of each :math:`u`. For `heterogeneity` 0 or 1 this is
        the number of non-zero coefficients of a region, in between there are up to
        twice as many.
    heterogeneity : float in [0, 1], default=1.0
        How much the models of the regions differ. With 0 they are one and the same
        linear model and experts cannot help; with 1 they are independent.
    separation : float, default=6.0
        Distance of the two nearest centres, in standard deviations of a feature within
        a region. With 6, clustering finds the regions; with 0 all centres are at the
        origin, and only `regions` (see `return_model`) tells the regions apart.
    noise : float, default=0.0
        Standard deviation of the noise, in units of `y`; it is the least root mean
        squared error that a model can have.
    return_model : bool, default=False
        If True, return the model that made the data as well.
    random_state : int, RandomState instance or None, default=None
        Seed. The model is drawn before the rows: one seed gives the same :math:`u` and,
        for one `separation`, the same centres, whatever `n_samples`, `heterogeneity`
        and `noise` are.

    Returns
    -------
    X : ndarray of shape (n_samples, n_features)
        The rows.
    y : ndarray of shape (n_samples,)
        The targets.
    model : :class:`~sklearn.utils.Bunch`, if `return_model` is True
        With the attributes

        regions : ndarray of shape (n_samples,) of int
            The region of each row.
        centers : ndarray of shape (n_regions, n_features)
            The centres :math:`c_r`.
        coef : ndarray of shape (n_regions, n_features)
            The coefficients :math:`w_r`.
        intercept : ndarray of shape (n_regions,)
            The intercepts :math:`b_r`.

    Raises
    ------
    ValueError
        If a parameter is out of range, `n_informative` is above `n_features` or
        `n_regions` is above `n_samples`.

    See Also
    --------
    make_piecewise_classification : The same regions with two classes. Its notes say
        how the :math:`u` and the centres are drawn.

    References
    ----------
    .. [1] Gross, S. M. and Tibshirani, R. (2016). Data Shared Lasso: a novel tool to
       discover uplift. Computational Statistics & Data Analysis, 101, 226-235.

    Examples
    --------
    A linear model is enough in each region, but not for all of them:

    >>> from sklearn.linear_model import LinearRegression
    >>> from skexperts.datasets import make_piecewise_regression
    >>> X, y, model = make_piecewise_regression(
    ...     n_samples=4000, return_model=True, random_state=0
    ... )
    >>> bool(LinearRegression().fit(X, y).score(X, y) < 0.3)
    True
    >>> own = model.regions == 0
    >>> round(LinearRegression().fit(X[own], y[own]).score(X[own], y[own]), 6)
    1.0
    """
    check_parameters(
        "make_piecewise_regression",
        n_samples=n_samples,
        n_features=n_features,
        n_regions=n_regions,
        n_informative=n_informative,
        heterogeneity=heterogeneity,
        separation=separation,
        noise=noise,
    )
    rng = check_random_state(random_state)
    model = draw_model(
        n_features, n_regions, n_informative, heterogeneity, separation, rng
    )
    X = draw_rows(n_samples, model, rng)
    y = scores(X, model) + noise * rng.standard_normal(n_samples)
    return (X, y, model) if return_model else (X, y)
