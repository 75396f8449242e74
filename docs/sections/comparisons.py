"""The method against its rivals, query by query."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from hashbench.errors import HashbenchError
from hashbench.records import Record
from hashbench.reporting import compare_rows
from hashbench.reporting.comparison import Comparison
from hashbench.reporting.significance import ALPHA
from sections.records import METHOD, SETTINGS, title

RIVALS = ("dtsh", "dpsh", "dsh", "classifier", "itq:cnn", "ksh:pixels")


@dataclass(frozen=True)
class Compared:
    """The method minus each of some rows, and why the others could not be compared."""

    found: Mapping[str, list[Comparison]]
    faults: Mapping[str, str]

    @property
    def tally(self) -> tuple[int, int, int]:
        """Comparisons in which the method is separably better, separably worse, and all."""
        every = list(chain(*self.found.values()))
        better = sum(separable(c) and c.difference > 0 for c in every)
        return better, sum(map(separable, every)) - better, len(every)

    def in_words(self) -> str:
        """The tally."""
        better, worse, n = self.tally
        return (
            f"separably better in {better} of {n} comparisons, separably worse in {worse}, "
            f"not separable in {n - better - worse}"
        )

    def not_compared(self) -> str:
        """A list of the faults, with its heading; empty without any."""
        faults = [f"- `{name}`: {fault}" for name, fault in self.faults.items()]
        return "\n".join(["Not compared:", "", *faults]) if faults else ""


def against(files: Mapping[Path, Record], rows: Iterable[str]) -> Compared:
    """The method against each row in all settings and code lengths that both have."""
    found, faults = {}, {}
    for row in rows:
        try:
            found[row] = compare_rows(files, METHOD, row)
        except HashbenchError as error:
            faults[row] = str(error)
    return Compared(found, faults)


def separable(c: Comparison) -> bool:
    """Whether the two differ by more than another draw of queries explains."""
    return c.p_holm <= ALPHA


def difference(c: Comparison) -> str:
    """The difference and its interval, bold where the two are separable."""
    text = f"{c.difference:+.3f} [{c.low:+.3f}, {c.high:+.3f}]"
    return f"**{text}**" if separable(c) else text


TESTED = f"""
Bold: separable (paired bootstrap over the queries, repetitions averaged; p Holm-corrected over a column, at
most {ALPHA:.2f}). Another draw of queries is covered, another training is not.
""".strip()


def differences_table(compared: Compared, titles: Mapping[str, str]) -> str:
    """Differences by setting and code length, a column a row that could be compared."""
    columns = list(compared.found)
    cells = {
        ((c.dataset, c.protocol), c.bits, name): difference(c)
        for name, comparisons in compared.found.items()
        for c in comparisons
    }
    lines = [
        f"| data, protocol | bits | {' | '.join(titles[name] for name in columns)} |",
        f"|---|---:|{'---|' * len(columns)}",
    ]
    places = {(setting, bits) for setting, bits, _ in cells}
    for setting, bits in sorted(places, key=lambda place: ([*SETTINGS].index(place[0]), place[1] or 0)):
        values = [cells.get((setting, bits, name), "") for name in columns]
        lines.append(f"| {title(setting)} | {bits} | {' | '.join(values)} |")
    return "\n".join(lines)


def rivals(compared: Compared) -> str:
    """Whether the loss wins."""
    parts = ["## Does the exponentiated loss win?"]
    if compared.found:
        parts += [
            f"Difference in mAP, `{METHOD}` minus the other, with its 95 % interval. Rows that are not on\n"
            f"pixels have the same network, labels and start.\n{TESTED}",
            differences_table(compared, {name: f"minus {name}" for name in compared.found}),
            f"The method is {compared.in_words()}.",
        ]
    return "\n\n".join(filter(None, [*parts, compared.not_compared()]))
