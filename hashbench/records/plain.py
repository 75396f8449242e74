"""Values as a record can hold them: plain data, as JSON has it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hashbench.system.text import plain, repr_of


def as_json(value: Any) -> Any:
    """What JSON gives back for ``value``, so that a record equals itself after a round trip.

    Numpy scalars and arrays become numbers and lists, tuples lists, paths text. Raises ValueError.
    """

    def convert(other: Any) -> Any:
        if hasattr(other, "tolist"):
            return other.tolist()
        if isinstance(other, Path):
            return str(other)
        raise ValueError(f"{type(other).__name__} {other!r} cannot be written as JSON")

    text = json.dumps(value, default=convert, allow_nan=False)
    content = json.loads(text)
    return _without_surrogates(content) if "\\ud" in text else content


def _without_surrogates(content: Any) -> Any:
    if isinstance(content, dict):
        return {plain(key): _without_surrogates(value) for key, value in content.items()}
    if isinstance(content, list):
        return [_without_surrogates(value) for value in content]
    return plain(content) if isinstance(content, str) else content


def recordable(value: Any) -> Any:
    """The value as a record can hold it: itself, or its ``repr`` where it is not plain data."""
    try:
        return as_json(value)
    except KeyboardInterrupt:
        raise
    except BaseException:  # of a plugin's class, whose methods may raise anything
        return repr_of(value)
