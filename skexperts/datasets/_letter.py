"""UCI letter recognition, bundled with the package."""

from string import ascii_uppercase

import numpy as np
from sklearn.utils import Bunch

from skexperts.datasets._bundled import (
    import_pandas,
    read_arrays,
    read_description,
    rows_of,
)

_N_TRAIN = 16_000
_FEATURE_NAMES = [
    "x-box",
    "y-box",
    "width",
    "high",
    "onpix",
    "x-bar",
    "y-bar",
    "x2bar",
    "y2bar",
    "xybar",
    "x2ybr",
    "xy2br",
    "x-ege",
    "xegvy",
    "y-ege",
    "yegvx",
]


def load_letter(*, subset="all", return_X_y=False, as_frame=False) -> Bunch | tuple:
    """Load the UCI letter recognition data (classification).

    Tell the 26 capital letters apart by 16 integer features, 0 to 15, of
    black-and-white images of letters in 20 fonts, randomly distorted. No linear model
    does well on all rows and many local ones do. The data come with the package;
    nothing is downloaded.

    =================  ===================
    Classes            26
    Rows per class     734 to 813
    Rows               20000
    Features           16
    Values             integers, 0 to 15
    =================  ===================

    Parameters
    ----------
    subset : {"all", "train", "test"}, default="all"
        The usual split follows the order of the file: the first 16000 rows are
        ``"train"``, the last 4000 are ``"test"``.
    return_X_y : bool, default=False
        If True, return ``(data, target)`` instead of a Bunch.
    as_frame : bool, default=False
        If True, `data` is a pandas DataFrame, `target` a pandas Series, and `frame` is
        filled. Needs pandas.

    Returns
    -------
    letter : :class:`~sklearn.utils.Bunch`
        With the attributes

        data : ndarray of shape (n_samples, 16), float64, or DataFrame
            The features, C-ordered.
        target : ndarray of shape (n_samples,) of str, or Series
            The letters, ``"A"`` to ``"Z"``.
        feature_names : list of str
            The names of the features, as in the UCI description.
        target_names : ndarray of shape (26,) of str
            The letters in order.
        frame : DataFrame of shape (n_samples, 17) or None
            Features and ``target`` in one frame, if `as_frame` is True.
        DESCR : str
            Description, source and licence, in reStructuredText.

    (data, target) : tuple, if `return_X_y` is True

    Raises
    ------
    ValueError
        If `subset` is not one of the three.
    ImportError
        If `as_frame` is True and pandas is not installed.

    References
    ----------
    .. [1] Slate, D. (1991). Letter Recognition [Dataset]. UCI Machine Learning
       Repository. https://doi.org/10.24432/C5ZP40. Licence: CC BY 4.0.
    .. [2] Frey, P. W. and Slate, D. J. (1991). Letter recognition using Holland-style
       adaptive classifiers. Machine Learning, 6, 161-182.

    Examples
    --------
    >>> from skexperts.datasets import load_letter
    >>> letter = load_letter()
    >>> letter.data.shape
    (20000, 16)
    >>> letter.target[:5].tolist()
    ['T', 'I', 'D', 'N', 'G']
    >>> X_train, y_train = load_letter(subset="train", return_X_y=True)
    >>> X_test, y_test = load_letter(subset="test", return_X_y=True)
    >>> len(X_train), len(X_test)
    (16000, 4000)
    """
    rows = rows_of(subset, _N_TRAIN, loader="load_letter")
    arrays = read_arrays("letter")
    data = arrays["data"][rows].astype(np.float64)
    codes = arrays["target"][rows]

    target_names = np.array(list(ascii_uppercase))
    target, frame = target_names[codes], None
    if as_frame:
        pd = import_pandas(loader="load_letter")
        frame = pd.DataFrame(data, columns=_FEATURE_NAMES).assign(target=target)
        data, target = frame[_FEATURE_NAMES], frame["target"]
    if return_X_y:
        return data, target
    return Bunch(
        data=data,
        target=target,
        feature_names=list(_FEATURE_NAMES),
        target_names=target_names,
        frame=frame,
        DESCR=read_description("letter"),
    )
