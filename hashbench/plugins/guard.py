"""What a plugin's code may raise, as an error of ours that names the plugin."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from traceback import walk_tb

from hashbench.errors import BrokenPluginError, HashbenchError
from hashbench.plugins import files
from hashbench.system.text import text_of


@contextmanager
def named(what: str, *, ours_pass: bool = True) -> Iterator[None]:
    """Turn whatever the block raises, SystemExit too, into a BrokenPluginError: ``what``, then the error.

    Ctrl-C passes, and so does a lack of memory, which is no fault of the plugin. ours_pass: so do our own
    errors, which say what is wrong already. What the block prints goes to standard error, as it is no result.
    """
    try:
        with redirect_stdout(sys.stderr):
            yield
    except (KeyboardInterrupt, MemoryError):
        raise
    except BaseException as error:
        if ours_pass and isinstance(error, HashbenchError):
            raise
        raise BrokenPluginError(f"{what} is broken: {type(error).__name__}: {text_of(error)}") from error


def failing_file(error: BaseException) -> str | None:
    """The user's plugin file that an error went through, the last one; None where it went through none."""
    frames = [frame for frame, _ in walk_tb(error.__traceback__)]
    found = [f for f in frames if str(f.f_globals.get("__name__", "")).startswith(f"{files.__name__}.")]
    return found[-1].f_code.co_filename if found else None
