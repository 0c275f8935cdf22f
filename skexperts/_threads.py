"""Limits on the threads of BLAS and OpenMP, on which the last bits depend."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from threadpoolctl import ThreadpoolController


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Let BLAS use one thread, as it does in worker processes.

    The last bits of a matrix product depend on the number of BLAS threads. The number
    belongs to the whole process, and two threads that limit it at once would not give
    it back, so that outside the main thread this does nothing.
    """
    with _one_thread("blas"):
        yield


@contextmanager
def one_openmp_thread() -> Iterator[None]:
    """Let OpenMP use one thread, for the same reason as :func:`one_blas_thread`."""
    with _one_thread("openmp"):
        yield


@contextmanager
def _one_thread(api: str) -> Iterator[None]:
    if threading.current_thread() is threading.main_thread():
        with _pools(api).limit(limits=1):
            yield
    else:
        yield


@cache
def _pools(api: str):
    return ThreadpoolController().select(user_api=api)
