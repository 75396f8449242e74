"""The console all commands print to."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderHook, RenderResult
from rich.measure import Measurement
from rich.segment import Segment

from hashbench.system.output import Output
from hashbench.system.text import visible

PIPED_WIDTH = 120  # where no terminal sets a width


def make_console() -> Console:
    """Standard output: as wide as the terminal, or $COLUMNS, or 120 characters in a file or pipe.

    Control characters in what is printed, such as the name of a plugin, are shown as escapes.
    """
    file = sys.stdout.unescaped() if isinstance(sys.stdout, Output) else None
    console = Console(highlight=False, file=file)  # type: ignore[arg-type]  # rich asks for no more than this
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = PIPED_WIDTH
    console.push_render_hook(_Escaping())
    return console


class _Escaping(RenderHook):
    """Shows the control characters of all that is printed; those of rich itself, such as colours, pass."""

    def process_renderables(self, renderables: Iterable[ConsoleRenderable]) -> list[ConsoleRenderable]:
        return [_Escaped(renderable) for renderable in renderables]


class _Escaped:
    def __init__(self, inner: ConsoleRenderable) -> None:
        self.inner = inner

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for segment in console.render(self.inner, options):
            yield segment if segment.control else Segment(visible(segment.text, keep="\n"), segment.style)

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement.get(console, options, self.inner)
