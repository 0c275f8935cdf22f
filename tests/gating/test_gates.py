import numpy as np
import pytest
from scipy.special import softmax

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


def test_weights_are_the_softmax_of_the_affinity():
    affinity = -np.random.default_rng(0).uniform(0, 9, size=(20, 4))
    for temperature in (0.5, 1.0, 3.0):
        gate = DistanceGate(temperature).fit(None, affinity)
        np.testing.assert_allclose(
            gate.gate_weights(None, affinity), softmax(affinity / temperature, axis=1)
        )


def test_set_params_after_fit_does_not_change_the_weights():
    affinity = -np.array([[1.0, 9.0], [3.0, 5.0]])
    gate = DistanceGate().fit(None, affinity)
    before = gate.gate_weights(None, affinity)
    gate.set_params(temperature=9.0)
    np.testing.assert_array_equal(gate.gate_weights(None, affinity), before)


def test_negative_temperature_is_refused():
    with pytest.raises(ValueError, match="'temperature' parameter of DistanceGate"):
        DistanceGate(-1.0).fit(None, np.zeros((2, 2)))
