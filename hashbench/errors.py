"""Every error a user can cause. Each message names the culprit, the fault and the cure.

The command line prints the message without a traceback and exits with ``exit_code``.
"""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any

# What ``hashbench list`` lists.
LISTED = ("methods", "datasets", "features", "tasks", "protocols", "metrics", "suites", "backbones")
FEW = 12  # names that fit into a message


class HashbenchError(Exception):
    """Base class. Exit code 2: the call was wrong; nothing was computed and nothing was lost."""

    exit_code = 2


class UnknownNameError(HashbenchError, LookupError):
    """A name that is not among those available. Suggests the nearest ones, ignoring case.

    All available names are in the message if they are few; if they are many, the command that lists them.
    like: the names that may be suggested, where the available ones are patterns.
    lists: WHAT of ``hashbench list WHAT`` has the names; by default the plural of ``kind``, where it is one.
    meant: names that are suggested in place of the nearest ones, if there are any.
    """

    def __init__(
        self,
        kind: str,
        name: str,
        available: Iterable[str],
        like: Iterable[str] | None = None,
        lists: Sequence[str] | None = None,
        meant: Sequence[str] = (),
    ) -> None:
        names = sorted(available)
        forms = names if like is None else list(like)
        lists = [f"{kind}s"] * (f"{kind}s" in LISTED) if lists is None else list(lists)
        short = not lists or len(names) <= FEW
        near = [f"'{form}'" for form in meant or nearest(name, forms, 1 if short else 3)]
        guess = f" did you mean {one_of(near)}?" if near else ""
        rest = f"available: {', '.join(names)}" if short else f"see {_command(lists)}"
        rest = rest if names else "there is none"
        super().__init__(f"unknown {kind} '{name}';{guess} {rest}")
        self.kind, self.name, self.available = kind, name, names
        self._given = forms, lists, meant

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.kind, self.name, self.available, *self._given)  # workers send errors pickled


def nearest(name: str, names: Iterable[str], n: int = 3) -> list[str]:
    """At most ``n`` of the names that are spelt almost as ``name``, the nearest first; one that differs in
    case alone stands alone.
    """
    forms = {form.lower(): form for form in names}
    if name.lower() in forms:
        return [forms[name.lower()]]
    return [forms[near] for near in get_close_matches(name.lower(), forms, n=n)]


def _command(lists: list[str]) -> str:
    if len(lists) == 1:
        return f"'hashbench list {lists[0]}'"
    return f"'hashbench list WHAT', where WHAT is {one_of(lists)}"


def one_of(words: Sequence[str]) -> str:
    """The words as a choice: ``a, b or c``."""
    return " or ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


class InvalidInputError(HashbenchError, ValueError):
    """Data or a parameter that cannot be used as given."""


class DamagedRecordError(InvalidInputError):
    """A file that should hold a record and does not; a run computes its cell anew."""


class BrokenPluginError(HashbenchError):
    """A plugin that cannot be imported or does not fulfil its contract; the cause is chained."""


class MixedProtocolsError(HashbenchError):
    """Records that were obtained under different protocols and so cannot share a table."""


class ClusterError(HashbenchError):
    """The cluster cannot be reached, or is gone. Exit code 1: what was finished is saved."""

    exit_code = 1


class LeasedError(HashbenchError):
    """Another process is at work on the same file, and will write it."""

    exit_code = 1


class MissingDataError(HashbenchError):
    """A data set that is not on this machine. Exit code 3: fetch it, then call again."""

    exit_code = 3
