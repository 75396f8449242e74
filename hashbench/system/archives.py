"""``.npz`` files from anywhere, checked before memory is taken for what they claim to hold."""

from __future__ import annotations

import math
import zipfile
import zlib
from collections.abc import Collection
from pathlib import Path
from typing import IO, Any

# What reading a damaged archive raises.
DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError)
MAGIC = b"\x93NUMPY"
MOST_DEFLATED = 1032  # bytes that one byte of a deflated member can stand for, at most


def check_archive(path: Path, names: Collection[str] = ()) -> None:
    """Check that each array of an archive, or those named, can be as large as its header claims.

    Raises one of ``DAMAGED`` where the file holds less, or is packed in a way that numpy does not write.
    """
    size = path.stat().st_size
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            name = member.filename.removesuffix(".npy")
            if name == member.filename or (names and name not in names):
                continue
            if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise ValueError(f"its member '{name}' is packed as numpy never does")
            most = min(member.compress_size, size)
            if member.compress_type == zipfile.ZIP_DEFLATED:
                most *= MOST_DEFLATED
            with archive.open(member) as stream:
                is_array = stream.read(len(MAGIC)) == MAGIC  # numpy gives other members as bytes
            claimed = member.file_size
            if is_array:
                with archive.open(member) as stream:
                    claimed = _claimed_bytes(stream)
            if claimed > min(most, member.file_size):
                raise ValueError(f"its member '{name}' claims {claimed:,} bytes, more than the file can hold")


def _claimed_bytes(stream: IO[bytes]) -> int:
    """The size of the array that a ``.npy`` header announces; 0 for one of objects, which is never read."""
    from numpy.lib import format as npy

    version = npy.read_magic(stream)
    readers: dict[Any, Any] = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    if version not in readers:
        raise ValueError(f"its .npy version {version} holds no plain numbers")
    shape, _, dtype = readers[version](stream)
    if any(length < 0 for length in shape):
        raise ValueError(f"its shape {shape} is none")
    return 0 if dtype.hasobject else math.prod(shape) * dtype.itemsize
