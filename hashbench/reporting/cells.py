"""The text in a table's cells, the same in all formats for readers."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from hashbench.reporting.table import MISSING, Row, Table, Value

LEFT_COLUMNS = ("method", "supervision", "features", "backbone")


def left_cells(row: Row) -> list[str]:
    """The cells to the left of the values."""
    return [row.label, row.sees, row.reads, row.backbone or ""]


def headers(table: Table) -> list[str]:
    """The titles of the value columns."""
    return [f"{bits} bits" if bits else table.metric for bits in table.bits]


def value_text(value: Value, decimals: int) -> str:
    """A value as printed, without bold and mark: ``0.712 ± 0.004†``, ``failed`` or a dash."""
    if value.mean is None:
        return "failed" if value.failed else MISSING
    spread = "" if value.sd is None else f" ± {value.sd:,.{decimals}f}"
    return f"{value.mean:,.{decimals}f}{spread}{'†' if value.separable is False else ''}"


def quote_text(value: Value, decimals: int) -> str:
    """The published number beside a value, without its mark."""
    return f"{value.quote.number.value:.{decimals}f}" if value.quote else MISSING


def published_text(row: Row, decimals: int) -> str:
    """The published numbers of a row in the order of its columns; their marks, once where all are equal."""
    quoted = [value for value in row.values if value.quote]
    if not quoted:
        return ""
    shared = len({value.quote_mark for value in quoted}) == 1
    texts = [quote_text(value, decimals) + ("" if shared else value.quote_mark) for value in row.values]
    return f"{' '.join(texts)} {quoted[0].quote_mark if shared else ''}".strip()


def published_header(table: Table) -> str:
    """The title of the column of published numbers."""
    return f"published {'/'.join(str(bits) for bits in table.bits)}"


def rows_by_group(table: Table) -> Iterator[tuple[str, list[Row]]]:
    """The rows by group, in the table's order."""
    for group, rows in groupby(table.rows, key=lambda row: row.group):
        yield group, list(rows)
