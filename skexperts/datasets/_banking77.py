"""BANKING77, bundled with the package."""

import numpy as np
from sklearn.utils import Bunch

from skexperts.datasets._bundled import read_texts, rows_of, text_bunch

_N_TRAIN = 10_003


def load_banking77(*, subset="all", return_X_y=False, as_frame=False) -> Bunch | tuple:
    """Load BANKING77 (classification of texts).

    Tell what a customer wants who writes to an online bank, in English: one of 77
    intents, many of them alike. The data come with the package; nothing is downloaded.

    =================  ============================
    Classes            77
    Rows per class     75 to 227
    Rows               13083
    Words in a text    2 to 79, 12 on average
    =================  ============================

    Parameters
    ----------
    subset : {"all", "train", "test"}, default="all"
        The official split: 10003 rows, 35 to 187 a class, are ``"train"``; 3080 rows,
        40 a class, are ``"test"``.
    return_X_y : bool, default=False
        If True, return ``(data, target)`` instead of a Bunch.
    as_frame : bool, default=False
        If True, `data` and `target` are pandas Series, and `frame` is filled. Needs
        pandas.

    Returns
    -------
    banking : :class:`~sklearn.utils.Bunch`
        With the attributes

        data : ndarray of shape (n_samples,) of str objects, or Series
            The messages.
        target : ndarray of shape (n_samples,) of str, or Series
            The intents, such as ``"card_arrival"``.
        target_names : ndarray of shape (77,) of str
            The intents in order.
        frame : DataFrame of shape (n_samples, 2) or None
            Columns ``text`` and ``target``, if `as_frame` is True.
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
    .. [1] Casanueva, I., Temcinas, T., Gerz, D., Henderson, M. and Vulic, I. (2020).
       Efficient intent detection with dual sentence encoders. Proceedings of the 2nd
       Workshop on NLP for ConvAI. https://arxiv.org/abs/2003.04807. Licence of the
       data: CC BY 4.0.

    Examples
    --------
    >>> from skexperts.datasets import load_banking77
    >>> X_train, y_train = load_banking77(subset="train", return_X_y=True)
    >>> X_test, y_test = load_banking77(subset="test", return_X_y=True)
    >>> len(X_train), len(X_test)
    (10003, 3080)
    >>> X_train[0], y_train[0]
    ('I am still waiting on my card?', np.str_('card_arrival'))
    """
    rows = rows_of(subset, _N_TRAIN, loader="load_banking77")
    target, texts = read_texts("banking77")
    return text_bunch(
        "banking77",
        texts[rows],
        target[rows],
        np.unique(target),
        return_X_y=return_X_y,
        as_frame=as_frame,
        loader="load_banking77",
    )
