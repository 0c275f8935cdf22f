"""What a coder of images must be for its kernels to read no other memory."""

from numbers import Real

import numpy as np

from skexperts._numeric.patches import PatchGeometry
from skexperts.decomposition import SparseCoder
from skexperts.decomposition._encode_patches import Pooling
from skexperts.io._conditions import is_array, is_count, need


def check_patches(state):
    """Raise a ValueError unless images, patches, atoms and pools go together.

    Parameters
    ----------
    state : dict
        Attributes of a fitted ``PatchSparseCoder`` by their names.
    """
    geometry, pooled = state.get("_geometry"), state.get("_pooled")
    need(
        isinstance(geometry, PatchGeometry)
        and _are_counts(geometry.image_shape, 3)
        and _are_counts(geometry.patch_shape, 2)
        and _are_counts(geometry.stride, 2)
        and geometry.n_pixels == state.get("n_features_in_")
        and min(geometry.n_places) >= 1,
        "the patches do not lie in the images",
    )
    need(
        isinstance(pooled, Pooling)
        and (
            pooled.grid is None
            or (
                _are_counts(pooled.grid, 2)
                and all(np.less_equal(pooled.grid, geometry.n_places))
            )
        )
        and pooled.statistic in ("sum", "average", "max")
        and pooled.n_signs in (1, 2),
        "the pools do not lie in the images",
    )
    coder, size = state.get("coder_"), geometry.patch_size
    need(
        isinstance(coder, SparseCoder)
        and isinstance(getattr(coder, "components_", None), np.ndarray)
        and coder.components_.shape[1] == size
        and is_array(state.get("components_"), "f", 2)
        and state["components_"].shape == coder.components_.shape
        and state["components_"].dtype == coder.components_.dtype
        and pooled.n_signs <= 2 - coder._prepared.options["positive"],
        "the atoms are not of the patches",
    )
    floor, whitening = state.get("contrast_floor_"), state.get("whitening_")
    need(
        (floor is None or (isinstance(floor, Real) and 0 <= floor < np.inf))
        and (
            whitening is None
            or (
                is_array(whitening, "f", 2)
                and whitening.shape == (size, size)
                and whitening.dtype == coder.components_.dtype
            )
        ),
        "the contrast or the whitening is not of the patches",
    )


def _are_counts(values, length):
    return (
        isinstance(values, tuple)
        and len(values) == length
        and all(is_count(value) for value in values)
    )
