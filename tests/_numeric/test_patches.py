"""Patches lie where they should, and images come back from them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skexperts._numeric.patches import (
    PatchGeometry,
    cut_patches,
    join_patches,
    patch_variances,
    whitening_matrix,
)


@st.composite
def geometries(draw):
    patch = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    shape = tuple(n + draw(st.integers(0, 5)) for n in patch)
    stride = draw(st.integers(1, 5)), draw(st.integers(1, 5))
    return PatchGeometry((*shape, draw(st.integers(1, 3))), patch, stride)


def windows(image, geometry):
    high, wide = geometry.patch_shape
    view = np.lib.stride_tricks.sliding_window_view(image, (high, wide), axis=(0, 1))
    view = view[:: geometry.stride[0], :: geometry.stride[1]]
    return view.transpose(0, 1, 3, 4, 2).reshape(geometry.n_patches, -1)


@settings(deadline=None)
@given(geometries(), st.sampled_from([np.float32, np.float64]))
def test_patches_are_windows(geometry, dtype):
    images = np.random.default_rng(0).normal(size=(2, *geometry.image_shape))
    images = images.astype(dtype)
    for image in images:
        patches = cut_patches(image, geometry.starts, geometry.runs, None)
        assert patches.dtype == dtype
        assert patches.shape == (geometry.n_patches, geometry.patch_size)
        np.testing.assert_array_equal(patches, windows(image, geometry))


@settings(deadline=None)
@given(geometries())
def test_images_are_the_means_of_their_patches(geometry):
    image = np.random.default_rng(0).normal(size=geometry.image_shape)
    patches = cut_patches(image, geometry.starts, geometry.runs, None)
    back = join_patches(patches, geometry).reshape(geometry.image_shape)
    ones = join_patches(np.ones_like(patches), geometry).reshape(back.shape)
    np.testing.assert_allclose(back, image * ones)
    assert set(np.unique(ones)) <= {0.0, 1.0}


@pytest.mark.parametrize(("dtype", "rtol"), [(np.float64, 1e-10), (np.float32, 1e-4)])
@pytest.mark.parametrize("shift", [0, 1e4])
def test_contrast_is_normalised(dtype, rtol, shift):
    rows = (np.random.default_rng(0).normal(size=(50, 12)) + shift).astype(dtype)
    starts = np.arange(50, dtype=np.intp) * 12
    found = cut_patches(rows, starts, (1, 12, 12), 0.3)
    exact = rows.astype(np.float64)
    exact -= exact.mean(axis=1, keepdims=True)
    exact /= np.sqrt(exact.var(axis=1, keepdims=True) + 0.3)
    np.testing.assert_allclose(found, exact, rtol=rtol, atol=rtol)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("value", [0.0, 0.1, -7e30])
def test_constant_patches_are_exactly_zero(dtype, value):
    rows = np.full((3, 7), value, dtype)
    assert not cut_patches(rows, np.array([0, 7, 14]), (1, 7, 7), 1e-30).any()
    assert not patch_variances(rows).any()


@settings(deadline=None)
@given(st.integers(1, 6), st.booleans(), st.floats(1e-3, 10))
def test_whitening_is_an_inverse_root(size, weighted, eps):
    rng = np.random.default_rng(size)
    rows = rng.normal(size=(40, size)) @ rng.normal(size=(size, size))
    weights = rng.random(40) if weighted else None
    whitening = whitening_matrix(rows, weights, eps)
    moments = (rows.T * (1 if weights is None else weights)) @ rows
    moments /= 40 if weights is None else weights.sum()
    moments += eps * np.trace(moments) / size * np.eye(size)
    identity = whitening @ moments @ whitening
    np.testing.assert_allclose(identity, np.eye(size), atol=1e-8)
    np.testing.assert_allclose(whitening, whitening.T)
