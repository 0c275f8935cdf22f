"""Spoken digits, bundled with the package."""

import numpy as np
from sklearn.utils import Bunch

from skexperts.datasets._bundled import (
    import_pandas,
    read_arrays,
    read_description,
    rows_of,
)

_N_TRAIN = 2700
_N_FRAMES, _N_BANDS = 12, 16
_FEATURE_NAMES = [
    f"frame{frame}_band{band}" for frame in range(_N_FRAMES) for band in range(_N_BANDS)
]
_SPEAKERS = ["george", "jackson", "lucas", "nicolas", "theo", "yweweler"]


def load_spoken_digits(
    *, subset="all", return_X_y=False, as_frame=False
) -> Bunch | tuple:
    """Load small spectrograms of spoken digits (classification).

    Tell the digits 0 to 9 apart, spoken in English by six people, by the loudness in 16
    bands of frequency at 12 times. Each speaker is a region of their own: leave one out
    by ``LeaveOneGroupOut`` with ``groups=speaker`` to see what new voices are worth.
    Derived from the Free Spoken Digit Dataset [1]_. The data come with the package;
    nothing is downloaded.

    =================  ===============================
    Classes            10
    Rows per class     300, 50 of each speaker
    Rows               3000
    Features           192: 12 frames of 16 bands
    Values             integers, 0 (soft) to 255
    =================  ===============================

    The data are licensed under CC BY-SA 4.0: what you derive from them must be shared
    alike. This is a condition of the data, not of the code of this package.

    Parameters
    ----------
    subset : {"all", "train", "test"}, default="all"
        The official split by the number of the recording, with all speakers in both:
        2700 rows (5 to 49) are ``"train"``, 300 rows (0 to 4) are ``"test"``.
    return_X_y : bool, default=False
        If True, return ``(data, target)`` instead of a Bunch.
    as_frame : bool, default=False
        If True, `data` is a pandas DataFrame, `target` and `speaker` are pandas Series,
        and `frame` is filled. Needs pandas.

    Returns
    -------
    digits : :class:`~sklearn.utils.Bunch`
        With the attributes

        data : ndarray of shape (n_samples, 192), float64, or DataFrame
            The spectrograms, frame by frame: ``data.reshape(-1, *image_shape)``.
        target : ndarray of shape (n_samples,) of int, or Series
            The digits.
        speaker : ndarray of shape (n_samples,) of str, or Series
            Who spoke.
        image_shape : tuple
            ``(12, 16)``, the numbers of frames and of bands.
        feature_names : list of str
            ``"frame0_band0"`` to ``"frame11_band15"``.
        target_names : ndarray of shape (10,) of int
            The digits in order.
        frame : DataFrame of shape (n_samples, 194) or None
            Features, ``speaker`` and ``target`` in one frame, if `as_frame` is True.
        DESCR : str
            Description, derivation, source and licence, in reStructuredText.

    (data, target) : tuple, if `return_X_y` is True

    Raises
    ------
    ValueError
        If `subset` is not one of the three.
    ImportError
        If `as_frame` is True and pandas is not installed.

    References
    ----------
    .. [1] Jackson, Z. and contributors. Free Spoken Digit Dataset.
       https://github.com/Jakobovski/free-spoken-digit-dataset. Licence: CC BY-SA 4.0.

    Examples
    --------
    >>> from skexperts.datasets import load_spoken_digits
    >>> digits = load_spoken_digits(subset="train")
    >>> digits.data.reshape(-1, *digits.image_shape).shape
    (2700, 12, 16)
    >>> sorted(set(digits.speaker.tolist()))
    ['george', 'jackson', 'lucas', 'nicolas', 'theo', 'yweweler']
    """
    rows = rows_of(subset, _N_TRAIN, loader="load_spoken_digits")
    arrays = read_arrays("spoken_digits")
    data = arrays["data"][rows].astype(np.float64)
    target = arrays["target"][rows].astype(np.int64)
    speaker, frame = np.array(_SPEAKERS)[arrays["speaker"][rows]], None
    if as_frame:
        pd = import_pandas(loader="load_spoken_digits")
        frame = pd.DataFrame(data, columns=_FEATURE_NAMES)
        frame = frame.assign(speaker=speaker, target=target)
        data, speaker, target = frame[_FEATURE_NAMES], frame["speaker"], frame["target"]
    if return_X_y:
        return data, target
    return Bunch(
        data=data,
        target=target,
        speaker=speaker,
        image_shape=(_N_FRAMES, _N_BANDS),
        feature_names=list(_FEATURE_NAMES),
        target_names=np.arange(10),
        frame=frame,
        DESCR=read_description("spoken_digits"),
    )
