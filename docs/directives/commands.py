"""The commands that made the records of a page, and the cells that failed or are left out."""

from argparse import Namespace
from collections.abc import Iterable

from directives.page import Files, Page, title
from hashbench.reporting.comparison import row_name
from hashbench.reporting.provenance import without_folders
from hashbench.reporting.selection import grouped, latest

_TITLES = ("command", "records of this page", "repetitions", "when", "code", "machine")


def commands(page: Page, files: Files, options: Namespace) -> str:
    """A line a command, from the records that the other directives show."""
    records = latest(files.values())
    lines = [f"| {' | '.join(_TITLES)} |", "|---|---:|---|---|---|---|"] if records else ["No records yet."]
    done = [record for record in records if record.status == "done"]
    for command, members in grouped(done, lambda record: without_folders(record.command)).items():
        environments = [record.environment for record in members]
        facts = (
            _several(str(record.cell.repetition) for record in members),
            _several(f"{record.created:%Y-%m-%d}" for record in members),
            _several(f"`{e.commit or 'unknown'}`" for e in environments),
            _several(f"{e.device} ({e.cpu})" for e in environments),
        )
        lines.append(f"| `{command}` | {len(members)} | {' | '.join(facts)} |")
    lines += (
        ["", "Each record holds its seeds, which follow from its cell and its repetition."] if done else []
    )
    if page.left_out:
        lines += [
            "",
            f"{page.left_out} records with other digests (task, recipe, data set, split) are left out.",
        ]
    failed = [record for record in records if record.error]
    lines += ["", "Failed:", ""] if failed else []
    for cell, error, name in ((record.cell, record.error, row_name(record)) for record in failed):
        where = f"{title((cell.dataset, cell.protocol))}, {cell.bits} bits, repetition {cell.repetition}"
        lines.append(f"- `{name}`, {where}: {error.type}: {without_folders(error.message.splitlines()[0])}")
    return "\n".join(lines)


def _several(values: Iterable[str]) -> str:
    return ", ".join(sorted(set(values)))
