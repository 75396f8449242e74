"""Tables in a terminal, in the widest of three layouts that fits.

Published numbers stand in a column, or in a line below ours; in the narrowest layout the spread stands
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

from hashbench.reporting.formats import (
    LEFT_COLUMNS,
    grouped,
    headers,
    left_cells,
    published_header,
    published_text,
    value_text,
)
from hashbench.reporting.table import DECIMALS, MISSING, Note, Row, Table, Value

Layout = Literal["columns", "lines", "stacked"]
LAYOUTS: tuple[Layout, ...] = ("columns", "lines", "stacked")


class TerminalTables:
    """Tables that fit themselves to the console they are printed on."""

    def __init__(self, tables: Sequence[Table]) -> None:
        self.tables = tables

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        unbounded = options.update(width=1000)
        for table in self.tables:
            yield Text(table.title, style="bold")
            for layout in LAYOUTS:
                grid = _grid(table, layout)
                if Measurement.get(console, unbounded, grid).maximum <= options.max_width:
                    break
            yield grid
            yield Padding(Text("\n".join(table.caption), style="dim"), (0, 2))
            if table.notes:
                yield Padding(_notes(table.notes), (1, 2, 0, 2))
            yield Text()


def _grid(table: Table, layout: Layout) -> RichTable:
    left = ("method",) if layout == "stacked" else LEFT_COLUMNS
    beside = table.has_published and layout == "columns"
    grid = RichTable(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1))
    for title in left:
        grid.add_column(title, overflow="fold")
    for title in headers(table):
        grid.add_column(Text(title), justify="right", no_wrap=True)  # "[hits]" is no markup
    columns = zip(*(row.values for row in table.rows), strict=True)
    marked = [any(value.separable is False for value in column) for column in columns]
    if beside:
        grid.add_column(published_header(table), no_wrap=True, style="dim")
    for group, rows in grouped(table):
        grid.add_row(Text(group, style="italic cyan"))
        for row in rows:
            spaced = [m and value.separable is not False for m, value in zip(marked, row.values, strict=True)]
            values = [_value(value, layout) for value in row.values]
            grid.add_row(*_left(row, layout), *map(_spaced, values, spaced), *[published_text(row)] * beside)
            if not beside and any(value.quote for value in row.values):
                label, *numbers = _published_line(row)
                grid.add_row(label, *[""] * (len(left) - 1), *map(_spaced, numbers, marked), style="dim")
        grid.add_section()
    return grid


def _left(row: Row, layout: Layout) -> list[RenderableType]:
    label, *others = left_cells(row)
    if layout != "stacked":
        return [_indented(Text(label)), *map(Text, others)]
    below = "\n  " + ", ".join(filter(None, others))
    return [_indented(Text.assemble(label, (below, "dim")))]


def _spaced(cell: RenderableType, spaced: bool) -> RenderableType:
    """The cell, with a space for the mark that others in its column have: digits stand below each other."""
    return Padding(cell, (0, 1, 0, 0)) if spaced else cell


def _value(value: Value, layout: Layout) -> Text:
    text = value_text(value)
    if layout == "stacked":
        text = text.replace(" ± ", "\n±")
    style = "bold green" if value.best else "red" if value.mean is None and value.failed else ""
    cell = Text(text, style=style)
    return cell.append(f" {value.mark}", style="not bold red") if value.mark else cell


def _published_line(row: Row) -> list[RenderableType]:
    """A title and the published numbers under a row, their mark at the left where all are one."""
    marks = {value.quote_mark for value in row.values if value.quote}
    shared = marks.pop() if len(marks) == 1 else ""
    cells: list[RenderableType] = [_indented(Text(f"  published {shared}"))]
    for value in row.values:
        number = f"{value.quote.number.value:.{DECIMALS}f}" if value.quote else MISSING
        cells.append(number if shared else f"{number} {value.quote_mark}".strip())
    return cells


def _indented(text: Text) -> Padding:
    return Padding(text, (0, 0, 0, 2), expand=False)


def _notes(notes: Sequence[Note]) -> RichTable:
    grid = RichTable.grid(padding=(0, 1))
    grid.add_column(no_wrap=True, style="dim")
    grid.add_column(style="dim", overflow="fold")
    for note in notes:
        if not note.minor:
            grid.add_row(Text(note.mark), Text(note.text))
    if any(note.detail for note in notes):
        grid.add_row("", "Further published numbers stand in the Markdown format.")
    return grid
