r"""The bytes of one fitted expert in a file.

``skexperts expert 1\n``, the SHA-256 of the rest in hexadecimal digits and ``\n``, a
header in one line of JSON, then the content. If arrays, numbers and texts are all that
``fit`` has set, as for linear models, the content is these arrays in the format of
``numpy.save``, and reading runs no code. Otherwise it is a pickle.
"""

import io
import json
import pickle
from hashlib import sha256

import numpy as np
from sklearn.base import BaseEstimator

from skexperts.ensemble._cell import CellFit

_MAGIC = b"skexperts expert 1\n"
_PLAIN = bool, int, float, str, type(None)
_HOOKS = "__getstate__", "__setstate__", "__reduce__", "__reduce_ex__"


def encode(fit, key, unfitted, versions):
    """Return the bytes of a CellFit.

    Parameters
    ----------
    fit : CellFit
    key : str
        By which it is to be found.
    unfitted : estimator
        The expert before it was fitted.
    versions : dict
        Of libraries, for those who read the header.
    """
    content = io.BytesIO()
    attributes = None
    if type(fit.expert) is type(unfitted) and _is_plain(unfitted):
        attributes = _write_attributes(fit.expert, unfitted, content)
    if attributes is None:
        content = io.BytesIO(pickle.dumps(fit.expert))
    header = {
        "key": key,
        "state": fit.state,
        "n_classes": fit.n_classes,
        "seconds": fit.seconds,
        "attributes": attributes,
        "versions": versions,
    }
    body = json.dumps(header).encode() + b"\n" + content.getvalue()
    return _MAGIC + sha256(body).hexdigest().encode() + b"\n" + body


def decode(content, key, unfitted):
    """Return the CellFit of some bytes; ``unfitted`` becomes its expert if it can.

    Raises
    ------
    ValueError
        If a bit is not as it was written, or the key is another one.
    """
    magic, checksum, body = (content.split(b"\n", 2) + [b""] * 2)[:3]
    if magic + b"\n" != _MAGIC or checksum != sha256(body).hexdigest().encode():
        raise ValueError("damaged")
    line, rest = body.split(b"\n", 1)
    header = json.loads(line)
    if header["key"] != key:
        raise ValueError("the file of something else")
    if header["attributes"] is None:
        expert = pickle.loads(rest)
    else:
        expert, file = unfitted, io.BytesIO(rest)
        for name, (kind, value) in header["attributes"].items():
            vars(expert)[name] = _read_value(kind, value, file)
    return CellFit(expert, header["state"], header["n_classes"], header["seconds"])


def _is_plain(unfitted):
    """Whether an estimator is its attributes, and fit leaves the parameters alone."""
    kind = type(unfitted)
    return (
        all(getattr(kind, h) == getattr(BaseEstimator, h, None) for h in _HOOKS)
        and not any("__slots__" in vars(base) for base in kind.__mro__[:-1])
        and all(_is_value(v) for v in vars(unfitted).values())
    )


def _is_value(value):
    if isinstance(value, dict):
        return all(map(_is_value, value.values()))
    if isinstance(value, list | tuple):
        return all(map(_is_value, value))
    return isinstance(value, _PLAIN)


def _write_attributes(expert, unfitted, file):
    """Return name -> (kind, value) of what fit has set, None if a pickle must do."""
    attributes, before = {}, vars(unfitted)
    for name, value in vars(expert).items():
        if name in before:
            if type(value) is not type(before[name]) or value != before[name]:
                return None
            continue
        if type(value) in _PLAIN:
            attributes[name] = "value", value
        elif _is_texts(value):
            attributes[name] = "texts", value.tolist()
        elif type(value) is np.ndarray and not value.dtype.hasobject:
            attributes[name] = "array", None
            np.save(file, value, allow_pickle=False)
        elif isinstance(value, np.generic) and not value.dtype.hasobject:
            attributes[name] = "scalar", None
            np.save(file, value, allow_pickle=False)
        else:
            return None
    return attributes


def _is_texts(value):
    """Whether it is a vector of Python strings: names of columns, or classes."""
    return (
        type(value) is np.ndarray
        and value.dtype == object
        and value.ndim == 1
        and all(type(one) is str for one in value)
    )


def _read_value(kind, value, file):
    if kind == "value":
        return value
    if kind == "texts":
        return np.array(value, dtype=object)
    array = np.load(file, allow_pickle=False)
    return array[()] if kind == "scalar" else array
