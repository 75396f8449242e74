"""Remove the machine's folders from text that is written to be shared."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

# An absolute path, or one from a home folder, up to its last part; it ends where an argument's part ends.
_FOLDERS = re.compile(r"(?:^|(?<=[=:,\"\[]))(?:/|~[^/]*/|[A-Za-z]:[\\/])(?:[^=,\"\]]*[\\/])?(?=[^\\/])")
_FRAME = re.compile(r'File "([^"]*)"')


def shareable_command(arguments: Sequence[str]) -> str:
    """A command line as records keep it: with only the last part of absolute paths.

    >>> shareable_command(["run", "--out", "/home/me/runs", "folder:/data/photos,size=64"])
    'run --out runs folder:photos,size=64'
    """
    return shlex.join(_FOLDERS.sub("", argument) for argument in arguments)


def shareable_traceback(text: str) -> str:
    """A traceback with each file path cut to its last three parts."""
    return _FRAME.sub(lambda found: f'File "{"/".join(found[1].split("/")[-3:])}"', text)
