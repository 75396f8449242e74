"""The console all commands print to."""

from __future__ import annotations

import os

from rich.console import Console

PIPED_WIDTH = 120  # where no terminal sets a width


def make_console() -> Console:
    """Standard output: as wide as the terminal, or $COLUMNS, or 120 characters in a file or pipe."""
    console = Console(highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = PIPED_WIDTH
    return console
