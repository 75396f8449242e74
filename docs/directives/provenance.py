"""How a page's records were made: split, recipe, parameters, seconds, machines, versions, digests."""

from argparse import Namespace
from collections.abc import Mapping, Sequence
from typing import Any

from directives.page import Files, Page, rows_of, settings, title
from hashbench.records import Record
from hashbench.reporting.provenance import environment, mixtures
from hashbench.reporting.selection import shared_digests

_OF_A_CELL = {"n_bits", "random_state", "device"}  # parameters that differ from cell to cell
_RULES = {"mirror": "mirrored", "occlude": "erased"}


def provenance(page: Page, files: Files, options: Namespace) -> str:
    """Facts of each setting; those of a method are of the first row."""
    found = {title(setting): rows_of(own, options) for setting, own in settings(files, options).items()}
    found = {name: list(rows.values()) for name, rows in found.items() if rows}
    columns = {name: _facts(rows[0]) for name, rows in found.items()}
    lines = [f"| | {' | '.join(columns)} |", f"|---|{'---|' * len(columns)}"]
    for fact in dict.fromkeys(fact for column in columns.values() for fact in column):
        lines.append(f"| {fact} | {' | '.join(column.get(fact, '') for column in columns.values())} |")
    for name, rows in found.items():
        done = [record for records in rows for record in records]
        lines += ["", f"{name}: {' '.join([environment(done), *mixtures(done)])}"]
    return "\n".join(lines) if found else ""


def _facts(records: Sequence[Record]) -> dict[str, str]:
    """The facts of a row, by name: of its first record, and the least and most seconds of all."""
    first, rules = records[0], records[0].invariances or {}
    seconds = {
        n: sorted(r.timings[n] for r in records if n in r.timings) for n in ("pretrain", "fit", "encode")
    }
    groups: dict[str, Mapping[str, Any]] = {
        "images": first.split,
        "task": {name: value for name, value in first.protocol["task"].items() if name != "name"},
        "recipe": first.recipe or {},
        "the data set lets images be": {_RULES.get(name, name): allowed for name, allowed in rules.items()},
        f"`{first.cell.label}`": {name: v for name, v in first.params.items() if name not in _OF_A_CELL},
        "seconds": {name: f"{s[0]:,.1f} to {s[-1]:,.1f}" for name, s in seconds.items() if s},
        "digest": {name: digest[:8] for name, digest in shared_digests([first]).items()},
    }
    named = {f"{group}: {name.replace('_', ' ')}": v for group, f in groups.items() for name, v in f.items()}
    return {name: _shown(value) for name, value in named.items()}


def _shown(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "none"}[value]
    return f"{value:,}" if isinstance(value, int) else str(value)
