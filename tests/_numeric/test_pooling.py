"""Pools are sums and maxima over cells of equal size."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from skexperts._numeric.patches import PatchGeometry, cut_patches
from skexperts._numeric.pooling import (
    grid_cells,
    join_signs,
    pool_codes,
    pool_thresholds,
)


@given(st.data())
def test_cells_are_rectangles_of_equal_size(data):
    places = data.draw(st.tuples(st.integers(1, 20), st.integers(1, 20)))
    grid = tuple(data.draw(st.integers(1, n)) for n in places)
    cells = grid_cells(places, grid).reshape(places)
    assert set(np.unique(cells)) == set(range(grid[0] * grid[1]))
    for axis in (0, 1):
        assert (np.diff(cells, axis=axis) >= 0).all()
    for part, n, m in (
        (cells[:, 0] // grid[1], places[0], grid[0]),
        (cells[0], places[1], grid[1]),
    ):
        assert set(np.bincount(part)) <= {n // m, -(-n // m)}


@settings(deadline=None, max_examples=40)
@given(
    st.integers(1, 25),
    st.integers(1, 20),
    st.booleans(),
    st.sampled_from([(np.float64, 1e-12), (np.float32, 1e-4)]),
)
def test_thresholds_and_codes_are_pooled_alike(side, n_atoms, largest, precision):
    dtype, tol = precision
    geometry = PatchGeometry((side + 2, side + 1, 1), (3, 2), (1, 1))
    rng = np.random.default_rng(side)
    image = rng.normal(size=(1, geometry.n_pixels)).astype(dtype)
    filters = rng.normal(size=(6, n_atoms)).astype(dtype)
    cells = grid_cells(geometry.n_places, (1, min(2, side)))
    fused = np.zeros((1, cells.max() + 1, 2, n_atoms), dtype)
    pool_thresholds(
        image,
        geometry,
        cells,
        filters,
        floor=0.1,
        alpha=0.5,
        largest=largest,
        pools=fused,
    )
    products = cut_patches(image, geometry.starts, geometry.runs, 0.1) @ filters
    codes = products - np.clip(products, -0.5, 0.5)
    expected = np.zeros_like(fused[0])
    for code, cell in zip(codes, cells, strict=True):
        for sign in (0, 1):
            part = np.maximum(-code if sign else code, 0)
            old = expected[cell, sign]
            expected[cell, sign] = np.maximum(old, part) if largest else old + part
    np.testing.assert_allclose(fused[0], expected, rtol=tol, atol=10 * tol)

    sparse = csr_array(codes)
    pools = np.zeros_like(expected)
    arrays = sparse.data, sparse.indices, sparse.indptr
    pool_codes(arrays, cells, largest=largest, pools=pools)
    np.testing.assert_allclose(pools, expected, rtol=tol, atol=10 * tol)


@pytest.mark.parametrize(
    ("largest", "expected"), [(False, [1.0, -3.0, 0.0]), (True, [2.0, -3.0, 1.0])]
)
def test_signs_are_joined(largest, expected):
    pools = np.array([[[[2.0, 0.0, 1.0], [1.0, 3.0, 1.0]]]])
    np.testing.assert_array_equal(join_signs(pools, largest=largest), [[expected]])
