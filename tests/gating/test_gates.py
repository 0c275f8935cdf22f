import numpy as np
import pytest
from sklearn.metrics import euclidean_distances
from sklearn.mixture import GaussianMixture

from skexperts.checks import check_gate
from skexperts.gating import DistanceGate, HardGate


@pytest.mark.parametrize(
    "gate", [HardGate(), DistanceGate(), DistanceGate(0.0), DistanceGate(100.0)]
)
def test_contract(gate):
    check_gate(gate)


def test_check_gate_names_the_broken_rule():
    class Unfair(HardGate):
        def gate_weights(self, X, affinity):
            return super().gate_weights(X, affinity) - 0.5

    with pytest.raises(AssertionError, match="weights must not be negative"):
        check_gate(Unfair())


def test_unit_is_half_the_mean_squared_distance_to_the_nearest_cell():
    affinity = -np.array([[1.0, 9.0], [3.0, 5.0]])
    assert DistanceGate().fit(None, affinity).unit_ == 1.0
    weighted = DistanceGate().fit(None, affinity, sample_weight=np.array([3.0, 1.0]))
    assert weighted.unit_ == 0.75


def test_weights_do_not_change_with_the_scale_of_the_data():
    rng = np.random.default_rng(0)
    X, centers = rng.normal(size=(50, 3)), rng.normal(size=(4, 3))
    small = -euclidean_distances(X, centers, squared=True)
    large = -euclidean_distances(1000 * X, 1000 * centers, squared=True)
    np.testing.assert_allclose(
        DistanceGate(0.7).fit(None, small).gate_weights(None, small),
        DistanceGate(0.7).fit(None, large).gate_weights(None, large),
        rtol=1e-6,
    )


def test_log_posteriors_come_back_as_the_posteriors():
    X = np.random.default_rng(0).normal(size=(80, 2))
    posteriors = GaussianMixture(3, random_state=0).fit(X).predict_proba(X)
    affinity = np.log(posteriors)
    gate = DistanceGate().fit(X, affinity)
    assert gate.unit_ == 1.0
    np.testing.assert_allclose(gate.gate_weights(X, affinity), posteriors, atol=1e-9)


def test_equal_rows_give_the_hard_limit():
    affinity = -np.array([[0.0, 4.0], [0.0, 4.0]])
    weights = DistanceGate().fit(None, affinity).gate_weights(None, affinity)
    np.testing.assert_array_equal(weights, [[1.0, 0.0], [1.0, 0.0]])


def test_set_params_after_fit_does_not_change_the_weights():
    affinity = -np.array([[1.0, 9.0], [3.0, 5.0]])
    gate = DistanceGate().fit(None, affinity)
    before = gate.gate_weights(None, affinity)
    gate.set_params(temperature=9.0)
    np.testing.assert_array_equal(gate.gate_weights(None, affinity), before)


def test_negative_temperature_is_refused():
    with pytest.raises(ValueError, match="'temperature' parameter of DistanceGate"):
        DistanceGate(-1.0).fit(None, np.zeros((2, 2)))
