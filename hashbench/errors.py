"""Every error a user can cause. Each message names the culprit, the fault and the cure.

The command line prints the message without a traceback and exits with ``exit_code``.
"""

from collections.abc import Iterable
from difflib import get_close_matches


class HashbenchError(Exception):
    """Base class. Exit code 2: the call was wrong; nothing was computed and nothing was lost."""

    exit_code = 2


class UnknownNameError(HashbenchError, LookupError):
    """A name that is not among those available; suggests the nearest one, ignoring case.

    like: the names that may be suggested, where the available ones are patterns.
    """

    def __init__(
        self, kind: str, name: str, available: Iterable[str], like: Iterable[str] | None = None
    ) -> None:
        names = sorted(available)
        forms = {form.lower(): form for form in (names if like is None else like)}
        near = get_close_matches(name.lower(), forms, n=1)
        hint = f"; did you mean '{forms[near[0]]}'?" if near else ";"
        super().__init__(f"unknown {kind} '{name}'{hint} available: {', '.join(names)}")
        self.kind, self.name, self.available = kind, name, names
        self._like = None if like is None else list(forms.values())

    def __reduce__(self) -> tuple[type, tuple[str, str, list[str], list[str] | None]]:
        return type(self), (self.kind, self.name, self.available, self._like)  # workers send errors pickled


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
