"""The file of a flat model: uncompressed npz of a head, a tree, and blocks of numbers.

``head``   bytes: JSON of the format, its version, the versions of packages
``tree``   bytes: JSON, see ``_tree.py``
``0``, …   blocks of numbers, one for each type
``sha256`` bytes: the digest of all entries before
"""

import json
import zipfile
from hashlib import sha256
from io import BytesIO

import numpy as np
import scipy
import sklearn

import skexperts

_NAME, _VERSION = "skexperts flat model", 1


def pack(tree, blocks) -> bytes:
    """Return the file of a tree and its blocks."""
    head = {
        "format": _NAME,
        "version": _VERSION,
        "skexperts": skexperts.__version__,
        "scikit-learn": sklearn.__version__,
        "numpy": np.__version__,
        "scipy": scipy.__version__,
    }
    entries = {"head": _as_bytes(head), "tree": _as_bytes(tree)}
    entries |= {str(i): block for i, block in enumerate(blocks)}
    entries["sha256"] = np.frombuffer(_digest(entries), dtype=np.uint8)
    file = BytesIO()
    np.savez(file, **entries)
    return file.getvalue()


def unpack(data: bytes):
    """Return the tree and the blocks of a file.

    Raises
    ------
    ValueError
        If it is none, of another version of the format, or damaged.
    """
    try:
        entries = _read(data)
        head = json.loads(entries["head"].tobytes())
        known = head["format"] == _NAME
        version, writer = head["version"], head["skexperts"]
    # A damaged archive raises errors of many kinds: of zip files, numpy, JSON.
    except Exception as error:
        raise ValueError(f"it is damaged, or no flat model at all ({error})") from error
    if not known:
        raise ValueError("it is no flat model")
    if version != _VERSION:
        raise ValueError(
            f"it has version {version!r} of the format, written by skexperts "
            f"{writer!r}; this is skexperts {skexperts.__version__}, which reads "
            f"version {_VERSION}. Write the model anew by to_flat of this version"
        )
    digest = entries.pop("sha256").tobytes() if "sha256" in entries else b""
    if _digest(entries) != digest:
        raise ValueError("it is damaged: its content does not have the sha256 it says")
    try:
        tree = json.loads(entries["tree"].tobytes())
        return tree, [entries[str(i)] for i in range(len(entries) - 2)]
    except (KeyError, ValueError, RecursionError) as error:
        raise ValueError(f"its tree cannot be read ({error})") from error


def _read(data):
    entries = {}
    with zipfile.ZipFile(BytesIO(data)) as archive:
        for info in archive.infolist():
            # So that no entry takes more memory than the file has.
            if info.compress_type != zipfile.ZIP_STORED or info.file_size > len(data):
                raise ValueError("an entry is compressed")
            array = np.lib.format.read_array(
                BytesIO(archive.read(info)), allow_pickle=False
            )
            if array.ndim != 1 or array.dtype.kind not in "biufUSMm":
                raise ValueError("an entry is no line of numbers")
            entries[info.filename.removesuffix(".npy")] = array
    return entries


def _as_bytes(tree):
    text = json.dumps(tree, separators=(",", ":"))
    return np.frombuffer(text.encode(), dtype=np.uint8)


def _digest(entries):
    total = sha256()
    for name in sorted(entries):
        array = entries[name]
        total.update(f"{name} {array.dtype.str} {array.size}\n".encode())
        total.update(array.tobytes())
    return total.digest()
