"""An extension of griffe, which reads docstrings for the reference: a field's text begins a line of its own.

Docstrings of the package describe fields as ``name, name: text``, in lines that follow each other. Markdown
would join these lines to one paragraph.
"""

import re
from typing import Any

from griffe import Docstring, Extension, Object

_FIELDS = re.compile(r"^([a-z]\w*(?:, [a-z]\w*)*): ", re.MULTILINE)


class Fields(Extension):
    """Makes an item of a list of each field or parameter that a docstring describes."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        """Change the docstring of a class or function."""
        if (obj.is_class or obj.is_function) and obj.docstring is not None:
            obj.docstring = Docstring(itemised(obj.docstring.value), parent=obj)


def itemised(text: str) -> str:
    """The paragraphs that begin with ``name: text`` as lists of Markdown."""
    paragraphs = text.split("\n\n")
    for i, paragraph in enumerate(paragraphs):
        if _FIELDS.match(paragraph):
            lines = _FIELDS.sub(r"- `\1`: ", paragraph).split("\n")
            paragraphs[i] = "\n".join(
                line if line.startswith("- ") else f"    {line.strip()}" for line in lines
            )
    return "\n\n".join(paragraphs)
