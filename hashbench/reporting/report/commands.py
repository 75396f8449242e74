"""The command that computes one record's cell again, and no other cell."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any

from hashbench.errors import HashbenchError
from hashbench.plugins.registry import find_protocol
from hashbench.records import Record


def command_of(record: Record, usual: Mapping[str, Any]) -> str:
    """``hashbench run`` for this cell and its earlier repetitions; what its recipe changes is set too.

    usual: the fields of the protocol's recipe, ``usual_recipe(record.cell.protocol)``.
    Features of the user's own need their file: ``LABEL=FILE.npy``, and plugins ``--plugin FILE.py``.
    """
    cell = record.cell
    words = ["hashbench", "run", "--methods", cell.method, "--datasets", cell.dataset]
    words += ["--protocols", cell.protocol]
    if cell.features:
        words += ["--features", cell.features]
    if cell.bits:
        words += ["--bits", str(cell.bits)]
    words += ["--repetitions", str(cell.repetition + 1)]
    changed = {f"{cell.method}.{name}": value for name, value in cell.params.items()}
    changed |= {f"recipe.{name}": value for name, value in _changes(usual, record.recipe or {}).items()}
    if changed:
        words += ["--set", *(f"{key}={_written(value)}" for key, value in sorted(changed.items()))]
    return shlex.join([*words, "--out", "again"])


def usual_recipe(protocol: str) -> Mapping[str, Any]:
    """The fields of a protocol's recipe; none where the protocol is not here."""
    try:
        return vars(find_protocol(protocol).recipe)
    except HashbenchError:
        return {}


def _changes(usual: Mapping[str, Any], recorded: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in recorded.items() if name in usual and _differs(usual[name], value)}


def _differs(usual: Any, recorded: Any) -> bool:
    return json.dumps(usual, default=str) != json.dumps(recorded, default=str)


def _written(value: Any) -> str:
    """A value as TOML, as ``--set`` reads it; texts as they are."""
    return value if isinstance(value, str) else json.dumps(value)
