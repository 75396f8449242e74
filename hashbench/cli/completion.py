"""Completion of options and names in the shell: ``eval "$(register-python-argcomplete hashbench)"``.

The shell calls the program itself, with ``_ARGCOMPLETE`` in its environment; no other call loads this file.
Names are those of the plugins that are there, so that a new method is completed at once.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator
from typing import Any, get_args

import argcomplete

from hashbench.contracts.recipe import Pretraining
from hashbench.plugins.registry import GROUPS, KINDS, Kind, plugins, protocol_names

Names = Callable[..., Iterable[str]]  # argcomplete gives keywords, and keeps what starts as the word does


def complete(parser: argparse.ArgumentParser, **options: Any) -> None:
    """Print what the word at the cursor may be and end the process, as the shell asked.

    options: those of ``argcomplete.autocomplete``.
    """
    for command, action in _arguments(parser):
        names = _NAMES.get((command, action.dest)) or _NAMES.get(("", action.dest))
        if names is not None:
            action.completer = names  # type: ignore[attr-defined]
    argcomplete.autocomplete(parser, always_complete_options=False, **options)


def _arguments(parser: argparse.ArgumentParser, command: str = "") -> Iterator[tuple[str, argparse.Action]]:
    """Every argument of every command, with the command's name."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, child in action.choices.items():
                yield from _arguments(child, name)
        else:
            yield command, action


def _of(*kinds: Kind) -> Names:
    return lambda **_: [name for kind in kinds for name in plugins(kind)]


def _suites(**_: Any) -> list[str]:
    from hashbench.execution.suite import suite_names

    return suite_names()


def _explained(**_: Any) -> list[str]:
    from hashbench.training.network import backbone_names

    return [*_ANY(), *protocol_names(), *_suites(), *backbone_names()]


_METHODS, _DATASETS, _ANY = _of("method"), _of("dataset"), _of(*KINDS)
# By command ("" is any other) and destination of the argument.
_NAMES: dict[tuple[str, str], Names] = {
    ("", "methods"): lambda **_: [*GROUPS, *plugins("method")],
    ("", "datasets"): _DATASETS,
    ("", "features"): _of("feature"),
    ("", "protocols"): lambda **_: protocol_names(),
    ("", "suite"): _suites,
    ("", "pretraining"): lambda **_: get_args(Pretraining),
    ("info", "name"): _explained,
    ("check", "name"): _ANY,
    ("compare", "first"): _METHODS,
    ("compare", "second"): _METHODS,
    ("get", "names"): _DATASETS,
    ("info", "names"): _DATASETS,  # of ``hashbench data``
    ("import", "name"): _DATASETS,
}
