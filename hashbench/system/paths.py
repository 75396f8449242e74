"""Paths as users give them, made absolute, or refused in one line."""

from __future__ import annotations

import stat
from pathlib import Path

from hashbench.errors import InvalidInputError


def absolute(path: str | Path, what: str) -> Path:
    """The absolute path, ``~`` and links followed. what: what it is the path of, for the message.

    Raises InvalidInputError where it cannot be followed: an unknown user's home, a link to itself.
    """
    named = expanded(path, what)
    try:
        return named.resolve()
    except (OSError, RuntimeError, ValueError) as error:  # ValueError: it holds a zero byte
        raise InvalidInputError(f"{what} '{path}' cannot be followed ({error}); give another path") from error


def expanded(path: str | Path, what: str) -> Path:
    """The path with ``~`` followed. Raises InvalidInputError where there is no such user."""
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise InvalidInputError(f"{what} '{path}' is of no user here ({error}); give another path") from error


def is_regular(path: Path) -> bool:
    """Whether a path, links followed, is that of a regular file; to open a pipe could wait for ever.

    Raises OSError where that cannot be told, as for a name that is too long.
    """
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False
