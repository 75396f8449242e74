"""How values are shown: one short line, and a small table in a notebook; never their arrays."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from hashbench.system.text import visible

STYLE = 'style="text-align:left"'


class Shown:
    """Gives a class its ``repr`` and its HTML, from what ``_shown`` says of a value."""

    def _shown(self) -> Mapping[str, str]:
        """What there is to say of it, each with a name: {"images": "1,797", "classes": "10"}."""
        raise NotImplementedError

    def __repr__(self) -> str:
        said = ", ".join(f"{name}={text}" for name, text in self._shown().items())
        return f"{type(self).__name__}({visible(said)})"

    def __str__(self) -> str:
        return repr(self)

    def _repr_html_(self) -> str:
        """A table of two columns."""
        rows = "".join(
            f"<tr><th {STYLE}>{escape(visible(name))}</th><td {STYLE}>{escape(visible(text))}</td></tr>"
            for name, text in self._shown().items()
        )
        return f"<table><caption>{type(self).__name__}</caption><tbody>{rows}</tbody></table>"


def shape_of(shape: tuple[int, ...]) -> str:
    """Sizes in words: ``3 x 32 x 32``."""
    return " x ".join(f"{size:,}" for size in shape)
