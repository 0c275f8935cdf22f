"""Threads that die as worker processes do, and begin anew at once."""

from concurrent.futures.process import BrokenProcessPool

from joblib._parallel_backends import ThreadingBackend


class Death(BaseException):
    """What stands for the death of a worker where workers are threads."""


class MortalThreads(ThreadingBackend):
    """Threads that may die as processes do."""

    def submit(self, func, callback=None):
        def mortal():
            try:
                return func()
            except Death as death:
                raise BrokenProcessPool("a worker died") from death

        return super().submit(mortal, callback)
