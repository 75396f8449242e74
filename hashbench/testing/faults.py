"""What is said of a check that failed: the error, and the line of the plugin that it comes from."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from traceback import walk_tb
from typing import NamedTuple

from hashbench.errors import HashbenchError
from hashbench.identity.source import own_modules
from hashbench.system.text import text_of


class Fault(NamedTuple):
    """An error in words, in one line.

    place: the plugin's line that it comes from, "own.py, line 14"; "" where it comes from none, as where a
    check compares what the plugin gave.
    """

    words: str
    place: str = ""

    def __str__(self) -> str:
        return f"{self.words} ({self.place})" if self.place else self.words

    def is_like(self, other: Fault) -> bool:
        """Whether both are one fault of the plugin: the numbers, such as sizes of batches, may differ."""
        return self.place == other.place and _unnumbered(self.words) == _unnumbered(other.words)


def fault_of(error: Exception, cls: type) -> Fault:
    """What to say of the error of a check. cls: the plugin's class.

    Errors of ours and of checks say what is wrong already; others are said with their type. One without
    place or words, as from a hook that a base class leaves open, is said with the line that raised it.
    """
    modules = {module.__name__ for module in own_modules(cls)}
    lines = list(walk_tb(error.__traceback__))
    own = [(frame, line) for frame, line in lines if frame.f_globals.get("__name__") in modules]
    words = " ".join(text_of(error).split())
    says_all = isinstance(error, HashbenchError) or (isinstance(error, AssertionError) and not own)
    if words and says_all:
        return Fault(words)
    named = f"{type(error).__name__}: {words}" if words else type(error).__name__
    nearest = own[-1:] or ([] if words else lines[-1:])
    places = [f"{Path(frame.f_code.co_filename).name}, line {line}" for frame, line in nearest]
    return Fault(named, *places)


def grouped(faults: Iterable[tuple[str, Fault]]) -> list[tuple[str, Fault, list[str]]]:
    """Failed checks with those that fail for the same fault: (the first, its fault, the others' names)."""
    groups: list[tuple[str, Fault, list[str]]] = []
    for check, fault in faults:
        for _, known, others in groups:
            if fault.is_like(known):
                others.append(check)
                break
        else:
            groups.append((check, fault, []))
    return groups


def _unnumbered(words: str) -> str:
    return re.sub(r"\d+", "0", words)
