"""Values that are unpickled inside the task that needs them, and answers likewise.

A worker that cannot unpickle its task has no way to say so; inside the task that is an
error as any other.
"""

import pickle

from skexperts._failures import Failure


class Sealed:
    """A value that is unpickled inside the task that needs it.

    Parameters
    ----------
    value : object
    dumps : callable
    """

    def __init__(self, value, dumps):
        self.data = dumps(value)

    def __sizeof__(self):
        return len(self.data)

    def open(self):
        """Return the value."""
        return pickle.loads(self.data)


class Put:
    """A value, sealed or not, in the store of Ray.

    Parameters
    ----------
    reference : ObjectRef of Ray
    """

    def __init__(self, reference):
        self.reference = reference

    def open(self):
        """Return the value."""
        import ray

        return _open(ray.get(self.reference))


def _open(value):
    return value.open() if isinstance(value, (Sealed, Put)) else value


def run_sealed(dumps, *sealed):
    """On a worker: run a chunk, and seal what it gives.

    Parameters
    ----------
    dumps : callable
    *sealed : objects
        What to call, and its arguments.

    Returns
    -------
    outcomes : list
        None if the worker cannot unpickle what it was sent.
    seen : list
        Warnings; or the error, where there are no outcomes.
    """
    try:
        run, *arguments = [_open(value) for value in sealed]
    except Exception as error:
        return None, Failure(error).portable().error
    outcomes, seen = run(*arguments)
    return [
        (i, _sealed_result(result, dumps), seconds) for i, result, seconds in outcomes
    ], seen


def _sealed_result(result, dumps):
    try:
        return dumps(result)
    except Exception as error:
        return _unanswered(error)


def opened_result(data):
    """Return the result of a task, or its failure if it cannot be unpickled.

    Parameters
    ----------
    data : bytes or Failure
    """
    try:
        return data if isinstance(data, Failure) else pickle.loads(data)
    except Exception as error:
        return _unanswered(error)


def _unanswered(error):
    return Failure(error).portable()._replace(lost=True)
