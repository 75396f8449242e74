"""What our cache folder holds: when each file was last used, whether it is sound, and what may go.

Only files that have the names and the places that we give them are ever touched, and no link is followed.
"""

from __future__ import annotations

import re
import shutil
import stat
import uuid
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import time
from typing import Literal

import numpy as np

from hashbench.errors import InvalidInputError
from hashbench.images.store import cache_root, decoded_fault
from hashbench.system.integrity import array_is_sound, check_members, is_of_the_machine
from hashbench.system.text import text_of

Kind = Literal["decoded images", "networks", "features", "unfinished"]
KINDS: tuple[Kind, ...] = ("decoded images", "networks", "features", "unfinished")
HOUR, DAY = 3600.0, 24 * 3600.0
RESUMED = 30 * DAY  # a training that has not been resumed for so long is abandoned

_FOLDER = re.compile(r"[A-Za-z0-9_]+-[0-9a-f]{16}")
_WORKING = r"([a-z.]+\.[0-9a-f]{8}\.tmp|(rows\.)?lease)"  # what a process keeps while it makes a file
_NAMES: dict[str, dict[Kind, re.Pattern[str]]] = {
    "backbones": {
        "networks": re.compile(r"[0-9a-f]{16}\.pt"),
        "features": re.compile(r"[0-9a-f]{16}\.rows\.(npy|json)"),
        "unfinished": re.compile(rf"[0-9a-f]{{16}}\.checkpoint|\.[0-9a-f]{{16}}\.{_WORKING}"),
    },
    "features": {
        "features": re.compile(r"[A-Za-z0-9_]+-[0-9a-f]{16}\.(npy|json)"),
        "unfinished": re.compile(rf"\.[A-Za-z0-9_]+-[0-9a-f]{{16}}\.{_WORKING}"),
    },
}


@dataclass(frozen=True)
class Kept:
    """One thing in the cache: a file with what belongs to it, or a folder. used: seconds since 1970."""

    kind: Kind
    path: Path
    files: tuple[Path, ...]
    n_bytes: int
    used: float

    def lives(self) -> float:
        """For how many seconds after its last change something unfinished may still be wanted."""
        return RESUMED if self.path.suffix == ".checkpoint" else HOUR


def inventory() -> list[Kept]:
    """All that the cache holds and may be made again, by kind and path; not the source files of data."""
    root = cache_root()
    found = [*_folders(root / "decoded", _FOLDER, "decoded images")]
    for place in ("decoded", "data"):
        found += _folders(root / place, re.compile(r"\.unfinished-.+"), "unfinished")
    for place, names in _NAMES.items():
        together: dict[tuple[Kind, str], list[Path]] = defaultdict(list)
        for path in _entries(root / place):
            for kind, pattern in names.items():
                if pattern.fullmatch(path.name) and stat.S_ISREG(path.lstat().st_mode):
                    stem = path.name.removesuffix(".json").removesuffix(".npy")
                    together[kind, stem].append(path)
        for (kind, _), files in together.items():
            found.append(_kept(kind, max(files, key=lambda path: path.suffix == ".npy"), files))
    return sorted(found, key=lambda kept: (KINDS.index(kept.kind), kept.path))


def fault_of(kept: Kept) -> str | None:
    """What is wrong with a cached file, every byte read; None where nothing is, or it has no sum to compare.

    Raises OSError, MemoryError where it cannot be read now.
    """
    try:
        if kept.kind == "decoded images":
            return decoded_fault(kept.path)
        if kept.kind == "networks":
            check_members(kept.path)
        elif kept.kind == "features":
            if array_is_sound(kept.path) is False:
                return "its bytes have changed"
            np.load(kept.path, mmap_mode="r")
    except Exception as error:
        if is_of_the_machine(error):
            raise
        return f"{type(error).__name__}: {text_of(error)}"
    return None


def to_remove(found: Iterable[Kept], now: float, older_than: float | None, keep: int | None) -> list[Kept]:
    """What goes: the abandoned, then what was not used for ``older_than`` days, then the longest unused.

    keep: how many bytes may stay in all; None: any number. What was used in the last hour stays, as a running
    command may need it, unless ``older_than`` is 0. ``now``: seconds since 1970.
    """
    spared = 0.0 if older_than == 0 else HOUR
    going: list[Kept] = []
    staying: list[Kept] = []
    for kept in sorted(found, key=lambda kept: (kept.used, kept.path)):
        age = now - kept.used
        limit = kept.lives() if kept.kind == "unfinished" else float("inf")
        if older_than is not None:
            limit = min(limit, older_than * DAY)
        (going if age >= max(limit, spared) else staying).append(kept)
    if keep is not None:
        total = sum(kept.n_bytes for kept in staying)
        for kept in staying:
            if total > keep and now - kept.used >= spared:
                going.append(kept)
                total -= kept.n_bytes
    return going


def remove(kept: Kept) -> None:
    """Remove it; a folder at once, so that no reader meets half of it. Raises InvalidInputError."""
    try:
        if kept.path.is_dir():
            away = kept.path.with_name(f".unfinished-{uuid.uuid4().hex[:8]}")
            kept.path.rename(away)
            shutil.rmtree(away)
            return
        for file in sorted(kept.files, key=lambda file: file.suffix == ".json"):
            file.unlink(missing_ok=True)
    except FileNotFoundError:  # another command has removed it
        return
    except OSError as error:
        raise InvalidInputError(
            f"cannot remove '{kept.path}' ({error.strerror or error}); remove it as its owner"
        ) from error


def remove_abandoned() -> None:
    """Remove what killed processes have left: no write takes an hour, no training resumes after a month."""
    with suppress(OSError, InvalidInputError):  # another process removes it, or it is another user's
        for kept in to_remove(inventory(), time(), None, None):
            remove(kept)


def _entries(folder: Path) -> list[Path]:
    """What lies in a folder of the cache; nothing where it is a link or not there."""
    return sorted(folder.iterdir()) if folder.is_dir() and not folder.is_symlink() else []


def _folders(place: Path, name: re.Pattern[str], kind: Kind) -> Iterator[Kept]:
    for path in _entries(place):
        if name.fullmatch(path.name) and stat.S_ISDIR(path.lstat().st_mode):
            files = [file for file in path.rglob("*") if stat.S_ISREG(file.lstat().st_mode)]
            if files or kind == "unfinished":
                yield _kept(kind, path, files)


def _kept(kind: Kind, path: Path, files: Sequence[Path]) -> Kept:
    stats = [file.stat() for file in files] or [path.stat()]
    n_bytes = sum(file.st_size for file in stats) if files else 0
    return Kept(kind, path, tuple(files), n_bytes, max(file.st_mtime for file in stats))
