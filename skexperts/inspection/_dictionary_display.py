"""Pictures of the atoms of a dictionary."""

from numbers import Integral

import numpy as np
from scipy.sparse import issparse

from skexperts._sklearn import Interval, validate_parameter_constraints
from skexperts.inspection._atoms import draw_bars, draw_images
from skexperts.inspection._model import input_names, split_pipeline
from skexperts.inspection._plotting import new_axes

# By default, drawn at the most.
_MOST_IMAGES, _MOST_BARS = 100, 20


class DictionaryDisplay:
    r"""The atoms of a dictionary, as images or as bars of their largest entries.

    An atom is a row :math:`d_k` of the dictionary :math:`D` of a coder that writes a
    row of data as :math:`x \approx \sum_k z_k d_k`. With rows of data, atoms are sorted
    by their use, the share of rows with :math:`z_k \ne 0`.

    Use :meth:`from_estimator` to make a display of a fitted coder.

    Parameters
    ----------
    components : ndarray of shape (n_shown, n_features)
        The atoms, in the order in which they are drawn.

    atoms : ndarray of shape (n_shown,)
        Their numbers in the dictionary.

    n_atoms : int
        Number of atoms of the whole dictionary.

    feature_names : list of str
        Names of the features.

    use : ndarray of shape (n_shown,), default=None
        Share of the rows that use each atom, None if not known.

    image_shape : tuple of 2 or 3 int, default=None
        Height and width of the atoms as images, and the number of channels, 1 or 3;
        None draws bars.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes drawn on.

    axes_ : ndarray of matplotlib Axes of shape (n_shown,)
        The axes of the atoms, inside ``ax_``; only where bars are drawn.

    figure_ : matplotlib Figure
        The figure they are in.

    See Also
    --------
    skexperts.decomposition.PatchSparseCoder : Codes images by their patches.
    skexperts.decomposition.SparseCoder : Learns dictionaries.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from sklearn.datasets import load_digits
    >>> from skexperts.decomposition import SparseCoder
    >>> from skexperts.inspection import DictionaryDisplay
    >>> X, _ = load_digits(return_X_y=True)
    >>> coder = SparseCoder(16, alpha=10.0, random_state=0).fit(X)
    >>> display = DictionaryDisplay.from_estimator(coder, X, image_shape=(8, 8))
    >>> display.components.shape
    (16, 64)
    >>> plt.close("all")
    """

    def __init__(
        self,
        *,
        components,
        atoms,
        n_atoms,
        feature_names,
        use=None,
        image_shape=None,
    ):
        self.components = components
        self.atoms = atoms
        self.n_atoms = n_atoms
        self.feature_names = feature_names
        self.use = use
        self.image_shape = image_shape

    def plot(self, ax=None, *, n_entries=8, artist_kwargs=None):
        """Draw the atoms.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Axes to draw on, of a grid of subplots where bars are drawn; None makes a
            figure.

        n_entries : int, default=8
            Where bars are drawn, the number of largest entries of each atom.

        artist_kwargs : dict, default=None
            Passed to ``Axes.imshow`` for images, else to ``Axes.barh``.

        Returns
        -------
        self : DictionaryDisplay

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        artist_kwargs = artist_kwargs or {}
        n_shown = len(self.atoms)
        n_columns = int(np.ceil(np.sqrt(n_shown)))
        n_rows = -(-n_shown // n_columns)
        if self.image_shape is None:
            size = 2.4 * n_columns, (0.45 + 0.17 * n_entries) * n_rows + 0.4
            ax = new_axes(self, ax, size)
            self.axes_ = draw_bars(self, ax, n_columns, n_entries, artist_kwargs)
        else:
            height, width = self.image_shape[:2]
            side = np.clip(6.5 / n_columns, 0.55, 1.4)
            size = side * n_columns, side * n_rows * height / width + 0.4
            ax = new_axes(self, ax, size)
            draw_images(self, ax, n_columns, artist_kwargs)
            ax.set_title(self._title(), fontsize="medium")
        return self

    def _title(self):
        n_shown = len(self.atoms)
        which = "" if n_shown == self.n_atoms else f"{n_shown} of "
        which = f"{which}{self.n_atoms} atoms"
        if self.use is None:
            return which
        return f"{which}, used by {self.use[0]:.0%} to {self.use[-1]:.0%} of the rows"

    @classmethod
    def from_estimator(
        cls,
        coder,
        X=None,
        *,
        image_shape=None,
        max_atoms=None,
        n_entries=8,
        ax=None,
        artist_kwargs=None,
    ):
        """Draw the atoms of a fitted coder.

        Parameters
        ----------
        coder : fitted estimator
            A :class:`~skexperts.decomposition.SparseCoder` or
            :class:`~skexperts.decomposition.PatchSparseCoder`, another transformer with
            ``components_``, or a pipeline that ends with one.

        X : {array-like, sparse matrix} of shape (n_samples, n_features), default=None
            Rows to code, by whose use the atoms are sorted; a pipeline's first steps
            transform them. An image uses an atom if any of its features does. None
            keeps the order of the dictionary.

        image_shape : tuple of 2 or 3 int, default=None
            Height and width of the atoms as images, and the number of channels, 1 or 3.
            None draws patches as images, in the space of whitened patches, and other
            atoms as bars.

        max_atoms : int, default=None
            Largest number of atoms to draw, the most used ones with X, else the first
            ones; None means 100 images, or 20 atoms as bars.

        n_entries : int, default=8
            Where bars are drawn, the number of largest entries of each atom.

        ax : matplotlib Axes, default=None
            Axes to draw on, of a grid of subplots where bars are drawn; None makes a
            figure.

        artist_kwargs : dict, default=None
            Passed to ``Axes.imshow`` for images, else to ``Axes.barh``.

        Returns
        -------
        display : DictionaryDisplay

        Raises
        ------
        ValueError
            If `image_shape` does not fit the number of features.
        TypeError
            If the coder has no atoms to look at.
        NotFittedError
            If the coder is not fitted.
        ImportError
            If matplotlib is not installed.
        """
        positive = Interval(Integral, 1, None, closed="left")
        validate_parameter_constraints(
            {"max_atoms": [positive, None], "n_entries": [positive]},
            {"max_atoms": max_atoms, "n_entries": n_entries},
            caller_name=f"{cls.__name__}.from_estimator",
        )
        front, last = split_pipeline(coder)
        components = _atoms_of(last)
        n_features = components.shape[1]
        if image_shape is None:
            image_shape = getattr(last, "patch_shape_", None)
        if image_shape is not None and (
            np.shape(image_shape) not in [(2,), (3,)]
            or np.prod(image_shape) != n_features
            or tuple(image_shape[2:]) not in [(), (1,), (3,)]
        ):
            raise ValueError(
                f"image_shape={image_shape!r} must be a height, a width, and 1 or 3 "
                "channels if there are more than one, whose product is the number of "
                f"entries of an atom, {n_features}."
            )
        order, use = np.arange(len(components)), None
        if X is not None:
            rows = X if front is None else front.transform(X)
            use = _use(last, rows, len(components))
            order = np.argsort(-use, kind="stable")
        if max_atoms is None:
            max_atoms = _MOST_BARS if image_shape is None else _MOST_IMAGES
        atoms = order[:max_atoms]
        display = cls(
            components=components[atoms],
            atoms=atoms,
            n_atoms=len(components),
            feature_names=[str(name) for name in input_names(front, last)],
            use=None if use is None else use[atoms],
            image_shape=image_shape,
        )
        return display.plot(ax, n_entries=n_entries, artist_kwargs=artist_kwargs)


def _atoms_of(coder):
    components = getattr(coder, "components_", None)
    if components is None or issparse(components):
        raise TypeError(
            f"{coder!r} has no atoms to look at: it needs components_, an array. "
            "Pass a SparseCoder with a dictionary other than 'identity'."
        )
    return components


def _use(coder, X, n_atoms):
    """Return the share of the rows that use each atom, in any cell of a grid."""
    codes = coder.transform(X)
    rows, columns = codes.nonzero()
    pairs = np.unique(rows * np.int64(n_atoms) + columns % n_atoms)
    return np.bincount(pairs % n_atoms, minlength=n_atoms) / codes.shape[0]
