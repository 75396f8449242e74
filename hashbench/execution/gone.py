"""Failed records of methods that could not be loaded, once they load again or are no longer there."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from hashbench.errors import BrokenPluginError, InvalidInputError, UnknownNameError
from hashbench.plugins.registry import find
from hashbench.records import Record
from hashbench.system.paths import is_regular


def forget_gone(folders: Iterable[Path]) -> None:
    """Remove the records of broken methods that are gone or mended.

    A broken method does not say what it reads, so its records belong to cells that do not exist once it
    loads: no run would replace them, and its row would stay in every table. Records of a method that is still
    broken stay.
    """
    kept = set[str]()
    for path in sorted({path for folder in folders for path in folder.glob("*.json")}):
        record = _broken(path)
        if record is None or record.cell.method in kept:
            continue
        try:
            find("method", record.cell.method)
        except BrokenPluginError:
            kept.add(record.cell.method)
            continue
        except UnknownNameError:
            pass
        path.unlink(missing_ok=True)


def _broken(path: Path) -> Record | None:
    """The record in a file, where it is of a method that could not be loaded."""
    name = BrokenPluginError.__name__
    try:
        if not is_regular(path) or name.encode() not in path.read_bytes():  # cheaper than to load them all
            return None
        record = Record.load(path)
    except (InvalidInputError, OSError):  # not of this run: its plan has read those
        return None
    is_broken = record.error is not None and record.error.type == name
    return record if is_broken and record.card is None else None
