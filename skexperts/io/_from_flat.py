"""Read a fitted model from arrays and text."""

import warnings
from pathlib import Path

import numpy as np
from sklearn.base import BaseEstimator

from skexperts.ensemble._base import BasePartitionedExperts
from skexperts.ensemble._gated_base import BaseGatedExperts
from skexperts.io._checks import check_part
from skexperts.io._flat_file import unpack
from skexperts.io._tree import Reader


def from_flat(file):
    """Read a fitted model that :func:`~skexperts.io.to_flat` has written.

    No code of the file is run: it can name classes of a fixed list only, and set
    nothing but their parameters and what their ``fit`` sets. Digest, shapes, places and
    numbers are checked before anything is computed with them.

    Parameters
    ----------
    file : str or path

    Returns
    -------
    model : fitted estimator
        Of the class that was written, with its parameters and all fitted attributes: it
        can be scored, asked for its routing, pruned, and fitted again.

    Raises
    ------
    ValueError
        If the file is damaged, no flat model, or of another version of the format; the
        message says which.
    OSError
        If the file cannot be read.

    Warns
    -----
    InconsistentVersionWarning
        If parts of the model were fitted by another version of scikit-learn.

    See Also
    --------
    to_flat : Write the file.

    Notes
    -----
    Whoever can write the file decides what the model predicts. Read files of people
    whose predictions you would believe.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from skexperts import L1SVC
    >>> from skexperts.io import from_flat, to_flat
    >>> model = L1SVC().fit([[-1.0], [1.0]], ["no", "yes"])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     to_flat(model, Path(folder) / "model.npz")
    ...     from_flat(Path(folder) / "model.npz").predict([[2.0]])
    array(['yes'], dtype='<U3')
    """
    data = Path(file).read_bytes()
    try:
        tree, blocks = unpack(data)
        if not all(
            np.isfinite(each).all() for each in blocks if each.dtype.kind == "f"
        ):
            raise ValueError("it has numbers that are NaN or infinite")
        return _model(tree, blocks)
    except ValueError as error:
        raise ValueError(f"{file} cannot be loaded: {error}.") from error


def _model(tree, blocks):
    try:
        model = Reader(blocks, check_part).value(tree)
        if not isinstance(model, BaseEstimator):
            raise ValueError("it holds no estimator")
        _try(model)
    # Parts that do not go together raise errors of many kinds.
    except Exception as error:
        raise ValueError(f"it is inconsistent ({error})") from error
    return model


def _try(model):
    """Predict for one row, so that what does not go together fails here."""
    ensemble = isinstance(model, BasePartitionedExperts | BaseGatedExperts)
    if ensemble and not hasattr(model, "feature_names_in_"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.predict(np.zeros((1, model.n_features_in_)))
