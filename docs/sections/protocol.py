"""How the page's records were made: protocol, recipe, commands, machines."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterable, Mapping
from typing import Any

from hashbench.records import Record
from hashbench.reporting.comparison import row_name
from hashbench.reporting.provenance import without_folders
from hashbench.reporting.selection import grouped, latest
from sections.records import METHOD, Results, title

_OF_A_CELL = {"n_bits", "random_state", "device"}  # parameters that differ from cell to cell


def method() -> str:
    """What the abstract fixes and what is derived, as the method's file says it."""
    text = inspect.cleandoc(importlib.import_module(f"hashbench.methods.{METHOD}").__doc__ or "")
    return f"## What the abstract fixes, what is derived, what is ours\n\n```text\n{text}\n```"


def protocol(results: Results) -> str:
    """Split, recipe and the method's parameters in each setting."""
    settings = results.settings
    if not settings:
        return ""
    first = [results.rows(setting)[METHOD][0] for setting in settings]
    columns = [_facts(record) for record in first]
    lines = [
        "## The protocol",
        "",
        f"All rows share split and recipe; the last lines are the parameters of `{METHOD}`.",
        "",
        f"| | {' | '.join(map(title, settings))} |",
        f"|---|{'---|' * len(settings)}",
        *(
            f"| {name} | {' | '.join(column.get(name, '') for column in columns)} |"
            for name in dict.fromkeys(name for column in columns for name in column)
        ),
    ]
    return "\n".join(lines)


def _facts(record: Record) -> dict[str, str]:
    groups: dict[str, Mapping[str, Any]] = {
        "images": record.split,
        "task": {name: v for name, v in record.protocol["task"].items() if name != "name"},
        "recipe": record.recipe or {},
        "the data set lets images be": _allowed(record.invariances or {}),
        f"`{METHOD}`": {name: v for name, v in record.params.items() if name not in _OF_A_CELL},
    }
    return {
        f"{group}: {name.replace('_', ' ')}": _shown(value)
        for group, facts in groups.items()
        for name, value in facts.items()
    }


def _allowed(invariances: Mapping[str, Any]) -> dict[str, Any]:
    """The data set's rules: what the recipe asks for is done only where they allow it."""
    words = {"mirror": "mirrored", "occlude": "erased"}
    return {words.get(name, name): allowed for name, allowed in invariances.items()}


def _shown(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    return f"{value:,}" if isinstance(value, int) else str(value)


def commands(results: Results, ablation: Iterable[Record]) -> str:
    """The commands that made the page's records, and the cells that failed or are left out."""
    of_page = [r for setting in results.settings for rows in results.rows(setting).values() for r in rows]
    done = [record for record in latest([*of_page, *ablation]) if record.status == "done"]
    lines = [
        "## The commands",
        "",
        "Each record holds its seeds, which follow from its cell and its repetition.",
        "",
        "| command | records of this page | repetitions | when | code | machine |",
        "|---|---:|---|---|---|---|",
    ]
    for command, members in grouped(done, lambda record: without_folders(record.command)).items():
        parts = (
            f"`{command}`",
            str(len(members)),
            _several(str(r.cell.repetition) for r in members),
            _several(f"{r.created:%Y-%m-%d}" for r in members),
            _several(f"`{r.environment.commit}`" if r.environment.commit else "unknown" for r in members),
            _several(f"{r.environment.device} ({r.environment.cpu})" for r in members),
        )
        lines.append(f"| {' | '.join(parts)} |")
    if results.left_out:
        lines += [
            "",
            f"{results.left_out} records of these settings have other digests (task, recipe, data set or "
            "split) and are left out.",
        ]
    failed = [record for record in latest(results.files.values()) if record.status == "failed"]
    if failed:
        lines += ["", "Failed:", "", *(f"- {_failure(record)}" for record in failed)]
    return "\n".join(lines)


def _failure(record: Record) -> str:
    cell, error = record.cell, record.error
    what = f"{error.type}: {without_folders(error.message.splitlines()[0])}" if error else "unknown"
    setting = title((cell.dataset, cell.protocol))
    return f"`{row_name(record)}`, {setting}, {cell.bits} bits, repetition {cell.repetition}: {what}"


def _several(values: Iterable[str]) -> str:
    return ", ".join(sorted(set(values)))
