"""What a task that failed leaves behind, and how it travels between processes."""

import pickle
import traceback
from typing import NamedTuple, NoReturn


class Failure(NamedTuple):
    """The error of a task, and what caused it.

    Attributes
    ----------
    error : Exception
    cause : BaseException or None
    lost : bool
        Whether the task gave no answer: its worker died, or could not send it.
    """

    error: Exception
    cause: BaseException | None = None
    lost: bool = False

    def portable(self) -> "Failure":
        """Return a copy that can be sent to another process.

        An exception that does not survive pickling is sent as a RuntimeError with its
        text: unpickling it would break the pool of workers.
        """
        trace = "".join(traceback.format_exception(self.error))
        error = _portable(self.error)
        cause = None if self.cause is None else _portable(self.cause)
        (cause or error).add_note(f"In a worker process:\n{trace}")
        return Failure(error, cause)

    def is_of_memory(self) -> bool:
        """Whether memory was short: another time, alone, there may be enough."""
        return any(isinstance(e, MemoryError) for e in (self.error, self.cause))


class NotSent(Exception):
    """No worker can get any task, for the error that is the argument."""


def raise_failure(number: int, failure: Failure) -> NoReturn:
    """Raise the error of a task."""
    raise failure.error from failure.cause


def _portable(error):
    sent = RuntimeError(f"{type(error).__name__}: {error}")
    try:
        copy = pickle.loads(pickle.dumps(error))
    except Exception:
        return sent
    return copy if type(copy) is type(error) and str(copy) == str(error) else sent
