"""Warnings of many tasks, each issued once, at the line that called the library."""

import re
import sys
import threading
import warnings
from types import FrameType

_LIBRARIES = ("skexperts.", "sklearn.")
_NUMBER = re.compile(r"-?\d[\d.eE+-]*")


# Where the warnings of a thread go, and how those of other threads are shown.
_heard: dict[int, list] = {}
_shown = [warnings.showwarning]


class CaughtWarnings:
    """Hold back warnings and issue each distinct one once.

    Catching warnings replaces a hook of the whole process, which is only safe from the
    main thread: elsewhere warnings pass unchanged, but for those of a worker's thread.

    Parameters
    ----------
    in_worker : bool
        Whether this process works for another one. Workers of Dask run tasks in
        threads, each of which gets its own warnings here.
    """

    def __init__(self, in_worker=False):
        self.seen: list[tuple[type[Warning], str]] = []
        self.in_worker = in_worker
        self._catcher = None

    def __enter__(self):
        if threading.current_thread() is threading.main_thread():
            self._catcher = warnings.catch_warnings(record=True)
            self._records = self._catcher.__enter__()
            warnings.simplefilter("always")
        elif self.in_worker:
            _listen(self.seen)
        return self

    def __exit__(self, *exception):
        _heard.pop(threading.get_ident(), None)
        if self._catcher is not None:
            self._catcher.__exit__(*exception)
            self.extend((w.category, str(w.message)) for w in self._records)

    def extend(self, seen):
        """Add what has been seen elsewhere."""
        self.seen.extend(seen)

    def issue_summary(self, n_tasks):
        """Issue one warning per category and text; numbers in the text may differ."""
        kinds: dict[tuple, list[str]] = {}
        for category, text in self.seen:
            kinds.setdefault((category, _NUMBER.sub("#", text)), []).append(text)
        for (category, _), texts in kinds.items():
            times = "once" if len(texts) == 1 else f"{len(texts)} times"
            warnings.warn(
                f"{texts[0]} (issued {times} in {n_tasks} tasks)",
                category,
                stacklevel=users_stacklevel(),
            )


def _listen(seen):
    """Note the warnings of this thread."""
    _heard[threading.get_ident()] = seen
    if warnings.showwarning is not _hear:
        _shown[0] = warnings.showwarning
        warnings.showwarning = _hear


def _hear(message, category, *where, **options):
    seen = _heard.get(threading.get_ident())
    if seen is None:
        _shown[0](message, category, *where, **options)
    else:
        seen.append((category, str(message)))


def users_stacklevel():
    """Level at which ``warnings.warn`` points at the line that called the library.

    To be called by the function that warns.
    """
    frame: FrameType | None = sys._getframe(1)
    level = 0
    while frame and frame.f_globals.get("__name__", "").startswith(_LIBRARIES):
        frame, level = frame.f_back, level + 1
    return level + 1
