"""Processes compile one after the other; who waited reads from numba's cache what the first has compiled.

Numba keeps a gufunc's function and its wrapper in two files. If two processes write them at once, the wrapper
of the one can lie beside the function of the other, and each process that loads them then crashes. The lock
lies beside these files: in $NUMBA_CACHE_DIR, else in __pycache__ beside this module, else in the user's cache
folder, as numba decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock
from numba import njit, typeof

LOCK = "compiling.lock"


@njit(cache=True)  # pragma: no cover (never called)
def _probe():  # type: ignore[no-untyped-def]
    """Numba chooses the folder when a function is defined, the same for all modules beside this one."""


_path = _probe.stats.cache_path
assert _path is not None  # None is for functions that are not cached
FOLDER = Path(_path)


@contextmanager
def one_compiles(folder: Path = FOLDER) -> Iterator[None]:
    """Hold the lock of a folder of compiled code; without a lock where it can hold none."""
    lock = FileLock(folder / LOCK)
    with suppress(OSError, NotImplementedError):  # it cannot be written, or its file system cannot lock
        lock.acquire()
    try:
        yield
    finally:
        lock.release()  # nothing where it was not taken


def alone(compile_it: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A decorator that compiles at once, such as ``vectorize`` with its types, under the lock."""

    def decorate(function: Any) -> Any:
        with one_compiles():
            return compile_it(function)

    return decorate


def called(function: Any, *arguments: Any) -> Any:
    """Call an ``njit`` function. Before its first call it is compiled, or loaded, under the lock.

    The types of the arguments must be the same at each call.
    """
    if not function.signatures:
        with one_compiles():
            function.compile(tuple(typeof(argument) for argument in arguments))
    return function(*arguments)
