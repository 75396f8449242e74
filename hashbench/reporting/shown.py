"""Tables whose text shows what a terminal, a page or a spreadsheet would obey."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

from hashbench.system.text import visible

T = TypeVar("T")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a cell that begins so is computed by a spreadsheet


def shown(value: T) -> T:
    """The value with the control characters of all texts in it, at any depth, as escapes."""
    return _shown(value)


def inert(text: str) -> str:
    """The text of a CSV cell, which no spreadsheet takes for a formula: it begins with an apostrophe then."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def _shown(value: Any) -> Any:
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, tuple):
        return tuple(map(_shown, value))
    if not is_dataclass(value) or isinstance(value, type):
        return value
    parts = {field.name: getattr(value, field.name) for field in fields(value)}
    changed = {name: _shown(part) for name, part in parts.items()}
    changed = {name: part for name, part in changed.items() if part != parts[name]}
    return replace(value, **changed) if changed else value
