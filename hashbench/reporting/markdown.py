"""Tables as GitHub Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from hashbench.reporting.cells import (
    LEFT_COLUMNS,
    headers,
    left_cells,
    published_header,
    published_text,
    rows_by_group,
    value_text,
)
from hashbench.reporting.table import Table


def to_markdown(tables: Sequence[Table]) -> str:
    """A heading each, the table, the caption, the notes and sources in full as a list."""
    return "\n".join(map(_markdown, tables))


def _markdown(table: Table) -> str:
    decimals = table.info.decimals
    titles = [*LEFT_COLUMNS, *headers(table)] + [published_header(table)] * table.has_published
    rule = ["---"] * len(LEFT_COLUMNS) + ["---:"] * (len(titles) - len(LEFT_COLUMNS))
    rows = [titles, rule]
    for group, members in rows_by_group(table):
        rows.append([f"*{group}*", *[""] * (len(titles) - 1)])
        for row in members:
            cells = [_escape_markdown(cell) for cell in left_cells(row)]
            for value in row.values:
                text = value_text(value, decimals)
                cells.append(f"{f'**{text}**' if value.best else text} {value.mark}".strip())
            rows.append(cells + [published_text(row, decimals)] * table.has_published)
    lines = [f"### {_escape_markdown(table.title)}", ""]
    lines += ["| " + " | ".join(cells) + " |" for cells in rows]
    lines += ["", " ".join(map(_escape_markdown, table.caption)), ""]
    lines += [f"- {_escape_markdown(note.line)}" for note in table.notes]
    lines += [
        f"- [{source.number}] {_escape_markdown(source.text)}, {source.url}" for source in table.sources
    ]
    return "\n".join(lines).rstrip() + "\n"


def _escape_markdown(text: str) -> str:
    for character in "\\|*<`":
        text = text.replace(character, f"\\{character}")
    return text
