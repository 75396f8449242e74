"""What is written to be shared names no folder of the machine that it was made on."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

# An absolute path, or one from a home folder, up to its last part; it ends where an argument's part ends.
_FOLDERS = re.compile(r"(?:^|(?<=[=:,\"\[]))(?:/|~[^/]*/|[A-Za-z]:[\\/])(?:[^=,\"\]]*[\\/])?(?=[^\\/])")
_FRAME = re.compile(r'File "([^"]*)"')


def shareable_command(arguments: Sequence[str]) -> str:
    """A command line as records keep it: of absolute paths only the last part.

    >>> shareable_command(["run", "--out", "/home/me/runs", "folder:/data/photos,size=64"])
    'run --out runs folder:photos,size=64'
    """
    return shlex.join(_FOLDERS.sub("", argument) for argument in arguments)


def shareable_traceback(text: str) -> str:
    """A traceback whose files are named by their last three parts."""
    return _FRAME.sub(lambda found: f'File "{"/".join(found[1].split("/")[-3:])}"', text)
