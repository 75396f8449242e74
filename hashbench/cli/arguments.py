"""What argparse lacks: suggested names, options given several times; options that commands share."""

from __future__ import annotations

import argparse
import os
import re
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NoReturn

from hashbench.errors import LISTED


class Parser(argparse.ArgumentParser):
    """Suggests the nearest option or command for one that does not exist."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, **options)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Refuse unknown arguments here in the command, which can suggest its own options."""
        known, extras = super().parse_known_args(args, namespace)
        if extras:
            self.error(f"unrecognized arguments: {' '.join(extras)}")
        return known, extras

    def error(self, message: str) -> NoReturn:
        """Print one line and exit with code 2."""
        wrong = re.search(r"unrecognized arguments: (\S+)|invalid choice: '([^']*)'", message)
        if wrong:
            known = [*self._option_string_actions]
            for action in self._actions:
                known += action.choices or ()
            near = get_close_matches(wrong[1] or wrong[2], known, n=1)
            if near:
                message += f"; did you mean '{near[0]}'?"
            else:
                message += self._place_of(wrong[1], wrong[2])
        message += self._meaning_of(message.partition("arguments are required: ")[2])
        self.exit(2, f"error: {message}{'' if message.endswith('?') else ';'} see '{self.prog} --help'\n")

    def _place_of(self, argument: str | None, choice: str | None) -> str:
        """Where a word belongs: one that no option takes behind an option, a choice behind a command."""
        if argument and os.path.isdir(argument) and any(action.dest == "results" for action in self._actions):
            return "; one folder of records only"
        if argument and argument[0] != "-" and "--methods" in self._option_string_actions:
            return f"; names stand behind an option, such as --methods {argument}"
        return f"; did you mean 'list {choice}'?" if choice in LISTED else ""

    def _meaning_of(self, missing: str) -> str:
        """What the one argument that is missing can be, in brackets; nothing where several are, or none."""
        for action in self._actions:
            if missing and missing == ("/".join(action.option_strings) or action.metavar or action.dest):
                return f" ({', '.join(action.choices) if action.choices else action.help})"
        return ""


class Several(argparse.Action):
    """The values of an option that may also be given several times; the first ones replace the default."""

    def __init__(self, **options: Any) -> None:
        super().__init__(nargs="+", **options)

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: str | None = None) -> None:
        """Append the values to those given before."""
        before = getattr(namespace, self.dest)
        setattr(namespace, self.dest, [*([] if before is self.default else before), *values])


def a_path(text: str) -> Path:
    """The path, which must not be empty: an empty one would stand for the current folder."""
    if not text:
        raise argparse.ArgumentTypeError("must be a path, not empty")
    return Path(text)


def add_selection(parser: Any) -> None:
    """The options that select records: the arguments of ``reporting.only``."""
    group = parser.add_argument_group("only some of the records")
    for plural, letter, text in (
        ("methods", "m", "names, or all, shallow, deep, control; default: all"),
        ("datasets", "d", "default: all"),
        ("protocols", "p", "default: all"),
    ):
        names = f"--{plural}", f"--{plural[:-1]}", f"-{letter}"
        group.add_argument(*names, action=Several, default=[], metavar="NAME", help=text)
    group.add_argument(
        "--features",
        action=Several,
        default=[],
        metavar="NAME",
        help="what methods read: a feature, or images; default: all",
    )
    group.add_argument(
        "--bits",
        "-b",
        action=Several,
        default=[],
        type=int,
        metavar="N",
        help="of methods that make codes; the others stay",
    )
    group.add_argument("--digest", metavar="HEX", help="whose task, recipe, split or data digest starts so")


def command(commands: Any, name: str, call: str, text: str, **options: str) -> argparse.ArgumentParser:
    """Add a command; ``call`` names the function that does its work, ``options`` are arguments of it."""
    parser: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text)
    parser.set_defaults(call=call, **options)
    return parser


def a_count(text: str) -> int:
    """A whole number from 1 on."""
    if not text.isdecimal() or int(text) < 1:
        apart = "; write a space between numbers, no comma" if "," in text else ""
        raise argparse.ArgumentTypeError(f"must be a whole number from 1 on, not '{text}'{apart}")
    return int(text)


def add_plugin(parser: Any) -> None:
    """The option for files with plugins."""
    parser.add_argument(
        "--plugin",
        action=Several,
        dest="plugins",
        type=a_path,
        default=[],
        metavar="FILE.py",
        help="a method, data set, feature or task of yours",
    )


def add_results(parser: Any, metrics: str = "the headline of the task") -> None:
    """Options of ``table``, ``report`` and ``compare``: the records to read and the metrics to show."""
    parser.add_argument("results", nargs="?", type=a_path, default=Path("runs"), help="folder; default: runs")
    parser.add_argument("--metric", action=Several, default=[], metavar="NAME", help=f"default: {metrics}")
    add_plugin(parser)


def add_data_dir(parser: Any) -> None:
    """The option for the folder of the data sets."""
    parser.add_argument(
        "--data-dir",
        type=a_path,
        metavar="DIR",
        help="folder of the data sets; default: $HASHBENCH_DATA, then the cache",
    )
