"""Write a fitted model as arrays and text."""

from pathlib import Path

from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from skexperts.io._flat_file import pack
from skexperts.io._tree import Writer


def to_flat(model, file):
    """Write a fitted model to a file of arrays and text, which holds no code.

    :func:`~skexperts.io.from_flat` reads it, with the same predictions bit for bit.

    Parameters
    ----------
    model : fitted estimator
        Any of this package but ``TreePartitioner`` and ``SegmentVectorizer``, and
        pipelines of them with ``StandardScaler``, ``MinMaxScaler`` and
        ``MaxAbsScaler``. Experts and what is combined are these, or
        ``LogisticRegression``, ``Ridge``, ``Lasso``, ``ElasticNet``,
        ``LinearRegression``, ``LinearSVC``, ``LinearSVR``. Partitioners are also
        ``KMeans``, ``MiniBatchKMeans``, ``GaussianMixture`` and ``DBSCAN``.

    file : str or path
        Replaced if it is there.

    Raises
    ------
    TypeError
        For an attribute of another kind, whose path in the model is named: other
        estimators, functions, generators, splitters. No file is written.
    ValueError
        If an array has NaN or infinity, or the model is not fitted.

    See Also
    --------
    from_flat : Read the file.

    Notes
    -----
    The file is an uncompressed npz archive, with a description of the model in JSON and
    one array for all numbers of a type. It has the versions of the format, of
    skexperts, scikit-learn, numpy and scipy, and the sha256 of the content: that shows
    damage, but whoever changes the file can change the digest, too.

    A stream (``partial_fit`` of ``GatedExperts*``) goes on with its coefficients and
    begins its moments anew.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from sklearn.datasets import load_iris
    >>> from skexperts import PartitionedExpertsClassifier
    >>> from skexperts.io import from_flat, to_flat
    >>> X, y = load_iris(return_X_y=True)
    >>> model = PartitionedExpertsClassifier(n_experts=2, random_state=0).fit(X, y)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     to_flat(model, Path(folder) / "model.npz")
    ...     again = from_flat(Path(folder) / "model.npz")
    >>> bool((again.predict(X) == model.predict(X)).all())
    True
    """
    if not isinstance(model, BaseEstimator):
        raise TypeError(f"model={model!r} is no estimator. Pass a fitted one.")
    check_is_fitted(model)
    writer = Writer()
    tree = writer.node(model, type(model).__name__)
    Path(file).write_bytes(pack(tree, writer.blocks()))
