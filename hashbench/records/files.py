"""Records as files: written atomically, read with clear errors, and read as a data frame."""

from __future__ import annotations

import json
import stat
import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hashbench.errors import DamagedRecordError, InvalidInputError
from hashbench.records.schema import Card, Record
from hashbench.system.atomic import atomic_file

if TYPE_CHECKING:
    import pandas as pd


def write_record(path: str | Path, record: Record) -> None:
    """Write atomically: at any moment the path holds the old record, the new one, or nothing."""
    _make_way(Path(path))
    with atomic_file(Path(path)) as file:
        file.write(record.to_json().encode())


def _make_way(path: Path) -> None:
    """Set aside a pipe, a folder or a link to one that stands where a record belongs; never a device."""
    try:
        mode = path.lstat().st_mode
    except OSError:  # there is nothing
        return
    if stat.S_ISFIFO(mode) or stat.S_ISDIR(mode) or (stat.S_ISLNK(mode) and path.exists()):
        if path.is_file():
            return
        path.rename(path.with_name(f"{path.name}.{uuid.uuid4().hex[:8]}.aside"))


def look_up(path: Path) -> tuple[Record | None, str]:
    """The record of a cell; None where there is none or it is damaged, and the reason to run the cell then.

    Raises InvalidInputError for a record of another version, which must not be lost.
    """
    if not path.exists():
        return None, "new"
    try:
        return Record.load(path), ""
    except DamagedRecordError:
        return None, f"whose record '{path.name}' is damaged"


def read_records(folder: str | Path) -> list[Record]:
    """All records below a folder (or the one in a file), sorted by path."""
    return list(read_record_files(folder).values())


def read_record_files(folder: str | Path) -> dict[Path, Record]:
    """As ``read_records``, by path."""
    return {path: Record.load(path) for path in _paths(folder)}


def read_sound_files(folder: str | Path) -> tuple[dict[Path, Record], list[InvalidInputError]]:
    """The records that can be read, by path, and why each of the other files cannot.

    Raises InvalidInputError where none can be read: the first of these errors.
    """
    files, faults = dict[Path, Record](), list[InvalidInputError]()
    for path in _paths(folder):
        try:
            files[path] = Record.load(path)
        except InvalidInputError as fault:
            faults.append(fault)
    if not files:
        raise faults[0]
    return files, faults


def _paths(folder: str | Path) -> list[Path]:
    """The files of all records below a folder, sorted, or the one that is given."""
    folder = Path(folder)
    paths = [folder] if folder.is_file() else sorted(folder.rglob("*.json"))
    paths = [path for path in paths if not path.name.startswith(".")]
    if not paths:
        fault = "holds no records" if folder.is_dir() else "does not exist"
        raise InvalidInputError(
            f"'{folder}' {fault}; run first (hashbench run --out {folder}), or give a folder with records"
        )
    return paths


def to_frame(records: Iterable[Record]) -> pd.DataFrame:
    """One row per record: the cell, metrics, the method's card, code health, timings as ``seconds_*``.

    Metrics come early, as pandas shows the first ten and the last ten columns only.
    """
    import pandas as pd

    frame = pd.DataFrame([_row(record) for record in records])
    for name in ("bits", "n_labelled"):
        if name in frame:
            frame[name] = frame[name].astype("Int64")
    return frame


def _row(record: Record) -> Mapping[str, Any]:
    cell, card, digests = record.cell, record.card, record.digests
    return {
        **cell.model_dump(exclude={"params"}),
        "status": record.status,
        **record.metrics,
        "params": json.dumps(cell.params, sort_keys=True),
        **(card.model_dump() if card else dict.fromkeys(Card.model_fields)),
        **record.health,
        **{f"seconds_{stage}": seconds for stage, seconds in record.timings.items()},
        "device": record.environment.device,
        "dataset_digest": digests.dataset,
        "task_digest": digests.task,
        "recipe_digest": digests.recipe,
        "split_digest": digests.split,
        "created": record.created,
        "error": record.error and f"{record.error.type}: {record.error.message}",
    }
