"""The directives of ``docs/pages``: what each is called, which options it takes, and what writes it."""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from directives.claims import CLAIMS, claims
from directives.commands import commands
from directives.compare import CLAIM, compare
from directives.curve import FIGURE, curve
from directives.fidelity import FIDELITY, ORDER, fidelity, order
from directives.page import FILTERS, Files, Page, missing, select
from directives.picture import PICTURE, picture
from directives.provenance import provenance
from directives.ranking import CURVES, ranking
from directives.ranks import RANKS, ranks
from directives.table import TABLE, table
from directives.training import LOSS, training
from hashbench.errors import InvalidInputError


class _Parser(ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise InvalidInputError(message)


@dataclass(frozen=True)
class Directive:
    """write: (page, the records that it selects, options) to Markdown.

    options: its own ones, as ``ArgumentParser.add_argument`` takes them. filters: whether it selects records;
    if so, ``write`` is called only where there are any.
    """

    write: Callable[[Page, Files, Namespace], str]
    options: Mapping[tuple[str, ...], Mapping[str, Any]] = field(default_factory=dict)
    filters: bool = True

    def parse(self, words: list[str]) -> Namespace:
        """The options of a call. Raises InvalidInputError that names what is wrong."""
        parser = _Parser(add_help=False, allow_abbrev=False)
        for names, given in {**(FILTERS if self.filters else {}), **self.options}.items():
            parser.add_argument(*names, **given)
        return parser.parse_args(words)

    def body(self, page: Page, options: Namespace) -> str:
        """What stands between the marks."""
        if not self.filters:
            return self.write(page, page.shown, options)
        files = select(page.files, options)
        text = self.write(page, files, options) if files else ""
        return "\n\n".join(filter(None, (text.strip(), missing(files, options, page))))


DIRECTIVES = {
    "table": Directive(table, TABLE),
    "suite": Directive(table, {**TABLE, ("--suite",): {"required": True}}),
    "compare": Directive(compare, CLAIM),
    "curve": Directive(curve, FIGURE),
    "ranking": Directive(ranking, CURVES),
    "fidelity": Directive(fidelity, FIDELITY),
    "order": Directive(order, ORDER),
    "ranks": Directive(ranks, RANKS),
    "training": Directive(training, LOSS),
    "claims": Directive(claims, CLAIMS),
    "picture": Directive(picture, PICTURE, filters=False),
    "commands": Directive(commands, filters=False),
    "provenance": Directive(provenance),
}
