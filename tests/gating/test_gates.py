import numpy as np
import pytest
from scipy.special import softmax

from skexperts._numeric.gates import mean_perplexity
from skexperts.checks import check_gate
from skexperts.gating import DistanceGate, GateMixin, HardGate


@pytest.mark.parametrize(
    "gate",
    [
        HardGate(),
        DistanceGate(),
        DistanceGate(0.0),
        DistanceGate(100.0),
        DistanceGate("auto"),
    ],
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


@pytest.mark.parametrize(("n_cells", "target"), [(2, 1.5), (3, 2.0), (9, 2.0)])
def test_automatic_temperature_lets_two_experts_share_a_row(n_cells, target):
    affinity = -np.random.default_rng(0).uniform(0, 9, size=(200, n_cells))
    weights = np.random.default_rng(1).integers(0, 3, size=200)
    gate = DistanceGate("auto").fit(None, affinity, None, weights)
    reached = mean_perplexity(affinity, gate.temperature_, weights / weights.sum())
    assert reached == pytest.approx(target, abs=0.01)
    repeated = DistanceGate("auto").fit(None, np.repeat(affinity, weights, axis=0))
    assert repeated.temperature_ == gate.temperature_
    scaled = DistanceGate("auto").fit(None, 3 * affinity, None, weights)
    assert scaled.temperature_ == pytest.approx(3 * gate.temperature_, rel=0.01)


@pytest.mark.parametrize(
    ("affinity", "temperature"),
    [
        (np.zeros((5, 4)), 1e-6),
        (np.where(np.eye(4), 0, -1e4), 16),
        (np.where(np.eye(4), 0, -np.inf), 16),
        (np.full((5, 4), -np.inf), 1),
        (np.zeros((5, 1)), 1),
    ],
)
def test_automatic_temperature_where_no_temperature_gives_the_target(
    affinity, temperature
):
    gate = DistanceGate("auto").fit(None, affinity)
    assert gate.temperature_ == pytest.approx(temperature, rel=1e-2)
    # Cells that are far stay far.
    expected = DistanceGate(1.0).fit(None, affinity).gate_weights(None, affinity)
    np.testing.assert_allclose(gate.gate_weights(None, affinity), expected, atol=1e-12)


def test_automatic_temperature_counts_only_rows_that_a_cell_claims():
    affinity = -np.random.default_rng(0).uniform(0, 9, size=(50, 4))
    more = np.vstack([affinity, np.full((30, 4), -np.inf)])
    assert (
        DistanceGate("auto").fit(None, more).temperature_
        == DistanceGate("auto").fit(None, affinity).temperature_
    )


def test_mixin_asks_for_gate_weights():
    class Empty(GateMixin):
        pass

    assert not Empty.learns
    with pytest.raises(TypeError, match="Empty must implement gate_weights"):
        Empty().gate_weights(None, None)


def test_negative_temperature_is_refused():
    with pytest.raises(ValueError, match="'temperature' parameter of DistanceGate"):
        DistanceGate(-1.0).fit(None, np.zeros((2, 2)))
