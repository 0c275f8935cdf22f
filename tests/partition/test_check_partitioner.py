"""The public check finds what breaks the contract of partitioners."""

import numpy as np
import pytest
from sklearn.base import BaseEstimator

from skexperts.checks import check_partitioner
from skexperts.partition import PartitionerMixin


class Sound(PartitionerMixin, BaseEstimator):
    """Two cells, by the sign of the first column."""

    def fit(self, X):
        self.n_cells_ = 2
        return self

    def affinity(self, X):
        return -1.0 * np.column_stack([X[:, 0] > 0, X[:, 0] <= 0])


def test_a_sound_partitioner_passes():
    check_partitioner(Sound())


class Untrue(Sound):
    claims_all = True

    def affinity(self, X):
        return np.where(X[:, :1] > 0, super().affinity(X), -np.inf)


class NotANumber(Sound):
    def affinity(self, X):
        return np.full((len(X), 2), np.nan)


class Nobody(Sound):
    def affinity(self, X):
        return np.full((len(X), 2), -np.inf)


class ByTheOthers(Sound):
    def affinity(self, X):
        return super().affinity(X - np.median(X, axis=0))


class Somebody(Sound):
    unclaimed = "somebody"


class OneGroup(Sound):
    feature_groups_ = [np.array([0])]


class EmptyGroup(Sound):
    feature_groups_ = [np.array([0]), np.array([], dtype=int)]


class Outside(Sound):
    feature_groups_ = [np.array([0]), np.array([3])]


class Twice(Sound):
    feature_groups_ = [np.array([0]), np.array([1, 1])]


@pytest.mark.parametrize(
    ("broken", "rule"),
    [
        (Untrue, "training_affinity must claim every row, as claims_all says"),
        (NotANumber, "must not be NaN"),
        (Nobody, "at least one training row must be claimed"),
        (ByTheOthers, "must not depend on the other rows"),
        (Somebody, "unclaimed must be 'all' or 'shared'"),
        (OneGroup, "one feature group a cell"),
        (EmptyGroup, "non-empty array of integers"),
        (Outside, "must hold positions of columns"),
        (Twice, "each column only once"),
    ],
)
def test_a_broken_rule_is_named(broken, rule):
    with pytest.raises(AssertionError, match=rule):
        check_partitioner(broken())


def test_groups_may_leave_every_row_unclaimed():
    class Groups(Nobody):
        feature_groups_ = [np.array([0]), np.array([2, 1])]

    check_partitioner(Groups())
