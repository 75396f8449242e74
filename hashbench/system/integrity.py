"""Files that we keep to use again: a sum over their bytes, when they were last used, what damage is."""

from __future__ import annotations

import os
import zipfile
import zlib
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from hashbench.system.text import text_of

if TYPE_CHECKING:
    from typing import BinaryIO

    import numpy as np

MARK = b"\nCRC-32 "  # then eight hex digits: the end of an array's file
SUM_BYTES = len(MARK) + 8


def sum_of(file: Path, but_last: int = 0) -> int:
    """CRC-32 of a file's bytes without the last ones: about 1.6 gigabytes a second.

    It finds every changed bit, and all but one in four thousand million of larger changes. It is no proof
    against somebody who wants to deceive.
    """
    total, left = 0, file.stat().st_size - but_last
    with file.open("rb") as stream:
        while left > 0 and (block := stream.read(min(left, 1 << 22))):
            total = zlib.crc32(block, total)
            left -= len(block)
    return total


def save_array(stream: BinaryIO, path: Path, array: np.ndarray) -> None:
    """Write an array as ``.npy`` to a new file, open as ``stream``, and behind it the sum of its bytes.

    Numpy reads the file as any other: it does not look behind the array.
    """
    import numpy as np

    np.save(stream, array)
    stream.flush()
    stream.write(MARK + f"{sum_of(path):08x}".encode())


def array_is_sound(path: Path) -> bool | None:
    """Whether a file of ``save_array`` has the bytes that were written; None where it holds no sum."""
    with path.open("rb") as stream:
        stream.seek(max(0, path.stat().st_size - SUM_BYTES))
        end = stream.read()
    if not end.startswith(MARK):
        return None
    return end[len(MARK) :] == f"{sum_of(path, SUM_BYTES):08x}".encode()


def check_members(path: Path) -> None:
    """Compare the sums that a zip archive, such as ``torch.save`` writes, holds of its members.

    ``torch.load`` itself does not. Raises zipfile.BadZipFile, or another error where the archive is none.
    """
    with zipfile.ZipFile(path) as archive:
        damaged = archive.testzip()
    if damaged is not None:
        raise zipfile.BadZipFile(f"the bytes of its member '{damaged}' have changed")


def note_use(path: Path) -> None:
    """Give a file the present as its time, by which ``hashbench data prune`` knows when it was last used."""
    with suppress(OSError):  # of another user, or on a disk that cannot be written
        os.utime(path)


def is_of_the_machine(error: BaseException) -> bool:
    """Whether reading failed for want of memory, rights or a device: nothing is known of the file then."""
    if isinstance(error, OSError | MemoryError):
        return True
    text = text_of(error).lower()
    return isinstance(error, RuntimeError) and any(word in text for word in ("memory", "cuda", "device"))
