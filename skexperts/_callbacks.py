"""The only caller of ``sklearn.callback``: what callbacks are told of a fit.

That package is experimental. If it is missing or has another shape than the one used
here, estimators have no ``set_callbacks`` and nothing else changes.

A fit is a tree of tasks. Fits of many sub-estimators are subtasks of one, which goes to
the workers as it is and gets them there: a context that is sent takes its whole tree
along.
"""

import importlib
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from sklearn.frozen import FrozenEstimator

_SHAPE = {
    "CallbackSupportMixin": ("_init_callback_context", "set_callbacks"),
    "CallbackContext": (
        "call_on_fit_task_begin",
        "call_on_fit_task_end",
        "propagate_callback_context",
        "subcontext",
    ),
}


class _NoCallbacks:
    """Base of estimators where scikit-learn has no callbacks that we know."""


def support_mixin(package) -> Any:
    """Return the mixin of estimators that support callbacks.

    Parameters
    ----------
    package : module or None
        ``sklearn.callback``, or what stands for it.
    """
    for name, methods in _SHAPE.items():
        part = getattr(package, name, None)
        if not all(callable(getattr(part, method, None)) for method in methods):
            return _NoCallbacks
    return package.CallbackSupportMixin


def _package():
    try:
        return importlib.import_module("sklearn.callback")
    except ImportError:
        return None


CallbackSupport: Any = support_mixin(_package())


class Task:
    """A task of a fit, as callbacks see it; ``NO_TASK`` is one that nobody sees.

    Parameters
    ----------
    estimator : estimator, None for a task that nobody sees
        The one that is fitted.
    bare : estimator, None for a task that nobody sees
        The same with its parameters only, which subtasks in workers show to callbacks.
    context : CallbackContext, None for a task that nobody sees
    each : str
        Name of the subtasks of what :meth:`many` returned.
    """

    def __init__(self, estimator=None, bare=None, context=None, each=""):
        self._estimator, self._bare, self._context = estimator, bare, context
        self._each = each

    def subtask(self, name, n_subtasks=0) -> "Task":
        """Return the next subtask.

        Parameters
        ----------
        name : str
        n_subtasks : int or None
            How many subtasks it will have at the most, None if that is not known.
        """
        return self._subtask(self._estimator, name, max_subtasks=n_subtasks)

    def many(self, each, n_subtasks) -> "Task":
        """Return a subtask whose own ones are opened in any order, and in workers.

        Parameters
        ----------
        each : str
            Name of one of its subtasks; its own name is the plural.
        n_subtasks : int
        """
        options = {"max_subtasks": n_subtasks, "sequential_subtasks": False}
        return self._subtask(self._bare, f"{each}s", each, **options)

    def number(self, number) -> "Task":
        """Return the subtask with this number of what :meth:`many` returned."""
        return self._subtask(self._bare, self._each, task_id=number)

    def _subtask(self, estimator, name, each="", **options):
        if self._context is None:
            return self
        context = self._context.subcontext(task_name=name, **options)
        return Task(estimator, self._bare, context, each)

    @contextmanager
    def running(self, X=None, y=None, *, fits=None, complete=False) -> Iterator["Task"]:
        """Tell callbacks that the task begins and, if nothing is raised, that it ends.

        Parameters
        ----------
        X, y : the data of the task
        fits : estimator, optional
            It is fitted inside, and may get callbacks for that time.
        complete : bool
            Whether the estimator can predict in the end.
        """
        if self._context is None:
            yield self
            return
        told = {"estimator": self._estimator, "X": X, "y": y}
        supports = hasattr(fits, "set_callbacks") and not isinstance(
            fits, FrozenEstimator
        )
        with (
            self._context.propagate_callback_context(fits)
            if supports
            else (nullcontext())
        ):
            self._context.call_on_fit_task_begin(**told)
            yield self
            self._context.call_on_fit_task_end(
                **told, reconstruction_attributes={} if complete else None
            )


NO_TASK = Task()


def fit_task(estimator, n_subtasks, *, leave_out=()) -> Task:
    """Set up the callbacks of an estimator for one call of ``fit``.

    Whoever calls it has ``fit`` decorated by ``fit_context``, which takes the callbacks
    down again by what is noted on the estimator here.

    Parameters
    ----------
    estimator : CallbackSupport
    n_subtasks : int
        How many subtasks the fit will have at the most.
    leave_out : sequence of str
        Parameters that may hold what cannot be sent to workers, such as generators.
        Callbacks see the defaults there.
    """
    if not isinstance(estimator, CallbackSupport) or not _is_seen(estimator):
        return NO_TASK
    params = estimator.get_params(deep=False)
    bare = type(estimator)(**{k: v for k, v in params.items() if k not in leave_out})
    context = estimator._init_callback_context(max_subtasks=n_subtasks)
    return Task(estimator, bare, context)


def _is_seen(estimator):
    """Whether the estimator, or one among its parameters, has a callback."""
    try:
        parts = estimator.get_params(deep=True).values()
    except (AttributeError, TypeError):
        # One of them is no estimator, which fit will say.
        parts = ()
    return any(getattr(part, "_skl_callbacks", None) for part in (estimator, *parts))
