"""The SMS Spam Collection, bundled with the package."""

import numpy as np
from sklearn.utils import Bunch

from skexperts.datasets._bundled import read_texts, text_bunch


def load_sms_spam(*, return_X_y=False, as_frame=False) -> Bunch | tuple:
    """Load the SMS Spam Collection (classification of texts).

    Tell spam from other text messages in English. The data come with the package;
    nothing is downloaded. There is no usual split.

    =================  ============================
    Classes            2
    Rows per class     4827 (ham), 747 (spam)
    Rows               5574
    Words in a text    1 to 171, 16 on average
    =================  ============================

    Parameters
    ----------
    return_X_y : bool, default=False
        If True, return ``(data, target)`` instead of a Bunch.
    as_frame : bool, default=False
        If True, `data` and `target` are pandas Series, and `frame` is filled. Needs
        pandas.

    Returns
    -------
    sms : :class:`~sklearn.utils.Bunch`
        With the attributes

        data : ndarray of shape (5574,) of str objects, or Series
            The messages.
        target : ndarray of shape (5574,) of str, or Series
            ``"ham"`` or ``"spam"``.
        target_names : ndarray of shape (2,) of str
            The two in order.
        frame : DataFrame of shape (5574, 2) or None
            Columns ``text`` and ``target``, if `as_frame` is True.
        DESCR : str
            Description, source and licence, in reStructuredText.

    (data, target) : tuple, if `return_X_y` is True

    Raises
    ------
    ImportError
        If `as_frame` is True and pandas is not installed.

    References
    ----------
    .. [1] Almeida, T. and Hidalgo, J. (2011). SMS Spam Collection [Dataset]. UCI
       Machine Learning Repository. https://doi.org/10.24432/C5CC84. Licence: CC BY 4.0.
    .. [2] Almeida, T. A., Gomez Hidalgo, J. M. and Yamakami, A. (2011). Contributions
       to the study of SMS spam filtering: new collection and results. Proceedings of
       the 11th ACM Symposium on Document Engineering.

    Examples
    --------
    >>> from skexperts.datasets import load_sms_spam
    >>> sms = load_sms_spam()
    >>> sms.data[1], sms.target[1]
    ('Ok lar... Joking wif u oni...', np.str_('ham'))
    """
    target, texts = read_texts("sms_spam")
    return text_bunch(
        "sms_spam",
        texts,
        target,
        np.array(["ham", "spam"]),
        return_X_y=return_X_y,
        as_frame=as_frame,
        loader="load_sms_spam",
    )
