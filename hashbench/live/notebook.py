"""A renderable in a notebook's output, redrawn in place. It needs no widgets."""

from __future__ import annotations

import threading
from io import StringIO
from typing import Any

from rich.console import Console, RenderableType

SECONDS = 1.0  # between two redraws
WIDTH = 100  # columns; a notebook states none
STYLE = "white-space:pre;overflow-x:auto;line-height:normal;font-family:monospace"


class NotebookLive:
    """Shows a renderable from ``start`` to ``stop``, where its last state stays."""

    def __init__(self, renderable: RenderableType) -> None:
        self.renderable = renderable
        self._handle: Any = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._redraw, name="hashbench-notebook", daemon=True)

    def start(self) -> None:
        """Show it, and redraw it every second."""
        from IPython.display import HTML, display

        self._handle = display(HTML(self._page()), display_id=True)
        self._thread.start()

    def stop(self) -> None:
        """Draw it once more, and no more after; nothing where ``start`` did not come to show it."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()
        if self._handle is not None:
            self._update()

    def _redraw(self) -> None:
        while not self._over.wait(SECONDS):
            self._update()

    def _update(self) -> None:
        from IPython.display import HTML

        self._handle.update(HTML(self._page()))

    def _page(self) -> str:
        console = Console(file=StringIO(), record=True, width=WIDTH, force_jupyter=False, highlight=False)
        console.print(self.renderable)
        return console.export_html(inline_styles=True, code_format=f'<pre style="{STYLE}">{{code}}</pre>')
