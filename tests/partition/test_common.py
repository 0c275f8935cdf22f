"""scikit-learn's own checks over the partitioners."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from skexperts.partition import (
    ColumnPartitioner,
    FeatureGroups,
    RandomPartitioner,
    TreePartitioner,
)

PARTITIONERS = [
    ColumnPartitioner(0),
    FeatureGroups(1),
    FeatureGroups(1, contiguous=True),
    FeatureGroups([[0], [-1]]),
    RandomPartitioner(1),
    TreePartitioner(),
    TreePartitioner(3, max_depth=2, min_samples_leaf=1, task="regression"),
]


@pytest.mark.filterwarnings("ignore")
@parametrize_with_checks(PARTITIONERS)
def test_scikit_learn_check(estimator, check):
    check(estimator)
