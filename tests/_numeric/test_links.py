import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from skexperts._numeric.links import binary_margins, squared_hinge_probabilities

margin_matrices = st.tuples(st.integers(1, 8), st.integers(2, 6)).flatmap(
    lambda shape: arrays(
        np.float64, shape, elements=st.floats(-1e6, 1e6, allow_nan=False, width=32)
    )
)


@given(margins=margin_matrices)
def test_probabilities_are_a_distribution_with_the_argmax_of_the_margins(margins):
    probabilities = squared_hinge_probabilities(margins)
    assert (probabilities >= 0).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, atol=1e-12)
    np.testing.assert_array_equal(probabilities.argmax(axis=1), margins.argmax(axis=1))


@given(p=st.floats(0, 1))
def test_link_inverts_the_population_minimiser(p):
    """The squared hinge risk p (1 - f)_+^2 + (1 - p) (1 + f)_+^2 is least at 2p - 1."""
    probabilities = squared_hinge_probabilities(binary_margins(np.array([2 * p - 1])))
    np.testing.assert_allclose(probabilities, [[1 - p, p]], atol=1e-9)


def test_population_minimiser_by_brute_force():
    p, grid = 0.3, np.linspace(-1.5, 1.5, 30001)
    risk = p * np.maximum(0, 1 - grid) ** 2 + (1 - p) * np.maximum(0, 1 + grid) ** 2
    best = grid[risk.argmin()]
    probabilities = squared_hinge_probabilities(binary_margins(np.array([best])))
    np.testing.assert_allclose(probabilities, [[0.7, 0.3]], atol=1e-4)


def test_rows_without_any_positive_probability_go_to_the_largest_margin():
    probabilities = squared_hinge_probabilities(np.array([[-5.0, -2.0, -3.0]]))
    np.testing.assert_array_equal(probabilities, [[0.0, 1.0, 0.0]])
