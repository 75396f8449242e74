"""Tables in a terminal, in the widest of three arrangements that fits.

Published numbers stand in a column, or in a line below ours; in the narrowest the spread stands
below the mean, and what the method sees below its name.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from rich.box import SIMPLE_HEAD
from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table as RichTable
from rich.text import Text

from hashbench.reporting.cells import (
    LEFT_COLUMNS,
    headers,
    left_cells,
    published_header,
    published_text,
    quote_text,
    rows_by_group,
    value_text,
)
from hashbench.reporting.table import Row, Table, Value

Arrangement = Literal["columns", "lines", "stacked"]
WIDEST_FIRST: tuple[Arrangement, ...] = ("columns", "lines", "stacked")


class TerminalTables:
    """Tables that fit themselves to the console they are printed on."""

    def __init__(self, tables: Sequence[Table]) -> None:
        self.tables = tables

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        unbounded = options.update(width=1000)
        for table in self.tables:
            yield Text(table.title, style="bold")
            for arrangement in WIDEST_FIRST:
                grid = _grid(table, arrangement)
                if Measurement.get(console, unbounded, grid).maximum <= options.max_width:
                    break
            yield grid
            yield Padding(Text("\n".join(table.caption), style="dim"), (0, 2))
            if table.notes:
                yield Padding(_notes(table), (1, 2, 0, 2))
            yield Text()


def _grid(table: Table, arrangement: Arrangement) -> RichTable:
    decimals = table.info.decimals
    left = ("method",) if arrangement == "stacked" else LEFT_COLUMNS
    beside = table.has_published and arrangement == "columns"
    grid = RichTable(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1))
    for title in left:
        grid.add_column(title, overflow="fold")
    for title in headers(table):
        grid.add_column(Text(title), justify="right", no_wrap=True)  # "[hits]" is no markup
    columns = zip(*(row.values for row in table.rows), strict=True)
    marked = [any(value.separable is False for value in column) for column in columns]
    if beside:
        grid.add_column(published_header(table), no_wrap=True, style="dim")
    for group, rows in rows_by_group(table):
        grid.add_row(Text(group, style="italic cyan"))
        for row in rows:
            spaced = [m and value.separable is not False for m, value in zip(marked, row.values, strict=True)]
            values = [_value(value, arrangement, decimals) for value in row.values]
            grid.add_row(
                *_left(row, arrangement),
                *map(_spaced, values, spaced),
                *[published_text(row, decimals)] * beside,
            )
            if not beside and any(value.quote for value in row.values):
                label, *numbers = _published_line(row, decimals)
                grid.add_row(label, *[""] * (len(left) - 1), *map(_spaced, numbers, marked), style="dim")
        grid.add_section()
    return grid


def _left(row: Row, arrangement: Arrangement) -> list[RenderableType]:
    label, *others = left_cells(row)
    if arrangement != "stacked":
        return [_indented(Text(label)), *map(Text, others)]
    below = "\n  " + ", ".join(filter(None, others))
    return [_indented(Text.assemble(label, (below, "dim")))]


def _spaced(cell: RenderableType, spaced: bool) -> RenderableType:
    """The cell, with a space for the mark that others in its column have, so that digits align."""
    return Padding(cell, (0, 1, 0, 0)) if spaced else cell


def _value(value: Value, arrangement: Arrangement, decimals: int) -> Text:
    text = value_text(value, decimals)
    if arrangement == "stacked":
        text = text.replace(" ± ", "\n±")
    style = "bold green" if value.best else "red" if value.mean is None and value.failed else ""
    cell = Text(text, style=style)
    return cell.append(f" {value.mark}", style="not bold red") if value.mark else cell


def _published_line(row: Row, decimals: int) -> list[RenderableType]:
    """A title and the published numbers under a row, their mark at the left where all have the same."""
    marks = {value.quote_mark for value in row.values if value.quote}
    shared = marks.pop() if len(marks) == 1 else ""
    cells: list[RenderableType] = [_indented(Text(f"  published {shared}"))]
    for value in row.values:
        number = quote_text(value, decimals)
        cells.append(number if shared else f"{number} {value.quote_mark}".strip())
    return cells


def _indented(text: Text) -> Padding:
    return Padding(text, (0, 0, 0, 2), expand=False)


def _notes(table: Table) -> RichTable:
    grid = RichTable.grid(padding=(0, 1))
    grid.add_column(no_wrap=True, style="dim")
    grid.add_column(style="dim", overflow="fold")
    for note in table.notes:
        grid.add_row(Text(note.mark), Text(note.cited))
    for source in table.sources:
        if not source.minor:
            grid.add_row(Text(f"[{source.number}]"), Text(f"{source.text}, {source.url}"))
    if any(note.detail for note in table.notes):
        grid.add_row("", "Further published numbers stand in the Markdown format.")
    return grid
