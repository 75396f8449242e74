"""Beyond argparse: suggestions for a misspelt word, and options that may be given several times."""

from __future__ import annotations

import argparse
import re
from difflib import get_close_matches
from typing import Any, NoReturn


class Parser(argparse.ArgumentParser):
    """Suggests the nearest option or command for one that does not exist."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, **options)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Refuse what is not known, here in the command, which can suggest its own options."""
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
        self.exit(2, f"error: {message}; see '{self.prog} --help'\n")


class Several(argparse.Action):
    """The values of an option that may also be given several times; the first ones replace the default."""

    def __init__(self, **options: Any) -> None:
        super().__init__(nargs="+", **options)

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: str | None = None) -> None:
        """Add the values to those there are."""
        before = getattr(namespace, self.dest)
        setattr(namespace, self.dest, [*([] if before is self.default else before), *values])
