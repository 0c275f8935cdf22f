"""PatchSparseCoder codes images as plain loops do, and keeps the contracts."""

import pickle
import tracemalloc

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array, issparse
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import (
    check_param_validation,
    parametrize_with_checks,
)

from skexperts.decomposition import PatchSparseCoder, SparseCoder

SMALL = {"patch_shape": (1, 2), "pool_grid": 1, "alpha": 0.05}
CONFIGURATIONS = [
    PatchSparseCoder(2, **SMALL),
    PatchSparseCoder(2, **SMALL, pooling="max", sign_split=False, sparse_output=True),
    PatchSparseCoder(2, **SMALL, dictionary="learn", method="lasso"),
    PatchSparseCoder(2, **SMALL, dictionary="sample", contrast_eps=None),
    PatchSparseCoder(2, **SMALL | {"pool_grid": None}, method="omp", whiten_eps=None),
]


REASON = "the first atoms are drawn by row, whatever the weights"
UNEQUAL = {
    "check_sample_weight_equivalence_on_dense_data": REASON,
    "check_sample_weight_equivalence_on_sparse_data": REASON,
}


@parametrize_with_checks(
    CONFIGURATIONS, expected_failed_checks=lambda _: UNEQUAL, xfail_strict=True
)
def test_scikit_learn_contract(estimator, check):
    check(estimator)


def test_parameters_are_validated():
    check_param_validation("PatchSparseCoder", PatchSparseCoder(2, **SMALL))


def images(n_images, shape, seed=0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_images, *shape)).cumsum(axis=1).cumsum(axis=2)
    return X.reshape(n_images, -1).astype(dtype)


def patches_of(coder, image):
    """Yield row, column and normalised, whitened patch, by plain loops."""
    image = image.reshape(coder.image_shape_)
    high, wide = coder.patch_shape_[:2]
    down, right = coder.stride
    for i, top in enumerate(range(0, image.shape[0] - high + 1, down)):
        for j, left in enumerate(range(0, image.shape[1] - wide + 1, right)):
            patch = image[top : top + high, left : left + wide].ravel()
            if coder.contrast_eps is not None:
                patch = patch - patch.mean()
                patch = patch / np.sqrt(patch.var() + coder.contrast_floor_)
            if coder.whiten_eps is not None:
                patch = coder.whitening_ @ patch
            yield i, j, patch


def plain_codes(coder, image):
    """Code an image by loops, with a SparseCoder of its patches."""
    rows, columns, patches = zip(*patches_of(coder, image), strict=True)
    codes = coder.coder_.transform(np.array(patches)).toarray()
    n_rows, n_columns = max(rows) + 1, max(columns) + 1
    down, across = coder.pool_grid or (n_rows, n_columns)
    cells = {(i, j): [] for i in range(down) for j in range(across)}
    for i, j, code in zip(rows, columns, codes, strict=True):
        cells[i * down // n_rows, j * across // n_columns].append(code)
    outputs = []
    for pool in map(np.array, cells.values()):
        parts = [pool]
        if coder.sign_split and not coder.positive:
            parts = [np.maximum(pool, 0), np.maximum(-pool, 0)]
        for part in parts:
            if coder.pooling == "max":
                largest = np.abs(part).argmax(axis=0)
                outputs.append(part[largest, np.arange(part.shape[1])])
            else:
                pooled = part.sum(axis=0)
                average = coder.pooling == "average"
                outputs.append(pooled / len(part) if average else pooled)
    return np.concatenate(outputs)


@st.composite
def coders(draw):
    # In fewer dimensions atoms are equal, and which of them is taken is rounding.
    size = st.integers(1, 4)
    patch = draw(st.integers(1, 3)), draw(st.integers(4, 5))
    shape = tuple(n + draw(st.integers(0, 6)) for n in patch)
    stride = draw(size), draw(size)
    places = [(a - b) // s + 1 for a, b, s in zip(shape, patch, stride, strict=True)]
    grid = tuple(draw(st.integers(1, n)) for n in places)
    method = draw(st.sampled_from(["threshold", "lasso", "elastic_net", "omp"]))
    return PatchSparseCoder(
        draw(st.integers(1, 6)),
        image_shape=(*shape, draw(st.integers(1, 3))),
        patch_shape=patch,
        stride=stride,
        contrast_eps=draw(st.sampled_from([None, 0.01, 1.0])),
        whiten_eps=draw(st.sampled_from([None, 0.1, 1.0])),
        dictionary="sample",
        method=method,
        alpha=draw(st.sampled_from([0.1, 0.5])),
        positive=draw(st.booleans()),
        tol=1e-10,
        sign_split=draw(st.booleans()),
        pool_grid=draw(st.sampled_from([grid, None])),
        pooling=draw(st.sampled_from(["sum", "average", "max"])),
        sparse_output=draw(st.booleans()),
        batch_size=draw(st.integers(1, 12)),
        n_jobs=draw(st.sampled_from([None, 2])),
        random_state=0,
    )


@pytest.mark.filterwarnings("ignore:all codes")
@settings(deadline=None, max_examples=60)
@given(coders(), st.integers(0, 2**16))
def test_codes_are_those_of_plain_loops(coder, seed):
    X = images(9, coder.image_shape, seed)
    codes = coder.fit(X).transform(X)
    assert issparse(codes) == coder.sparse_output
    codes = codes.toarray() if issparse(codes) else codes
    expected = np.array([plain_codes(coder, image) for image in X])
    scale = np.abs(expected).max() + 1e-3
    np.testing.assert_allclose(codes / scale, expected / scale, atol=1e-7)
    assert codes.shape[1] == len(coder.get_feature_names_out())


@pytest.mark.filterwarnings("ignore:all codes")
@settings(deadline=None, max_examples=25)
@given(coders(), st.integers(1, 30))
def test_an_image_has_the_same_bits_whatever_comes_with_it(coder, batch_size):
    X = images(70, coder.image_shape)
    codes = dense(coder.fit(X).transform(X))
    coder.set_params(batch_size=batch_size, n_jobs=3)
    np.testing.assert_array_equal(dense(coder.transform(X)), codes)
    np.testing.assert_array_equal(dense(coder.transform(X[40:43])), codes[40:43])
    np.testing.assert_array_equal(dense(coder.transform(csr_array(X))), codes)


def dense(codes):
    return codes.toarray() if issparse(codes) else codes


@pytest.mark.parametrize("method", ["threshold", "omp"])
def test_sparse_images_make_the_same_coder(method):
    X = np.maximum(images(300, (9, 9)), 0)
    coder = PatchSparseCoder(
        10, patch_shape=3, n_patches=2000, method=method, random_state=0
    )
    expected = clone(coder).fit(X)
    coder.fit(csr_array(X))
    np.testing.assert_array_equal(coder.components_, expected.components_)
    np.testing.assert_array_equal(coder.transform(csr_array(X)), expected.transform(X))


@pytest.mark.parametrize("scale", [1 / 255, 255.0, 1e-6])
@pytest.mark.parametrize("contrast_eps", [None, 0.1])
def test_the_scale_of_pixels_makes_no_difference(scale, contrast_eps):
    X = images(50, (8, 8))
    coder = PatchSparseCoder(
        6, patch_shape=4, contrast_eps=contrast_eps, random_state=0
    )
    expected = coder.fit_transform(X)
    np.testing.assert_allclose(coder.fit_transform(scale * X), expected, rtol=1e-6)


def test_brightness_makes_no_difference():
    X = images(50, (8, 8))
    coder = PatchSparseCoder(6, patch_shape=4, random_state=0).fit(X)
    np.testing.assert_allclose(coder.transform(X + 3), coder.transform(X), atol=1e-9)


def test_whitened_patches_are_uncorrelated():
    X = images(500, (8, 8))
    coder = PatchSparseCoder(
        6, patch_shape=3, stride=2, whiten_eps=1e-9, random_state=0
    ).fit(X)
    coder.stride = 2, 2
    patches = np.array([patch for x in X for _, _, patch in patches_of(coder, x)])
    moments = patches.T @ patches / len(patches)
    # Without their means patches have one dimension less.
    expected = np.eye(9) - np.full((9, 9), 1 / 9)
    np.testing.assert_allclose(moments, expected, atol=1e-6)


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float32, np.float64])
def test_bytes_are_coded_in_single_precision(dtype):
    X = load_digits().data[:100].astype(dtype)
    coder = PatchSparseCoder(10, patch_shape=4, random_state=0).fit(X)
    wanted = np.float32 if dtype in (np.uint8, np.float32) else np.float64
    for rows in (X, X.astype(np.float32), X.astype(np.float64), X.astype(np.uint8)):
        assert coder.transform(rows).dtype == wanted
    assert coder.components_.dtype == wanted


@pytest.mark.parametrize("dictionary", ["kmeans", "learn", "sample"])
def test_dictionaries_are_those_of_a_sparse_coder(dictionary):
    X = load_digits().data
    coder = PatchSparseCoder(
        8, patch_shape=4, dictionary=dictionary, n_patches=3000, random_state=0
    ).fit(X)
    assert isinstance(coder.coder_, SparseCoder)
    assert coder.components_.shape == (8, 16)
    given = clone(coder).set_params(dictionary=coder.components_).fit(X)
    np.testing.assert_array_equal(given.transform(X[:9]), coder.transform(X[:9]))


@pytest.mark.parametrize("method", ["threshold", "lasso", "omp"])
def test_alpha_auto_finds_the_density(method):
    X = load_digits().data[:200]
    coder = PatchSparseCoder(
        40,
        patch_shape=4,
        dictionary="sample",
        method=method,
        alpha="auto",
        n_nonzero_coefs=4,
        pool_grid=None,
        random_state=0,
    ).fit(X)
    n_codes = (coder.transform(X) != 0).sum() / (len(X) * 25)
    assert 2 < n_codes < 4.5


@pytest.mark.parametrize("whiten_eps", [None, 0.1])
@pytest.mark.parametrize("sign_split", [True, False])
@pytest.mark.parametrize("stride", [1, 2])
def test_images_come_back_from_the_codes_of_all_patches(whiten_eps, sign_split, stride):
    X = images(20, (6, 7, 2))
    coder = PatchSparseCoder(
        80,
        image_shape=(6, 7, 2),
        patch_shape=(2, 3),
        stride=stride,
        contrast_eps=None,
        whiten_eps=whiten_eps,
        method="lasso",
        alpha=1e-6,
        tol=1e-12,
        dictionary="sample",
        sign_split=sign_split,
        pool_grid=None,
        batch_size=7,
        random_state=0,
    ).fit(X)
    codes = coder.transform(X)
    back = coder.inverse_transform(codes)
    np.testing.assert_allclose(back, X, atol=1e-3)
    np.testing.assert_allclose(coder.inverse_transform(csr_array(codes)), back)
    message = "X has 3 columns, but codes of this PatchSparseCoder have"
    with pytest.raises(ValueError, match=message):
        coder.inverse_transform(codes[:, :3])


def test_pixels_without_a_patch_come_back_as_zeros():
    X = np.ones((3, 25))
    coder = PatchSparseCoder(
        patch_shape=1,
        stride=3,
        dictionary=[[1.0]],
        contrast_eps=None,
        whiten_eps=None,
        alpha=0.0,
        pool_grid=None,
    ).fit(X)
    back = coder.inverse_transform(coder.transform(X)).reshape(3, 5, 5)
    np.testing.assert_array_equal(back[0, ::3, ::3], np.ones((2, 2)))
    assert back.sum() == 3 * 4


@pytest.mark.parametrize("options", [{}, {"pool_grid": None}, {"contrast_eps": None}])
def test_what_is_lost_has_no_inverse(options):
    assert not hasattr(PatchSparseCoder(**options), "inverse_transform")


@pytest.mark.parametrize("grid", [2, 4])
def test_whether_there_is_an_inverse_is_read_at_fit(grid):
    X = images(40, (6, 6))
    coder = PatchSparseCoder(9, patch_shape=3, pool_grid=grid, random_state=0).fit(X)
    coder.set_params(pool_grid=None, contrast_eps=None)
    assert not hasattr(coder, "inverse_transform")
    coder.fit(X).set_params(pool_grid=grid)
    assert coder.inverse_transform(coder.transform(X)).shape == X.shape


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
@pytest.mark.parametrize("kind", [pl.DataFrame, pd.DataFrame, np.ndarray.tolist])
def test_frames_and_lists_are_coded_in_their_precision(kind, dtype):
    X = (100 * images(40, (6, 6))).astype(dtype)
    data = kind(X)
    # A list has no single precision.
    X = np.asarray(data)
    coder = PatchSparseCoder(9, patch_shape=3, random_state=0)
    expected = coder.fit_transform(X)
    found = coder.fit_transform(data)
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)


def test_memory_is_bounded_by_batches_and_output():
    X = images(300, (28, 28), dtype=np.float32)
    coder = PatchSparseCoder(50, dictionary="sample", random_state=0).fit(X)
    all_patches = 300 * 23**2 * 36 * 4
    for method in ("threshold", "omp"):
        coder.set_params(method=method, n_nonzero_coefs=2, batch_size=8).fit(X[:9])
        tracemalloc.start()
        codes = coder.transform(X)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < codes.nbytes + all_patches / 10


def test_names_of_the_outputs():
    X = load_digits().data[:50]
    coder = PatchSparseCoder(3, patch_shape=4, pool_grid=(2, 1), random_state=0)
    frame = pd.DataFrame(X).rename(columns=str)
    codes = coder.set_output(transform="pandas").fit(frame).transform(frame)
    names = [f"atom{k}{s}_{row}_0" for row in (0, 1) for s in "+-" for k in range(3)]
    assert list(codes.columns) == list(coder.get_feature_names_out()) == names
    assert coder.feature_names_in_[0] == "0"
    polars_codes = coder.transform(pl.from_pandas(frame))
    np.testing.assert_array_equal(polars_codes, codes)
    coder.set_params(sign_split=False).fit(frame)
    assert list(coder.get_feature_names_out())[:2] == ["atom0_0_0", "atom1_0_0"]


def test_weights_of_images_are_those_of_their_patches():
    X = images(60, (6, 6))
    weights = np.repeat([0, 1, 2], 20)
    coder = PatchSparseCoder(4, patch_shape=3, random_state=0)
    kept = clone(coder).fit(X[20:], sample_weight=weights[20:])
    coder.fit(X, sample_weight=weights)
    np.testing.assert_array_equal(coder.components_, kept.components_)
    variances = np.array(
        [
            [x[i : i + 3, j : j + 3].var() for i in range(4) for j in range(4)]
            for x in X.reshape(-1, 6, 6)
        ]
    )
    mean = np.average(variances.mean(axis=1), weights=weights)
    np.testing.assert_allclose(coder.contrast_floor_, 0.1 * mean)


def test_copies_and_searches():
    X, y = load_digits(n_class=3, return_X_y=True)
    coder = PatchSparseCoder(8, patch_shape=4, dictionary="sample", random_state=0)
    copy = pickle.loads(pickle.dumps(coder.fit(X)))
    np.testing.assert_array_equal(copy.transform(X), coder.transform(X))
    model = make_pipeline(coder, StandardScaler(), RidgeClassifier())
    grid = {
        "patchsparsecoder__patch_shape": [3, (4, 4)],
        "patchsparsecoder__method": ["threshold", "omp"],
    }
    assert GridSearchCV(model, grid, cv=2).fit(X, y).best_score_ > 0.95


@pytest.mark.parametrize(
    ("options", "shape", "message"),
    [
        ({"image_shape": (5, 5)}, (9, 36), r"has 25 entries, but X has n_features=36"),
        ({"image_shape": (6,)}, (9, 36), r"image_shape must be whole .* Got \(6,\)"),
        ({"image_shape": (6, 6.5)}, (9, 36), "image_shape must be whole numbers"),
        ({"image_shape": "ab"}, (9, 36), "'image_shape' parameter"),
        ({"image_shape": (6, 0)}, (9, 36), "at least 1"),
        ({"patch_shape": (7, 1)}, (9, 36), r"does not fit into images of shape \(6, 6"),
        ({}, (9, 30), r"shape \(1, 30\) \(square if it can be: set image_shape"),
        ({"patch_shape": (1, 2, 3)}, (9, 36), "patch_shape must be whole numbers"),
        ({"stride": (1, 0)}, (9, 36), "stride must be whole numbers"),
        ({"stride": True}, (9, 36), "stride must be whole numbers.*Got True"),
        ({"image_shape": np.array(6)}, (9, 36), "image_shape must be whole numbers"),
        (
            {"pool_grid": 5},
            (9, 36),
            r"pool_grid=\(5, 5\) has cells without a patch.*4 x",
        ),
        ({"n_patches": 5}, (9, 36), "needs 10 different patches .* of 5 patches of X"),
        ({"n_components": 200}, (9, 36), "needs 200 .* n_samples=9 only 144 are"),
    ],
)
def test_errors_say_what_to_do(options, shape, message):
    X = np.random.default_rng(0).normal(size=shape)
    coder = PatchSparseCoder(10, patch_shape=3).set_params(**options)
    with pytest.raises((ValueError, TypeError), match=message):
        coder.fit(X)
    assert not hasattr(coder, "components_")


def test_an_error_does_not_print_given_atoms():
    with pytest.raises(ValueError, match="dictionary=array needs 1 different patches"):
        PatchSparseCoder(patch_shape=3, dictionary=np.eye(9)).fit(np.ones((5, 36)))


@pytest.mark.parametrize("whiten_eps", [None, 1.0])
def test_squares_that_overflow_single_precision_are_refused(whiten_eps):
    X = images(40, (6, 6), dtype=np.float32) * np.float32(1e20)
    coder = PatchSparseCoder(9, patch_shape=3, whiten_eps=whiten_eps, random_state=0)
    assert np.isfinite(coder.fit(X).transform(X)).all()
    with pytest.raises(ValueError, match="squares overflow.*Scale X"):
        coder.set_params(contrast_eps=None).fit(X)


@pytest.mark.parametrize("dictionary", ["kmeans", "learn", "sample", np.eye(9)])
def test_constant_images(dictionary):
    X = images(40, (6, 6))
    coder = PatchSparseCoder(9, patch_shape=3, dictionary=dictionary, random_state=0)
    flat = np.full((5, 36), 0.1)
    with pytest.raises(ValueError, match="patches that are not constant, but of 80"):
        coder.fit(flat)
    assert not coder.fit(np.vstack([X, flat])).transform(flat).any()


def test_values_that_are_none():
    X = images(40, (6, 6))
    coder = PatchSparseCoder(9, patch_shape=3, random_state=0).fit(X)
    with pytest.raises(ValueError, match="NaN"):
        coder.transform(np.where(X > 3, np.nan, X))
    with pytest.raises(ValueError, match="squares overflow.*Scale X"):
        coder.fit(X * 1e200)
    with pytest.raises(ValueError, match="X has 35 features, but PatchSparseCoder"):
        coder.transform(X[:, 1:])


def test_patches_that_are_not_coded_to_the_end_are_told():
    X = images(40, (6, 6))
    coder = PatchSparseCoder(
        9, patch_shape=3, method="lasso", alpha=0.1, max_iter=1, random_state=0
    ).fit(X)
    message = "of 640 patches did not reach tol=0.0001 in max_iter=1 steps"
    with pytest.warns(ConvergenceWarning, match=message):
        coder.transform(X)


def test_alpha_that_leaves_nothing_is_told():
    X = images(40, (6, 6))
    coder = PatchSparseCoder(9, patch_shape=3, alpha=100.0, random_state=0)
    with pytest.warns(UserWarning, match="zero: alpha=100, but the largest useful"):
        assert not coder.fit(X).transform(X).any()
