"""Sets published numbers beside the rows of a table, and says in notes where they come from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from hashbench.reporting.published import PublishedNumber, Quote, quotes, unplaced
from hashbench.reporting.table import DECIMALS, MISSING, Note, Row

_TIES = (
    "Published mAP breaks ties in whatever order its authors' code sorts; at 12 bits that alone is worth up "
    "to ±0.12, at 48 bits ±0.04."
)


@dataclass
class Citations:
    """The published numbers of one table.

    A double dagger stands at each number that is not comparable; its note gives the reasons, the source, and
    the numbers it was preferred to. Sources are numbered in the order of their first mention.
    """

    dataset: str
    protocol: str
    metric: str
    bits: tuple[int | None, ...]
    _cited: dict[str, tuple[str, Row, PublishedNumber]] = field(default_factory=dict)  # by a note's text
    _sources: list[str] = field(default_factory=list)

    def beside(self, rows: Iterable[Row]) -> list[Row]:
        """The rows with published numbers at their values.

        Controls have none; nor has a row with overridden hyper-parameters: it is not what was published.
        """
        return [
            row if row.group in ("controls", "not loaded") or row.params else self._beside(row)
            for row in rows
        ]

    def notes(self, methods: Sequence[str]) -> list[Note]:
        """The notes to what ``beside`` set, and on numbers of ``methods`` without a column; then sources."""
        unstated = [
            Note("‡", self._unplaced(number)) for number in unplaced(methods, self.dataset, self.metric)
        ]
        n_main = len(self._sources)  # the others' sources come after them
        notes = [
            Note(mark, text, self._others(row, chosen)) for text, (mark, row, chosen) in self._cited.items()
        ]
        ties = [Note("", _TIES)] if notes else []
        sources = [Note(f"[{i}]", text, minor=i > n_main) for i, text in enumerate(self._sources, 1)]
        return notes + unstated + ties + sources

    def _beside(self, row: Row) -> Row:
        values = []
        for column, value in zip(self.bits, row.values, strict=True):
            found = self._quotes(row, column)
            if found:
                text = self._text(row, found[0])
                if text not in self._cited:
                    number = 1 + sum(mark != "" for mark, *_ in self._cited.values())
                    self._cited[text] = (f"‡{number}" if found[0].reasons else "", row, found[0].number)
                value = replace(value, quote=found[0], quote_mark=self._cited[text][0])
            values.append(value)
        return replace(row, values=tuple(values))

    def _quotes(self, row: Row, column: int | None) -> list[Quote]:
        if column is None:
            return []
        return quotes(
            row.method, self.dataset, self.protocol, self.metric, column, row.features, row.backbone
        )

    def _text(self, row: Row, quote: Quote) -> str:
        """The note on a number, the same for all columns that it holds for."""
        same = f"{quote.number.features}: same split, same class of network"
        return f"{row.method}: {'; '.join(quote.reasons) or same} {self._cite(quote.number)}."

    def _others(self, row: Row, chosen: PublishedNumber) -> str:
        """The numbers that ``chosen`` was preferred to, a line of the table's columns each."""
        others: dict[tuple[str, str], dict[int | None, float]] = {}
        for column in self.bits:
            for other in self._quotes(row, column):
                number = other.number
                if (number.source, number.features) != (chosen.source, chosen.features):
                    what = "; ".join(filter(None, (number.features, other.other_split)))
                    others.setdefault((what, self._cite(number)), {})[column] = number.value
        parts = []
        for (what, source), found in others.items():
            line = " ".join(f"{found[bits]:.{DECIMALS}f}" if bits in found else MISSING for bits in self.bits)
            parts.append(f"{line} ({what}) {source}")
        return f"Others: {', '.join(parts)}." if parts else ""

    def _unplaced(self, number: PublishedNumber) -> str:
        length = f"{number.bits} bits" if number.bits else "bit length not stated"
        text = (
            f"{number.method}: published {number.value:.{DECIMALS}f}, {length}, protocol {number.protocol}; "
        )
        return f"{text}{number.features} {self._cite(number)}."

    def _cite(self, number: PublishedNumber) -> str:
        text = f"{number.source}, {number.url}"
        if text not in self._sources:
            self._sources.append(text)
        return f"[{self._sources.index(text) + 1}]"
