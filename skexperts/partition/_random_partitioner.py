"""Cells drawn at random."""

from numbers import Integral

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from skexperts._doc_links import DocLinkMixin
from skexperts._sklearn import Interval, fit_context
from skexperts._validation import all_or_nothing
from skexperts.partition._columns import validate_table
from skexperts.partition._mixin import PartitionerMixin


class RandomPartitioner(DocLinkMixin, PartitionerMixin, BaseEstimator):
    """Divide the training rows into random cells of equal size.

    A random cell has no place in the space of the features, so a new row belongs to
    none: all experts answer for it, with equal weights, whatever the gate and
    ``top_k``. Experts on random cells are a committee trained on disjoint samples
    (Collobert, Bengio & Bengio 2002), the baseline that a partition by the data has to
    beat.

    Parameters
    ----------
    n_cells : int, default=8
        Number of cells. Their sizes differ by one row at the most.

    random_state : int, RandomState instance or None, default=None
        Seed of the draw.

    Attributes
    ----------
    labels_ : ndarray of shape (n_samples,)
        Cell of each training row.

    n_cells_ : int
        Number of cells.

    n_features_in_ : int
        Number of features seen during fit.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if ``X`` had string column names.

    References
    ----------
    R. Collobert, S. Bengio, Y. Bengio (2002). A parallel mixture of SVMs for very large
    scale problems. Neural Computation 14(5).

    Examples
    --------
    >>> import numpy as np
    >>> from skexperts.partition import RandomPartitioner
    >>> np.bincount(RandomPartitioner(3, random_state=0).fit(np.ones((10, 2))).labels_)
    array([4, 3, 3])
    """

    _parameter_constraints: dict = {
        "n_cells": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(self, n_cells=8, *, random_state=None):
        self.n_cells = n_cells
        self.random_state = random_state

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        return tags

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Draw the cells.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
        y : ignored

        Returns
        -------
        self : RandomPartitioner

        Raises
        ------
        ValueError
            If there are fewer rows than cells.
        """
        with all_or_nothing(self):
            n_rows = validate_table(self, X, reset=True).shape[0]
            if n_rows < self.n_cells:
                raise ValueError(
                    f"n_cells={self.n_cells} must not exceed the number of rows of X, "
                    f"n_samples={n_rows}. Ask for fewer cells."
                )
            rng = check_random_state(self.random_state)
            self.labels_ = rng.permutation(np.arange(n_rows) % self.n_cells)
            self.n_cells_ = self.n_cells
        return self

    def affinity(self, X):
        """Return minus infinity throughout: no random cell claims a new row.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)

        Returns
        -------
        affinity : ndarray of shape (n_samples, n_cells_)
        """
        check_is_fitted(self)
        X = validate_table(self, X, reset=False)
        return np.full((X.shape[0], self.n_cells_), -np.inf)

    def training_affinity(self, X):
        """Return 0 for the cell of each training row and far less elsewhere.

        The other cells follow in cyclic order, so that the rows of a cell without an
        expert go to the next one.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The rows given to ``fit``.

        Returns
        -------
        affinity : ndarray of shape (n_samples, n_cells_)
        """
        check_is_fitted(self)
        steps = (np.arange(self.n_cells_) - self.labels_[:, None]) % self.n_cells_
        return -1e4 * steps
