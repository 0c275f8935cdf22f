"""Atoms as images and as bars."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skexperts import PatchSparseCoder, SparseCoder
from skexperts.inspection import DictionaryDisplay


@pytest.fixture(scope="module")
def digits():
    return load_digits().data[:300]


@pytest.fixture(scope="module")
def coder(digits):
    return SparseCoder(7, alpha=20.0, dictionary="sample", random_state=0).fit(digits)


def test_atoms_are_sorted_by_use(coder, digits):
    display = DictionaryDisplay.from_estimator(coder, digits, max_atoms=5)
    use = (coder.transform(digits).toarray() != 0).mean(axis=0)
    np.testing.assert_allclose(display.use, use[display.atoms])
    assert display.use.tolist() == sorted(use, reverse=True)[:5]
    np.testing.assert_array_equal(display.components, coder.components_[display.atoms])
    assert display.n_atoms == 7


def test_images_are_tiles_scaled_to_their_largest_entry(coder, digits):
    display = DictionaryDisplay.from_estimator(coder, image_shape=(8, 8))
    assert display.atoms.tolist() == list(range(7))
    tiles = display.ax_.images[0].get_array()
    assert tiles.shape == (3 * 9 - 1, 3 * 9 - 1)
    atom = coder.components_[4].reshape(8, 8)
    np.testing.assert_allclose(tiles[9:17, 9:17], atom / np.abs(atom).max())
    assert np.ma.getmaskarray(tiles)[8].all()
    assert display.ax_.get_title() == "7 atoms"

    display = DictionaryDisplay.from_estimator(
        coder, digits, image_shape=(4, 16), max_atoms=2
    )
    assert display.ax_.images[0].get_array().shape == (4, 33)
    assert display.ax_.get_title().startswith("2 of 7 atoms, used by ")


def test_bars_are_the_largest_entries(coder):
    display = DictionaryDisplay.from_estimator(coder, n_entries=3)
    assert len(display.axes_) == 7
    for atom, ax in zip(coder.components_, display.axes_, strict=True):
        largest = np.argsort(-np.abs(atom), kind="stable")[:3]
        widths = [bar.get_width() for bar in ax.patches]
        np.testing.assert_allclose(widths, atom[largest])
        names = [label.get_text() for label in ax.get_yticklabels()]
        assert names == [f"x{j}" for j in largest]


def test_names_and_rows_go_through_a_pipeline(wine_frame):
    X, _ = wine_frame
    coder = SparseCoder(3, dictionary="sample", random_state=0)
    model = make_pipeline(StandardScaler().set_output(transform="pandas"), coder).fit(X)
    display = DictionaryDisplay.from_estimator(model, X)
    assert display.feature_names == list(X.columns)
    codes = model.transform(X).toarray()
    np.testing.assert_allclose(display.use, (codes != 0).mean(axis=0)[display.atoms])
    texts = [label.get_text() for label in display.axes_[0].get_yticklabels()]
    assert all(len(text) <= 18 for text in texts)


def test_other_decompositions_have_atoms_too(digits):
    pca = PCA(4).fit(digits)
    display = DictionaryDisplay.from_estimator(pca, digits, image_shape=(8, 8))
    assert display.components.shape == (4, 64)


@pytest.mark.parametrize("sparse_output", [True, False])
def test_patches_are_images_by_themselves(digits, sparse_output):
    coder = PatchSparseCoder(
        5, patch_shape=(3, 4), alpha=1.5, sparse_output=sparse_output, random_state=0
    ).fit(digits)
    display = DictionaryDisplay.from_estimator(coder, digits)
    assert display.ax_.images[0].get_array().shape == (2 * 4 - 1, 3 * 5 - 1)
    codes = coder.set_params(sparse_output=False).fit(digits).transform(digits)
    used = (codes.reshape(300, -1, 5) != 0).any(axis=1).mean(axis=0)
    np.testing.assert_allclose(display.use, used[display.atoms])


def test_patches_of_three_channels_have_colours():
    X = np.random.default_rng(0).normal(size=(20, 6 * 6 * 3))
    coder = PatchSparseCoder(4, image_shape=(6, 6, 3), patch_shape=3, random_state=0)
    display = DictionaryDisplay.from_estimator(coder.fit(X))
    picture = display.ax_.images[0].get_array()
    assert picture.shape == (7, 7, 3)
    atom = coder.components_[3].reshape(3, 3, 3)
    expected = (1 + atom / np.abs(atom).max()) / 2
    np.testing.assert_allclose(picture[4:, 4:], expected)


def test_errors(coder, digits):
    draw = DictionaryDisplay.from_estimator
    with pytest.raises(ValueError, match=r"image_shape=\(8, 9\) must be a height"):
        draw(coder, image_shape=(8, 9))
    with pytest.raises(ValueError, match=r"image_shape=\(4, 8, 2\) must be a height"):
        draw(coder, image_shape=(4, 8, 2))
    with pytest.raises(ValueError, match="image_shape=64 must be a height"):
        draw(coder, image_shape=64)
    with pytest.raises(ValueError, match="The 'max_atoms' parameter"):
        draw(coder, max_atoms=0)
    with pytest.raises(ValueError, match="The 'n_entries' parameter"):
        draw(coder, n_entries=0)
    with pytest.raises(TypeError, match="a dictionary other than 'identity'"):
        draw(SparseCoder(dictionary="identity").fit(digits))
    with pytest.raises(ValueError, match="but it lies in no grid"):
        draw(coder, ax=plt.figure().add_axes((0, 0, 1, 1)))
