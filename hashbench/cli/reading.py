"""Records from a folder for a command: what cannot be used is named and left out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from hashbench.errors import InvalidInputError
from hashbench.system.text import visible

if TYPE_CHECKING:
    from hashbench.records import Record


def read_results(folder: Path) -> tuple[dict[Path, Record], int]:
    """The sound records below a folder, by path, and the exit code: 1 where files were left out, else 0.

    Each of those is named on standard error with its fault. Raises InvalidInputError where no record is left.
    """
    from hashbench.records import read_sound_files
    from hashbench.reporting.tasks import impossible

    files, faults = read_sound_files(folder)
    for path, record in list(files.items()):
        fault = impossible(record)
        if fault is not None:
            faults.append(InvalidInputError(f"record '{path}' is not valid: {fault}; run its cell again"))
            del files[path]
    if not files:
        raise faults[0]
    for left_out in faults:
        print(f"left out: {visible(str(left_out))}", file=sys.stderr)
    return files, 1 if faults else 0
