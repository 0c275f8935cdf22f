import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import softmax

from skexperts._numeric.gates import one_hot_weights, softmax_weights

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
