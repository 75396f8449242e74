"""Files that are whole or absent, whatever happens while they are written."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from hashbench.errors import InvalidInputError


@contextmanager
def atomic_file(path: Path) -> Iterator[BinaryIO]:
    """A file to write to, in a folder that is made if needed; it becomes ``path`` when the block succeeds.

    Raises InvalidInputError where it cannot be written, or the path is that of a device, a pipe or a folder,
    which nothing replaces.
    """
    temporary = path.parent / f".{path.name}.{uuid.uuid4().hex[:8]}.tmp"  # "." has no name to replace
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and not path.is_file():
            raise OSError("it is no regular file")
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise InvalidInputError(
            f"cannot write '{path}' ({error.strerror or error}); choose a folder that can be written and has "
            "room"
        ) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
