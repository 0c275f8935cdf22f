"""A folder of fitted experts, from which a fit goes on.

An expert is kept under the digest of all that it depends on: the data of its cell, its
parameters, its seed, and the versions of the libraries. So there is nothing to be told
of the fit that it belongs to, and what has changed is not found and fitted again.
"""

import os
import sys
import tempfile
import time
import warnings
from contextlib import suppress
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from platform import python_version

import numpy as np
from scipy.sparse import issparse
from sklearn import get_config

from skexperts._parallel import object_digest
from skexperts.ensemble._checkpoint_format import decode, encode

_LIBRARIES = "numpy", "scikit-learn", "scipy", "skexperts"
# Of scikit-learn: they decide what a step of a pipeline hands to the next one.
_SETTINGS = "transform_output", "sparse_interface"
_SUFFIX, _UNFINISHED = ".expert", ".expert.tmp"
# A temporary file that is older belongs to a fit that was killed.
_HOURS = 1


def check_can_resume(random_state, sharing):
    """Refuse a checkpoint of which a second fit would find nothing."""
    if random_state is None:
        raise ValueError(
            "checkpoint= needs random_state: without it each fit draws other seeds, "
            "and finds nothing that another one has kept. Set it to a number."
        )
    if sharing is not None:
        raise ValueError(
            f"sharing={sharing!r} fits all experts in one problem, which leaves no "
            "experts to keep on the way. Use checkpoint=None."
        )


def open_checkpoint(folder, expert):
    """Return the checkpoint of a parameter, None for None."""
    return None if folder is None else Checkpoint(folder, expert)


class Checkpoint:
    """The folder, and what is common to the experts of a fit.

    Parameters
    ----------
    folder : str or path
        Made if it does not exist.
    expert : estimator
        The one that is cloned.

    Raises
    ------
    ValueError
        If others could write to the folder, since some files are pickles, or if the
        expert cannot be pickled.
    """

    def __init__(self, folder, expert):
        self.folder = Path(folder).absolute()
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _check_private(self.folder)
        self.versions = _versions() | _versions_of_parts(expert)
        try:
            digest = object_digest(expert)
        except Exception as error:
            raise ValueError(
                "checkpoint= tells experts apart by their pickles, but the expert "
                f"{expert!r} cannot be pickled ({error}). Use checkpoint=None."
            ) from error
        config = get_config()
        settings = [config.get(name) for name in _SETTINGS]
        versions = sorted(self.versions.items())
        self.common = repr((type(expert), versions, settings, digest))
        for path in self.folder.glob(f"*{_UNFINISHED}"):
            with suppress(OSError):
                if path.stat().st_mtime < time.time() - 3600 * _HOURS:
                    path.unlink()

    def key(self, seed, *data):
        """Return the digest of what an expert depends on.

        Parameters
        ----------
        seed : int
        *data : arrays, CSR, frames or None
            What it is fitted on.
        """
        digest = sha256(f"{self.common} {seed}".encode())
        for part in data:
            _update(digest, part)
        return digest.hexdigest()

    def read(self, key, unfitted):
        """Return the CellFit that was kept, None if there is none that is whole."""
        try:
            with open(self.folder / (key + _SUFFIX), "rb") as file:
                if not _is_private(os.fstat(file.fileno())):
                    raise ValueError("others could write it")
                return decode(file.read(), key, unfitted)
        except FileNotFoundError:
            return None
        except Exception:
            warnings.warn(
                f"A file in the checkpoint folder {self.folder} is damaged, or not "
                "what its name says; its expert is fitted again.",
                UserWarning,
                stacklevel=2,
            )
            return None

    def write(self, key, fit, unfitted):
        """Keep a CellFit; a folder that is full, or gone, is no reason to fail."""
        name = None
        try:
            content = encode(fit, key, unfitted, self.versions)
            handle, name = tempfile.mkstemp(_UNFINISHED, key[:8], self.folder)
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(name, self.folder / (key + _SUFFIX))
        except Exception as error:
            reason = getattr(error, "strerror", None) or error
            warnings.warn(
                f"An expert could not be kept in the checkpoint folder {self.folder}: "
                f"{reason}.",
                UserWarning,
                stacklevel=2,
            )
        finally:
            if name is not None:
                with suppress(OSError):
                    os.unlink(name)


@cache
def _versions():
    versions = {name: version(name) for name in _LIBRARIES}
    return versions | {"python": python_version()}


def _versions_of_parts(expert):
    """Return the versions of the packages that an expert and its parts are from."""
    parts = expert, *expert.get_params(deep=True).values()
    packages = {type(part).__module__.partition(".")[0] for part in parts}
    versions = {p: getattr(sys.modules.get(p), "__version__", None) for p in packages}
    return {package: str(v) for package, v in versions.items() if v is not None}


def _check_private(folder):
    stat = folder.stat()
    if not _is_own(stat):
        raise ValueError(
            f"checkpoint={os.fspath(folder)!r}: this folder belongs to another user "
            f"(number {stat.st_uid}, you are {os.geteuid()}), and a file of theirs "
            "could run code when it is read. Use a folder of your own."
        )
    if not _is_private(stat):
        raise ValueError(
            f"checkpoint={os.fspath(folder)!r}: others can write to this folder, "
            "and a file of theirs could run code when it is read. Use a folder of "
            "your own, and take the right to write from others: chmod go-w."
        )


def _is_own(stat):
    """Whether it is the user's; where the system has no owners, it is believed."""
    return not hasattr(os, "geteuid") or stat.st_uid == os.geteuid()


def _is_private(stat):
    """Whether nobody else can write."""
    return _is_own(stat) and not (hasattr(os, "geteuid") and stat.st_mode & 0o022)


def _update(digest, data):
    """Add numbers by their bytes in C order, anything else by its pickle."""
    if issparse(data):
        digest.update(f"{data.format} {data.shape}".encode())
        for part in (data.data, data.indices, data.indptr):
            _update(digest, part)
    elif isinstance(data, np.ma.MaskedArray):
        digest.update(b"masked")
        for part in (np.ma.getdata(data), np.ma.getmaskarray(data)):
            _update(digest, part)
    elif isinstance(data, np.ndarray) and not data.dtype.hasobject:
        digest.update(f"{data.dtype.str} {data.shape}".encode())
        digest.update(np.ascontiguousarray(data).reshape(-1).view(np.uint8).data)
    else:
        digest.update(object_digest(data).encode())
