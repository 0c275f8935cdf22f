"""Experts on groups of columns."""

from numbers import Integral

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from skexperts._doc_links import DocLinkMixin
from skexperts._sklearn import Interval, fit_context
from skexperts._validation import all_or_nothing
from skexperts.partition._columns import column_position, validate_table
from skexperts.partition._mixin import PartitionerMixin


class FeatureGroups(DocLinkMixin, PartitionerMixin, BaseEstimator):
    """Divide the columns, not the rows: each expert sees every row and some columns.

    No cell claims a row, so all experts answer for it, in equal parts: a committee on
    subspaces. Experts on random groups are the random subspace method of Ho (1998),
    without overlaps; known groups (sources, sensors, questionnaires) give one readable
    model each.

    Parameters
    ----------
    groups : int or list, default=8
        Number of disjoint groups, random ones unless `contiguous`, whose sizes differ
        by one at the most; or the groups themselves, each a list of names (if X is a
        DataFrame) and positions, or a slice of positions. Groups may overlap, and may
        leave columns out. Negative positions count from the end.

    contiguous : bool, default=False
        Whether a number of groups cuts the columns into blocks of neighbours, the
        larger ones first, instead of drawing them. Blocks of equal width are what
        stands side by side: sensors, time steps, the parts of a text
        (:class:`~skexperts.feature_extraction.SegmentVectorizer`).

    random_state : int, RandomState instance or None, default=None
        Seed of random groups.

    Attributes
    ----------
    feature_groups_ : list of n_cells_ int arrays
        Positions of the columns of each group.

    n_cells_ : int
        Number of groups.

    n_features_in_ : int
        Number of features seen during fit.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if ``X`` had string column names.

    References
    ----------
    T. K. Ho (1998). The random subspace method for constructing decision forests. IEEE
    Transactions on Pattern Analysis and Machine Intelligence 20(8).

    Examples
    --------
    >>> import numpy as np
    >>> from skexperts.partition import FeatureGroups
    >>> X = np.ones((10, 5))
    >>> FeatureGroups([[0, -1], slice(1, 4)]).fit(X).feature_groups_
    [array([0, 4]), array([1, 2, 3])]
    >>> drawn = FeatureGroups(2, random_state=0).fit(X).feature_groups_
    >>> [len(group) for group in drawn]
    [3, 2]
    >>> FeatureGroups(2, contiguous=True).fit(X).feature_groups_
    [array([0, 1, 2]), array([3, 4])]
    """

    _parameter_constraints: dict = {
        "groups": [Interval(Integral, 1, None, closed="left"), list, tuple],
        "contiguous": ["boolean"],
        "random_state": ["random_state"],
    }

    def __init__(self, groups=8, *, contiguous=False, random_state=None):
        self.groups = groups
        self.contiguous = contiguous
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
        """Draw or cut the groups, or look up their columns.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
        y : ignored

        Returns
        -------
        self : FeatureGroups

        Raises
        ------
        ValueError
            If there are fewer features than groups asked for, there is no group, or a
            group is empty, has a column twice, or has one that X has not.
        """
        with all_or_nothing(self):
            validate_table(self, X, reset=True)
            if isinstance(self.groups, Integral):
                self.feature_groups_ = self._divide()
            else:
                self.feature_groups_ = self._look_up()
            self.n_cells_ = len(self.feature_groups_)
        return self

    def affinity(self, X):
        """Return minus infinity throughout: all experts answer for every row.

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

    def _divide(self):
        if self.groups > self.n_features_in_:
            raise ValueError(
                f"groups={self.groups} must not exceed the number of features of X, "
                f"n_features={self.n_features_in_}. Ask for fewer groups."
            )
        if self.contiguous:
            return np.array_split(np.arange(self.n_features_in_), self.groups)
        order = check_random_state(self.random_state).permutation(self.n_features_in_)
        return [np.sort(part) for part in np.array_split(order, self.groups)]

    def _look_up(self):
        if len(self.groups) == 0:
            raise ValueError("groups is empty. Give at least one group of columns.")
        return [
            self._positions(group, f"groups[{i}]")
            for i, group in enumerate(self.groups)
        ]

    def _positions(self, group, parameter):
        if isinstance(group, slice):
            try:
                group = range(*group.indices(self.n_features_in_))
            except TypeError as error:
                raise TypeError(
                    f"{parameter}={group!r} is no slice of positions. Give the names "
                    "of the columns as a list."
                ) from error
        if isinstance(group, np.ndarray) and group.ndim == 1:
            group = group.tolist()
        if not isinstance(group, list | tuple | range):
            raise TypeError(
                f"{parameter}={group!r} is neither a list of columns nor a slice. A "
                "group of one column is a list, too."
            )
        if len(group) == 0:
            raise ValueError(f"{parameter} has no column. Leave the group out.")
        names = getattr(self, "feature_names_in_", None)
        positions = np.array(
            [
                column_position(
                    column, self.n_features_in_, names, parameter=f"{parameter}[{i}]"
                )
                for i, column in enumerate(group)
            ],
            dtype=np.intp,
        )
        _, first, counts = np.unique(positions, return_index=True, return_counts=True)
        if (counts > 1).any():
            raise ValueError(
                f"{parameter} has column {group[first[counts > 1].min()]!r} more than "
                "once. Give each column of a group once."
            )
        return positions
