"""Cells named by a column."""

from numbers import Integral

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from skexperts._doc_links import DocLinkMixin
from skexperts._rows import column_values
from skexperts._sklearn import fit_context
from skexperts._validation import all_or_nothing
from skexperts.partition._columns import column_position, validate_table
from skexperts.partition._mixin import PartitionerMixin
from skexperts.partition._segments import cells_of, distinct_values, one_cell_affinity


class ColumnPartitioner(DocLinkMixin, PartitionerMixin, BaseEstimator):
    """Known segments: one cell for each distinct value of a column.

    With c the column and s_1 < ... < s_K its distinct values in the training rows::

        affinity_k(x) = 0 if x_c = s_k, else minus infinity

    A row whose value is missing (None, NaN) or was not in the training rows belongs to
    no cell: a shared expert, fitted on all rows, serves it. The same holds for the rows
    of a segment that is too small for an expert of its own.

    Parameters
    ----------
    column : str or int
        Name of the column, if X is a DataFrame, or its position, for X of any kind.
        Negative positions count from the end.

    drop : bool, default=False
        Whether the experts do without the column. It says nothing within a segment, and
        text would be in their way; in the expert of all rows, for segments that are
        new, its numbers would be taken for a quantity.

    Attributes
    ----------
    segments_ : ndarray of shape (n_cells_,)
        Distinct values of the column, sorted, in the order of the cells.

    n_cells_ : int
        Number of cells.

    feature_groups_ : list of n_cells_ int arrays, or None
        With `drop`, the positions of all other columns, for each cell.

    n_features_in_ : int
        Number of features seen during fit.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if ``X`` had string column names.

    See Also
    --------
    TreePartitioner : Segments found by a decision tree on y.

    Notes
    -----
    Values may be strings, categories, booleans, numbers or dates; they are compared
    exactly, floats too. In sparse X an entry that is not stored is the value 0.

    The partition has to see the columns of X as they are to `drop` one: it cannot be a
    step of a pipeline then.

    Examples
    --------
    >>> import numpy as np
    >>> from skexperts.partition import ColumnPartitioner
    >>> X = np.array([[0.3, 7.0], [0.1, 9.0], [0.2, 7.0]])
    >>> partitioner = ColumnPartitioner(1).fit(X)
    >>> partitioner.segments_
    array([7., 9.])
    >>> partitioner.affinity([[0.5, 9.0], [0.5, 8.0]])
    array([[-inf,   0.],
           [-inf, -inf]])
    """

    _parameter_constraints: dict = {"column": [str, Integral], "drop": ["boolean"]}
    unclaimed = "shared"

    def __init__(self, column, *, drop=False):
        self.column = column
        self.drop = drop

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        return tags

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Find the segments.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
        y : ignored

        Returns
        -------
        self : ColumnPartitioner

        Raises
        ------
        ValueError
            If X has no such column, or no other one although it is dropped, all its
            values are missing, or they are of types that cannot be compared.
        """
        with all_or_nothing(self):
            X = validate_table(self, X, reset=True)
            names = getattr(self, "feature_names_in_", None)
            self._position = column_position(
                self.column, self.n_features_in_, names, parameter="column"
            )
            self.segments_ = distinct_values(
                column_values(X, self._position), what=f"Column {self.column!r} of X"
            )
            self.n_cells_ = len(self.segments_)
            self.feature_groups_ = (
                [self._others()] * self.n_cells_ if self.drop else None
            )
        return self

    def affinity(self, X):
        """Return 0 for the segment of each row and minus infinity elsewhere.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)

        Returns
        -------
        affinity : ndarray of shape (n_samples, n_cells_)
        """
        check_is_fitted(self)
        X = validate_table(self, X, reset=False)
        cells = cells_of(column_values(X, self._position), self.segments_)
        return one_cell_affinity(cells, self.n_cells_)

    def _others(self):
        if self.n_features_in_ == 1:
            raise ValueError(
                f"drop=True leaves no column to the experts: column {self.column!r} is "
                "the only one of X. Give X with more columns."
            )
        return np.delete(np.arange(self.n_features_in_), self._position)
