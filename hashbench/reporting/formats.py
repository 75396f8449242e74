"""Tables as terminal output, Markdown, CSV and LaTeX."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from hashbench.errors import UnknownNameError
from hashbench.reporting.frame import to_csv
from hashbench.reporting.latex import to_latex
from hashbench.reporting.markdown import to_markdown
from hashbench.reporting.table import Table
from hashbench.reporting.terminal import TerminalTables

FORMATS: dict[str, Callable[[Sequence[Table]], Any]] = {
    "rich": TerminalTables,
    "md": to_markdown,
    "csv": to_csv,
    "latex": to_latex,
}


def render(tables: Sequence[Table], format: str = "rich") -> Any:
    """The tables as one text ("md", "csv", "latex"), or as something rich prints ("rich")."""
    if format not in FORMATS:
        raise UnknownNameError("format", format, FORMATS)
    return FORMATS[format](tables)
