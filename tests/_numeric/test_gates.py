import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import expit, softmax

from skexperts._numeric.gates import (
    mean_perplexity,
    one_hot_weights,
    open_gates,
    softmax_weights,
    temperature_of_perplexity,
)

affinities = st.tuples(st.integers(1, 8), st.integers(1, 6)).flatmap(
    lambda shape: arrays(
        np.float64,
        shape,
        elements=st.one_of(
            st.floats(-1e308, 1e308),
            st.just(-np.inf),
            st.sampled_from([-2.0, -1.0, 0.0]),
        ),
    )
)


@given(
    affinity=affinities, temperature=st.sampled_from([0.0, 1e-300, 1.0, 1e300, np.inf])
)
def test_softmax_weights_are_a_distribution_for_any_logits(affinity, temperature):
    weights = softmax_weights(affinity, temperature)
    claimed = (affinity > -np.inf).any(axis=1)
    assert np.isfinite(weights).all()
    assert (weights >= 0).all()
    assert (weights[np.isneginf(affinity)] == 0).all()
    np.testing.assert_allclose(weights.sum(axis=1), claimed, atol=1e-12)


def test_softmax_weights_agree_with_scipy():
    affinity = np.random.default_rng(0).normal(size=(20, 5))
    np.testing.assert_allclose(
        softmax_weights(affinity, 0.3), softmax(affinity / 0.3, axis=1), rtol=1e-12
    )


@pytest.mark.parametrize(
    ("temperature", "expected"),
    [(0.0, [0.5, 0.5, 0.0, 0.0]), (np.inf, [1 / 3, 1 / 3, 1 / 3, 0.0])],
)
def test_limits_of_the_temperature(temperature, expected):
    affinity = np.array([[-1.0, -1.0, -2.0, -np.inf]])
    np.testing.assert_allclose(softmax_weights(affinity, temperature), [expected])


def test_one_hot_weights_break_ties_low_and_leave_unclaimed_rows_at_zero():
    affinity = np.array([[-1.0, -1.0], [-np.inf, -np.inf], [-2.0, -1.0]])
    np.testing.assert_array_equal(
        one_hot_weights(affinity), [[1.0, 0.0], [0.0, 0.0], [0.0, 1.0]]
    )


@given(
    logits=affinities.map(np.nan_to_num),
    threshold=st.sampled_from([0.0, 0.1, 0.5, 0.999]),
    seed=st.integers(0, 9),
)
def test_open_gates_leave_no_row_that_may_go_somewhere(logits, threshold, seed):
    closed = np.random.default_rng(seed).random(logits.shape) < 0.3
    weights = open_gates(logits, closed, threshold)
    assert np.isfinite(weights).all()
    assert (weights[closed] == 0).all()
    opened = (expit(logits) > threshold) & ~closed
    shared = opened.any(axis=1)
    np.testing.assert_array_equal(weights[shared] > 0, opened[shared])
    np.testing.assert_array_equal(weights.any(axis=1), ~closed.all(axis=1))


def test_a_row_that_no_gate_is_open_for_keeps_its_gates():
    logits = np.array([[-2e3, -1e3, -1e3], [-1e3, -1e3, -9.0], [3.0, -1.0, 2.0]])
    logits = np.vstack([logits, [[-1.0, -2.0, -3.0], [-2.0, -1.0, -3.0]]])
    closed = np.zeros((5, 3), dtype=bool)
    closed[1, 2] = closed[4] = True
    weights = open_gates(logits, closed, 0.5)
    np.testing.assert_array_equal(weights[:2], [[0, 1, 1], [1, 1, 0]])
    np.testing.assert_allclose(weights[2], expit([3.0, -np.inf, 2.0]))
    np.testing.assert_allclose(weights[3], expit(logits[3]) / expit(-1.0))
    np.testing.assert_array_equal(weights[4], 0)


def test_perplexity_counts_the_cells_that_share_a_row():
    affinity = np.array([[0.0, 0.0, -np.inf], [0.0, -1e4, -1e4], [1.0, 1.0, 1.0]])
    shares = np.array([0.5, 0.25, 0.25])
    assert mean_perplexity(affinity, 1.0, shares) == pytest.approx(2)


def test_temperature_reaches_the_perplexity():
    affinity = np.random.default_rng(0).normal(size=(99, 5)) * 3
    shares = np.full(99, 1 / 99)
    temperatures = [temperature_of_perplexity(affinity, p, shares) for p in (1.2, 2, 3)]
    assert temperatures == sorted(temperatures)
    for temperature, target in zip(temperatures, (1.2, 2, 3), strict=True):
        reached = mean_perplexity(affinity, temperature, shares)
        assert reached == pytest.approx(target, abs=0.01)
