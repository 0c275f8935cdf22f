"""Affinities of the training rows are made in blocks, and only for who needs them."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy.sparse import csr_array
from sklearn.base import BaseEstimator, clone
from sklearn.cluster import KMeans
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import Ridge
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skexperts import PartitionedExpertsRegressor
from skexperts._numeric.routing import row_blocks
from skexperts._rows import take_rows
from skexperts.checks import check_gate
from skexperts.ensemble._affinity import TrainingAffinity
from skexperts.gating import DistanceGate, HardGate
from skexperts.partition import RandomPartitioner, TreePartitioner
from skexperts.partition._fitted_partition import fit_partition

N_ROWS, N_CELLS = 20_000, 8


@pytest.fixture(scope="module")
def X():
    return np.random.default_rng(0).normal(size=(N_ROWS, 2))


class Told(BaseEstimator):
    """Hard gate that notes the affinity it was fitted on."""

    def __init__(self, needs_affinity=True):
        self.needs_affinity = needs_affinity

    def fit(self, X, affinity, cells=None, sample_weight=None):
        self.told_ = affinity.shape
        return self

    def gate_weights(self, X, affinity):
        return HardGate().gate_weights(X, affinity)


@pytest.mark.parametrize(
    "partitioner",
    [
        KMeans(N_CELLS, n_init=1, random_state=0),
        RandomPartitioner(N_CELLS, random_state=0),
    ],
)
def test_blocks_are_parts_of_the_whole(partitioner, X):
    partition = fit_partition(partitioner, X)
    affinity = TrainingAffinity(partition, X, partitioner)
    whole = partition.training_affinity(X)
    assert affinity.shape == whole.shape
    blocks = list(row_blocks(*whole.shape))
    assert len(blocks) > 1
    some = np.array([5, 19_000, 3])
    for rows in (*blocks, some, slice(None), slice(0)):
        np.testing.assert_allclose(affinity[rows], whole[rows], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("needs", "n_told"), [(True, N_ROWS), (False, 0)])
def test_a_gate_is_given_the_affinity_it_needs(needs, n_told, X):
    model = PartitionedExpertsRegressor(
        Ridge(), n_experts=N_CELLS, gate=Told(needs), random_state=0
    ).fit(X, X[:, 0])
    assert model.gate_.told_ == (n_told, N_CELLS)


KMEANS = KMeans(N_CELLS, n_init=1, random_state=0)


@pytest.mark.parametrize("gate", ["distance", "softmax"])
@pytest.mark.parametrize(
    "frame",
    [np.asarray, pd.DataFrame, lambda X: pl.DataFrame(X, schema=["a", "b"])],
    ids=["array", "pandas", "polars"],
)
@pytest.mark.parametrize(
    "partitioner",
    [
        KMEANS,
        make_pipeline(StandardScaler(), KMEANS),
        GaussianMixture(2, means_init=[[0, 0], [100, 100]]),
        TreePartitioner(N_CELLS, task="regression"),
    ],
    ids=lambda partitioner: type(partitioner).__name__,
)
def test_nobody_is_asked_about_no_rows(partitioner, frame, gate):
    # They refuse: neither a gate that needs nothing nor an empty cell may ask.
    X = np.random.default_rng(0).normal(size=(70_000, 2))
    y = X[:, 0]
    more, far = np.vstack([X, X[:50] + 100]), np.append(y, np.full(50, 1e6))
    partitioner = FrozenEstimator(clone(partitioner).fit(frame(more), far))
    model = PartitionedExpertsRegressor(Ridge(), partitioner=partitioner, gate=gate)
    model.fit(frame(X), y)
    assert (model.fit_report_["state"] == "empty").any()
    assert model.score(frame(X), y) > 0.99


def test_all_rows_are_no_copy(X):
    for rows in (csr_array(X), pd.DataFrame(X), pl.DataFrame(X)):
        for every in (slice(None), slice(N_ROWS), slice(0, N_ROWS + 1)):
            assert take_rows(rows, every) is rows
        assert take_rows(rows, slice(None, None, -1)) is not rows


def test_which_gates_need_it():
    assert not HardGate().needs_affinity
    assert not DistanceGate(2.0).needs_affinity
    assert DistanceGate("auto").needs_affinity


@pytest.mark.parametrize("kind", [HardGate, DistanceGate])
def test_a_gate_with_a_fit_of_its_own_is_given_the_affinity(kind, X):
    class Own(kind):
        def fit(self, X, affinity, cells=None, sample_weight=None):
            self.told_ = affinity.shape
            return super().fit(X, affinity, cells, sample_weight)

    model = PartitionedExpertsRegressor(Ridge(), n_experts=N_CELLS, gate=Own())
    assert model.fit(X, X[:, 0]).gate_.told_ == (N_ROWS, N_CELLS)


def test_many_blocks_route_like_a_single_one(X):
    model = PartitionedExpertsRegressor(
        Ridge(), n_experts=N_CELLS, top_k=3, random_state=0
    ).fit(X, X[:, 0])
    whole = model.route(X)
    parts = [model.route(X[start : start + 500]) for start in range(0, N_ROWS, 500)]
    assert whole.has_canonical_format
    assert np.diff(whole.indptr).max() == 3
    np.testing.assert_allclose(
        np.vstack([part.toarray() for part in parts]), whole.toarray(), atol=1e-12
    )
    np.testing.assert_array_equal(
        np.bincount(whole.indices, minlength=N_CELLS), model.fit_report_["n_routed"]
    )
    np.testing.assert_allclose(
        np.bincount(whole.indices, whole.data),
        model.fit_report_["gate_weight"],
        rtol=1e-9,
    )


def test_check_gate_finds_who_does_need_it():
    class Untrue(DistanceGate):
        needs_affinity = False

        def fit(self, X, affinity, cells=None, sample_weight=None):
            self.mean_ = affinity.max(axis=1).sum() / len(X)
            return super().fit(X, affinity, cells, sample_weight)

        def gate_weights(self, X, affinity):
            return np.where(affinity > self.mean_, 1.0, 0.0)

    with pytest.raises(
        AssertionError, match="needs_affinity is false must fit without"
    ):
        check_gate(Untrue())
    # Its fit itself refuses.
    with pytest.raises(ValueError, match="sample_weight.shape"):
        check_gate(Untrue("auto"))
