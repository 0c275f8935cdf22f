"""Cells that are the leaves of a decision tree on y."""

from numbers import Integral

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import check_is_fitted

from skexperts._doc_links import DocLinkMixin
from skexperts._rows import naming_columns
from skexperts._sklearn import Interval, StrOptions, fit_context
from skexperts._validation import all_or_nothing, validate_fit, validate_predict
from skexperts.partition._columns import REMEDY
from skexperts.partition._mixin import PartitionerMixin

# Affinity of a leaf one step away: its softmax underflows beside that of the own leaf.
_STEP = -1e4
_TREES = {"classification": DecisionTreeClassifier, "regression": DecisionTreeRegressor}


class TreePartitioner(DocLinkMixin, PartitionerMixin, BaseEstimator):
    """Supervised cells: the leaves of a small decision tree on y.

    The tree grows best first, by the split that explains most of y. Unlike clusters,
    its cells have to do with y, have boundaries that can be read (``export_text`` of
    ``estimator_``), and do not depend on the scale of X. The experts then model what
    constants in the leaves leave over, as in model trees (Quinlan 1992).

    For a row in leaf l, with up(l, k) the number of steps from l up to the deepest node
    that has k below it as well::

        affinity_k(x) = -1e4 up(l, k)

    That is 0 for the own leaf; a row whose leaf has no expert goes on to the leaf with
    which it shares the deepest ancestor, a tie to the leftmost.

    Parameters
    ----------
    n_cells : int, default=8
        Greatest number of leaves. There are fewer where no split helps.

    max_depth : int, default=None
        Greatest depth of the tree; None sets no limit.

    min_samples_leaf : int, default=10
        Smallest number of training rows in a leaf.

    task : {"auto", "classification", "regression"}, default="auto"
        Whether y has classes or is a quantity. "auto" takes strings, booleans and whole
        numbers as classes and other numbers as quantities; set it for counts.

    criterion : str, default=None
        What a split has to reduce, as in :class:`~sklearn.tree.DecisionTreeClassifier`
        or :class:`~sklearn.tree.DecisionTreeRegressor`; None is their default.

    random_state : int, RandomState instance or None, default=None
        Decides between equally good splits.

    Attributes
    ----------
    estimator_ : DecisionTreeClassifier or DecisionTreeRegressor
        The fitted tree.

    leaves_ : ndarray of shape (n_cells_,)
        Node of the tree that each cell is, from left to right.

    n_cells_ : int
        Number of cells.

    n_features_in_ : int
        Number of features seen during fit.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if ``X`` had string column names.

    See Also
    --------
    ColumnPartitioner : Segments that are known.

    References
    ----------
    J. R. Quinlan (1992). Learning with continuous classes. Proceedings of the 5th
    Australian Joint Conference on Artificial Intelligence.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.tree import export_text
    >>> from skexperts.partition import TreePartitioner
    >>> X = np.linspace(0, 1, 60)[:, None]
    >>> y = np.where(X[:, 0] < 0.5, 0.1, 2.3)
    >>> partitioner = TreePartitioner(2).fit(X, y)
    >>> partitioner.affinity([[0.2], [0.7]])
    array([[     0., -10000.],
           [-10000.,      0.]])
    >>> print(export_text(partitioner.estimator_, feature_names=["dose"]))
    |--- dose <= 0.50
    |   |--- value: [0.10]
    |--- dose >  0.50
    |   |--- value: [2.30]
    """

    _parameter_constraints: dict = {
        "n_cells": [Interval(Integral, 1, None, closed="left")],
        "max_depth": [Interval(Integral, 1, None, closed="left"), None],
        "min_samples_leaf": [Interval(Integral, 1, None, closed="left")],
        "task": [StrOptions({"auto", *_TREES})],
        "criterion": [str, None],
        "random_state": ["random_state"],
    }
    claims_all = True

    def __init__(
        self,
        n_cells=8,
        *,
        max_depth=None,
        min_samples_leaf=10,
        task="auto",
        criterion=None,
        random_state=None,
    ):
        self.n_cells = n_cells
        self.max_depth = max_depth
        self.min_samples_leaf = min_samples_leaf
        self.task = task
        self.criterion = criterion
        self.random_state = random_state

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.target_tags.required = True
        return tags

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, sample_weight=None):
        """Grow the tree.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        self : TreePartitioner

        Raises
        ------
        ValueError
            If there is no y, y is neither classes nor numbers, or X is not numeric.
        """
        if y is None:
            raise ValueError(
                "TreePartitioner requires y to be passed, but the target y is None: "
                "its cells are the leaves of a tree on y. Pass y, or use a clusterer."
            )
        with all_or_nothing(self):
            with naming_columns(X, "The partitioner", REMEDY):
                X = validate_fit(self, X)
            self.estimator_ = self._make_tree(y).fit(X, y, sample_weight)
            self.leaves_, self._affinity = _leaf_affinity(self.estimator_.tree_)
            self._cell_of = np.full(self.estimator_.tree_.node_count, -1)
            self._cell_of[self.leaves_] = np.arange(len(self.leaves_))
            self.n_cells_ = len(self.leaves_)
        return self

    def affinity(self, X):
        """Return 0 for the leaf of each row and less, the farther, elsewhere.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        affinity : ndarray of shape (n_samples, n_cells_)
        """
        check_is_fitted(self)
        with naming_columns(X, "The partitioner", REMEDY):
            X = validate_predict(self, X)
        return self._affinity[self._cell_of[self.estimator_.apply(X)]]

    def _make_tree(self, y):
        task = _task_of(y) if self.task == "auto" else self.task
        parameters = {
            "max_leaf_nodes": max(self.n_cells, 2),
            "max_depth": self.max_depth,
            "min_samples_leaf": self.min_samples_leaf,
            "random_state": self.random_state,
        }
        if self.n_cells == 1:  # No split is that good.
            parameters["min_impurity_decrease"] = np.finfo(np.float64).max
        if self.criterion is not None:
            parameters["criterion"] = self.criterion
        return _TREES[task](**parameters)


def _task_of(y):
    kind = type_of_target(y, input_name="y")
    if kind == "unknown":
        raise ValueError(
            "Unknown label type: y is neither classes of one type nor numbers. Give "
            "labels of one type for classification or floats for regression."
        )
    return "regression" if kind.startswith("continuous") else "classification"


def _leaf_affinity(tree):
    """Return the leaves from left to right, and the affinities between them."""
    paths = []
    stack = [(0,)]
    while stack:
        path = stack.pop()
        left, right = tree.children_left[path[-1]], tree.children_right[path[-1]]
        if left == -1:
            paths.append(path)
        else:
            stack += [(*path, right), (*path, left)]
    # The leaves below a node are neighbours.
    first, last = {}, {}
    for leaf, path in enumerate(paths):
        for node in path:
            first.setdefault(node, leaf)
            last[node] = leaf + 1
    affinity = np.zeros((len(paths), len(paths)))
    for leaf, path in enumerate(paths):
        for steps, node in zip(range(len(path) - 1, 0, -1), path, strict=False):
            affinity[leaf, first[node] : last[node]] = _STEP * steps
        affinity[leaf, leaf] = 0.0
    return np.array([path[-1] for path in paths]), affinity
