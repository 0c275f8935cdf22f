"""The transformer from images to pooled sparse codes of their patches."""

import warnings
from numbers import Integral, Real

import numpy as np
from sklearn.utils import check_random_state

from skexperts._sklearn import Interval, StrOptions, fit_context
from skexperts._threads import one_blas_thread
from skexperts._validation import (
    all_or_nothing,
    drop_weightless,
    validate_fit,
    validate_sample_weight,
)
from skexperts._warnings import users_stacklevel
from skexperts.decomposition._draw_patches import (
    draw_patches,
    n_distinct,
    prepare_patches,
)
from skexperts.decomposition._encode_patches import Pooling
from skexperts.decomposition._image_geometry import check_grid, geometry_of, pair
from skexperts.decomposition._patch_base import BasePatchCoder
from skexperts.decomposition._sparse_coder import SparseCoder

_OF_CODER = (
    *("n_components", "method", "alpha", "l1_ratio", "n_nonzero_coefs", "dictionary"),
    *("positive", "tol", "max_iter"),
)
_COUNT_OR_PAIR = [Interval(Integral, 1, None, closed="left"), "array-like"]


def _dtypes_of(X):
    """Types that images may have; others become the first."""
    # Of lists and frames of polars, validation knows no type.
    given = X.dtype if hasattr(X, "dtype") else np.asarray(X).dtype
    # Pixels of one byte are exact in single precision.
    single = given in (np.uint8, np.float32)
    return [np.float32, np.float64] if single else [np.float64, np.float32]


class PatchSparseCoder(BasePatchCoder):
    r"""Code images by the sparse codes of their patches, pooled over a grid.

    Each row of X is an image. All its patches are coded as a
    :class:`~skexperts.decomposition.SparseCoder` codes rows, and the codes
    :math:`z_p` of the patches :math:`p` of a cell :math:`c` of a grid are pooled:

    .. math::

        f_{ck}^+ = \sum_{p \in c} \max(z_{pk}, 0), \qquad
        f_{ck}^- = \sum_{p \in c} \max(-z_{pk}, 0)

    A linear model of these features is a strong classifier of images [1]_.

    Before it is coded, a patch :math:`x` of mean :math:`m` and variance :math:`v`
    becomes

    .. math::

        W \frac{x - m}{\sqrt{v + \epsilon_c \bar v}}, \qquad
        W = (M + \epsilon_w \tfrac1d \mathrm{tr}(M) I)^{-1/2}

    Its contrast is normalised, with :math:`\bar v` the mean variance of the training
    patches, and it is whitened, with :math:`M` the second moments of the normalised
    training patches, of :math:`d` entries. So it makes no difference whether pixels
    are in [0, 1] or in [0, 255].

    Parameters
    ----------
    n_components : int, default=200
        Number of atoms. Ignored if `dictionary` is an array.

    image_shape : tuple of 2 or 3 int, default=None
        Height and width of the images, and the number of channels if there are more
        than one: pixels come row by row, each with all its channels. None stands for
        square images of one channel, and if the number of features is no square, for
        images of one row of pixels.

    patch_shape : int or tuple of (int, int), default=(6, 6)
        Height and width of the patches.

    stride : int or tuple of (int, int), default=1
        Steps from patch to patch, down and to the right. Pixels between patches, and
        those at the end that no patch gets to, are not seen.

    contrast_eps : float, default=0.1
        What is added to the variance of a patch, as a part of the mean variance of the
        training patches that are not constant. None leaves patches as they are, with
        their means.

    whiten_eps : float, default=1.0
        What is added to the eigenvalues of the second moments of patches, as a part of
        their mean. None does not whiten.

    dictionary : {"kmeans", "learn", "sample"} or array, default="kmeans"
        Where the atoms come from, as in :class:`~skexperts.decomposition.SparseCoder`;
        the rows are training patches, normalised and whitened. An array has shape
        (n_components, height * width * channels of a patch).

    n_patches : int, default=50000
        Largest number of training patches, drawn at random from all images.

    method : {"threshold", "lasso", "elastic_net", "omp"}, default="threshold"
        How a patch is coded, as in :class:`~skexperts.decomposition.SparseCoder`. The
        soft threshold is by far the fastest.

    alpha : float or "auto", default=0.5
        Weight of the penalty, or threshold. Atoms of k-means have norm 1, and a
        whitened patch has a squared norm of about the number of its entries. ``"auto"``
        finds the value at which the training patches have `n_nonzero_coefs` non-zeros
        in the mean.

    l1_ratio : float, default=0.5
        Share of the l1 norm in the penalty of ``"elastic_net"``, in (0, 1].

    n_nonzero_coefs : int, default=None
        Largest number of atoms per patch of ``"omp"``, and the mean number that
        ``alpha="auto"`` aims at; None means a tenth of the entries of a patch, at least
        1.

    positive : bool, default=False
        Whether codes must be non-negative.

    tol : float, default=1e-4
        Precision of the code of a patch.

    max_iter : int, default=1000
        Largest number of steps per patch.

    sign_split : bool, default=True
        Whether the parts of codes above and below zero are features of their own, as
        linear models want it. If `positive` there are none below.

    pool_grid : int or tuple of (int, int), default=(2, 2)
        Cells in a column and in a row. None does not pool: the codes of all patches of
        an image are its features.

    pooling : {"sum", "average", "max"}, default="sum"
        What a feature is of the codes in its cell. Without `sign_split`, ``"max"`` is
        the code of largest absolute value.

    batch_size : int, default=64
        Number of images that a thread codes at a time. It has no part in the model, and
        may be changed after fit.

    n_jobs : int, default=None
        Number of batches that `transform` codes in parallel, in threads. The codes do
        not depend on it. It may be changed after fit.

    random_state : int, RandomState instance or None, default=None
        Seed of the training patches and of the dictionary.

    sparse_output : bool, default=False
        Whether `transform` returns CSR.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, patch_size)
        The atoms, in the space of normalised and whitened patches.

    whitening_ : ndarray of shape (patch_size, patch_size)
        The matrix :math:`W`, or None.

    contrast_floor_ : float
        What is added to the variance of a patch, :math:`\epsilon_c \bar v`, or None.

    coder_ : SparseCoder
        The coder of patches, fitted on the training patches.

    n_iter_ : int
        Passes over the training patches that made the dictionary.

    image_shape_ : tuple of (int, int, int)
        Height, width and channels of the images.

    patch_shape_ : tuple of (int, int, int)
        Height, width and channels of the patches.

    n_features_in_ : int
        Number of features seen during fit.

    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if X had any.

    Raises
    ------
    ValueError
        If `image_shape` has another number of entries than the rows of X, if a patch
        does not fit into an image, if `pool_grid` has more cells than there are
        patches, or if the training patches are constant, or have fewer distinct ones
        than the atoms that ``"kmeans"`` and ``"sample"`` make of them.

    See Also
    --------
    SparseCoder : Codes rows as a whole.
    skexperts.inspection.DictionaryDisplay : Draws the atoms.

    Notes
    -----
    Constant patches are zero once their contrast is normalised, and code 0. Images of
    bytes (uint8) are coded in float32. Sparse X is made dense batch by batch.
    `transform` holds the rows it returns, and per thread one batch of images with their
    features and, at a time, the patches of one image (256 of them for
    ``"threshold"``).

    All parameters but `batch_size` and `n_jobs` are read by `fit`.

    References
    ----------
    .. [1] A. Coates, A. Y. Ng and H. Lee, "An analysis of single-layer networks in
       unsupervised feature learning", AISTATS 2011.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.linear_model import RidgeClassifier
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skexperts.decomposition import PatchSparseCoder
    >>> X, y = load_digits(return_X_y=True)
    >>> coder = PatchSparseCoder(50, patch_shape=(4, 4), random_state=0).fit(X)
    >>> coder.transform(X).shape
    (1797, 400)
    >>> model = make_pipeline(coder, StandardScaler(), RidgeClassifier(alpha=100))
    >>> bool(model.fit(X[:900], y[:900]).score(X[900:], y[900:]) > 0.95)
    True
    """

    _parameter_constraints: dict = {
        **SparseCoder._parameter_constraints,
        "image_shape": ["array-like", None],
        "patch_shape": _COUNT_OR_PAIR,
        "stride": _COUNT_OR_PAIR,
        "contrast_eps": [Interval(Real, 0, None, closed="neither"), None],
        "whiten_eps": [Interval(Real, 0, None, closed="neither"), None],
        "dictionary": [StrOptions({"kmeans", "learn", "sample"}), "array-like"],
        "n_patches": [Interval(Integral, 1, None, closed="left")],
        "sign_split": ["boolean"],
        "pool_grid": [*_COUNT_OR_PAIR, None],
        "pooling": [StrOptions({"sum", "average", "max"})],
    }

    def __init__(
        self,
        n_components=200,
        *,
        image_shape=None,
        patch_shape=(6, 6),
        stride=1,
        contrast_eps=0.1,
        whiten_eps=1.0,
        dictionary="kmeans",
        n_patches=50_000,
        method="threshold",
        alpha=0.5,
        l1_ratio=0.5,
        n_nonzero_coefs=None,
        positive=False,
        tol=1e-4,
        max_iter=1000,
        sign_split=True,
        pool_grid=(2, 2),
        pooling="sum",
        batch_size=64,
        n_jobs=None,
        random_state=None,
        sparse_output=False,
    ):
        self.n_components = n_components
        self.image_shape = image_shape
        self.patch_shape = patch_shape
        self.stride = stride
        self.contrast_eps = contrast_eps
        self.whiten_eps = whiten_eps
        self.dictionary = dictionary
        self.n_patches = n_patches
        self.method = method
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.n_nonzero_coefs = n_nonzero_coefs
        self.positive = positive
        self.tol = tol
        self.max_iter = max_iter
        self.sign_split = sign_split
        self.pool_grid = pool_grid
        self.pooling = pooling
        self.batch_size = batch_size
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.sparse_output = sparse_output

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None, sample_weight=None) -> "PatchSparseCoder":
        """Draw patches, and make the dictionary of them.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_images, n_features)
            Training images.
        y : Ignored
            Not used.
        sample_weight : array-like of shape (n_images,), default=None
            Non-negative weights of the images: of their patches in the mean contrast,
            the whitening, learning and k-means. Patches are drawn alike from all images
            of positive weight.

        Returns
        -------
        self : PatchSparseCoder
        """
        with all_or_nothing(self):
            X = validate_fit(self, X, dtype=_dtypes_of(X))
            weights = validate_sample_weight(sample_weight, X)
            weights, X = drop_weightless(weights, X)
            geometry = geometry_of(
                X.shape[1],
                image_shape=self.image_shape,
                patch_shape=self.patch_shape,
                stride=self.stride,
            )
            pooling = self._pooling(geometry)
            rng = check_random_state(self.random_state)
            with one_blas_thread():
                drawn, images = draw_patches(X, geometry, self.n_patches, rng)
                patches, weights, self.contrast_floor_, self.whitening_ = (
                    prepare_patches(
                        drawn,
                        None if weights is None else weights[images],
                        contrast_eps=self.contrast_eps,
                        whiten_eps=self.whiten_eps,
                    )
                )
            self._check_enough(patches, len(drawn), X.shape[0])
            self.coder_ = SparseCoder(
                **{name: getattr(self, name) for name in _OF_CODER},
                random_state=rng.randint(np.iinfo(np.int32).max),
            ).fit(patches, sample_weight=weights)
            self._warn_of_zeros()
            self.components_ = self.coder_.components_
            self.n_iter_ = self.coder_.n_iter_
            self.image_shape_ = geometry.image_shape
            self.patch_shape_ = (*geometry.patch_shape, geometry.image_shape[2])
            self._geometry, self._pooled = geometry, pooling
            self._sparse_codes = self.sparse_output
        return self

    def _pooling(self, geometry):
        grid = self.pool_grid
        if grid is not None:
            grid = pair(grid, "pool_grid", "cells in a column, in a row")
        check_grid(grid, geometry)
        split = self.sign_split and not self.positive
        return Pooling(grid, self.pooling, 2 if split else 1)

    def _warn_of_zeros(self):
        coder = self.coder_
        if coder.alpha_ >= coder.max_useful_alpha_:
            warnings.warn(
                f"all codes of the training patches are zero: alpha={coder.alpha_:g}, "
                "but the largest useful alpha for them is "
                f"{coder.max_useful_alpha_:.6g}.",
                UserWarning,
                stacklevel=users_stacklevel(),
            )

    def _check_enough(self, patches, n_drawn, n_images):
        makes = isinstance(self.dictionary, str) and self.dictionary != "learn"
        wanted = self.n_components if makes else 1
        found = n_distinct(patches, wanted)
        if found < wanted:
            kind = "zero" if self.contrast_eps is None else "constant"
            name = (
                repr(self.dictionary) if isinstance(self.dictionary, str) else "array"
            )
            raise ValueError(
                f"dictionary={name} needs {wanted} different patches that "
                f"are not {kind}, but of {n_drawn} patches of X with "
                f"n_samples={n_images} only {found} are: lower n_components, raise "
                "n_patches, or give more images."
            )
