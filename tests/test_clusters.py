"""Fits on real clusters, Dask and Ray, some of whose workers die."""

from functools import cache

import on_cluster
import pytest

outcomes = cache(on_cluster.outcomes)


@pytest.mark.parametrize(
    ("cluster", "case"),
    [
        (cluster, case.__name__)
        for cluster, cases in on_cluster.CASES.items()
        for case in cases
    ],
)
def test_the_model_is_right_or_the_error_is_clear(cluster, case):
    assert not outcomes(cluster)[case]["error"]
