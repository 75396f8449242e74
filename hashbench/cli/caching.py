"""``hashbench data``, ``data prune``, and ``data verify`` without names: what the cache holds."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from hashbench.system.text import visible

if TYPE_CHECKING:
    from hashbench.execution.cache import Kept


def sizes() -> int:
    """Print what is kept, with sizes and the days since its last use."""
    from hashbench.execution.cache import KINDS, inventory
    from hashbench.images.store import cache_root, data_root

    found, now = inventory(), time.time()
    print(f"cache: {cache_root()}")
    for kept in found:
        print(f"  {_line(kept, now)}")
    for kind in KINDS:
        n_bytes = [kept.n_bytes for kept in found if kept.kind == kind]
        print(f"{kind}: {len(n_bytes)}, {_shown(sum(n_bytes))}")
    root = data_root()
    n_bytes = [file.stat().st_size for file in root.rglob("*") if file.is_file()] if root.is_dir() else []
    print(f"source files in {root}: {len(n_bytes)}, {_shown(sum(n_bytes))} (never pruned)")
    return 0


def prune(*, older_than: float | None, keep: int | None, dry_run: bool) -> int:
    """Remove from the cache; exit code 1 where something could not be removed."""
    from hashbench.errors import InvalidInputError
    from hashbench.execution.cache import inventory, remove, to_remove
    from hashbench.images.store import cache_root

    found, now = inventory(), time.time()
    going = to_remove(found, now, older_than, keep)
    removed: list[Kept] = []
    for kept in going:
        try:
            if not dry_run:
                remove(kept)
        except InvalidInputError as error:
            print(f"error: {visible(str(error))}", file=sys.stderr)
            continue
        removed.append(kept)
        print(f"{'would remove' if dry_run else 'removed'}  {_line(kept, now)}")
    left = sum(kept.n_bytes for kept in found) - sum(kept.n_bytes for kept in removed)
    print(
        f"{len(removed)} of {len(found)} {'would be ' if dry_run else ''}removed, "
        f"{_shown(sum(kept.n_bytes for kept in removed))}; {_shown(left)} left in {cache_root()}"
    )
    if keep is not None and left > keep and len(removed) == len(going):
        print("what is left was used in the last hour; --older-than 0 removes that too")
    return 0 if len(removed) == len(going) else 1


def verify_cache() -> int:
    """Read every byte of the cache; one line a file, and exit code 1 where one was damaged or unreadable."""
    from hashbench.errors import InvalidInputError
    from hashbench.execution.cache import fault_of, inventory, remove
    from hashbench.system.integrity import array_is_sound

    found, code = [kept for kept in inventory() if kept.kind != "unfinished"], 0
    for kept in found:
        name = _name(kept.path)
        try:
            fault = fault_of(kept)
        except (OSError, MemoryError) as error:
            print(f"unread   {name}: it cannot be read now ({' '.join(str(error).split())})")
            code = 1
            continue
        if fault is not None:
            code, cure = 1, "it is removed, and the next run makes it anew"
            try:
                remove(kept)
            except InvalidInputError as error:
                cure = str(error)
            print(f"damaged  {name}: {visible(f'{fault}; {cure}')}")
        elif kept.kind == "features" and array_is_sound(kept.path) is None:
            print(f"unknown  {name}: it holds no sum to compare; remove it to have it made anew with one")
        else:
            print(f"ok       {name}")
    if not found:
        print("the cache is empty")
    return code


def _line(kept: Kept, now: float) -> str:
    days = max(0.0, now - kept.used) / 86400
    return f"{_name(kept.path)}  {_shown(kept.n_bytes)}, {kept.kind}, last used {days:.1f} days ago"


def _name(path: Path) -> str:
    return visible("/".join(path.parts[-2:]))


def _shown(n_bytes: float) -> str:
    for unit in ("bytes", "kB", "MB", "GB"):
        if n_bytes < 1000:
            return f"{n_bytes:.0f} {unit}" if unit == "bytes" else f"{n_bytes:.1f} {unit}"
        n_bytes /= 1000
    return f"{n_bytes:.1f} TB"
