"""Sets published numbers beside the rows of a table, and says in notes where they come from."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from hashbench.reporting.published import PublishedNumber, Quote, quotes, unplaced
from hashbench.reporting.table import MISSING, Note, Row, Source

_TIES = (
    "Published mAP breaks ties in whatever order its authors' code sorts; at 12 bits that alone is worth up "
    "to ±0.12, at 48 bits ±0.04."
)


@dataclass
class Citations:
    """The published numbers of one table.

    A double dagger stands at each number that is not comparable; its note gives the reasons, the source, and
    the numbers it was preferred to. Sources are numbered in the order of their first mention.
    _cited: maps a note's text and source to its mark and to one row and number that it is about.
    """

    dataset: str
    protocol: str
    metric: str
    bits: tuple[int | None, ...]
    decimals: int
    _cited: dict[tuple[str, int], tuple[str, Row, PublishedNumber]] = field(default_factory=dict)
    _sources: list[PublishedNumber] = field(default_factory=list)  # a number of each source
    _n_main: int = 0  # the sources after these are cited in details only

    @property
    def sources(self) -> tuple[Source, ...]:
        """What the notes cite."""
        return tuple(
            Source(i, cite_key(number.source, number.url), number.source, number.url, i > self._n_main)
            for i, number in enumerate(self._sources, 1)
        )

    def beside(self, rows: Iterable[Row]) -> list[Row]:
        """The rows with published numbers at their values.

        Controls have none; nor has a row with overridden hyper-parameters: it is not what was published.
        """
        return [
            row if row.group in ("controls", "not loaded") or row.params else self._beside(row)
            for row in rows
        ]

    def notes(self, methods: Sequence[str]) -> list[Note]:
        """The notes on the numbers that ``beside`` set, and on numbers of ``methods`` without a column."""
        unstated = [self._unplaced(number) for number in unplaced(methods, self.dataset, self.metric)]
        self._n_main = len(self._sources)
        notes = [
            Note(mark, text, source, self._others(row, chosen))
            for (text, source), (mark, row, chosen) in self._cited.items()
        ]
        ties = [Note("", _TIES)] if notes else []
        return notes + unstated + ties

    def _beside(self, row: Row) -> Row:
        values = []
        for column, value in zip(self.bits, row.values, strict=True):
            found = self._quotes(row, column)
            if found:
                note = self._text(row, found[0]), self._cite(found[0].number)
                if note not in self._cited:
                    number = 1 + sum(mark != "" for mark, *_ in self._cited.values())
                    self._cited[note] = (f"‡{number}" if found[0].reasons else "", row, found[0].number)
                value = replace(value, quote=found[0], quote_mark=self._cited[note][0])
            values.append(value)
        return replace(row, values=tuple(values))

    def _quotes(self, row: Row, column: int | None) -> list[Quote]:
        if column is None:
            return []
        ours = row.features, row.backbone, row.learned_from
        return quotes(row.method, self.dataset, self.protocol, self.metric, column, *ours)

    def _text(self, row: Row, quote: Quote) -> str:
        """The note on a number, the same for all columns that it holds for."""
        same = (
            f"{quote.number.features}: same split, same class of {'features' if row.features else 'network'}"
        )
        return f"{row.method}: {'; '.join(quote.reasons) or same}"

    def _others(self, row: Row, chosen: PublishedNumber) -> str:
        """The numbers that ``chosen`` was preferred to, one line over the table's columns per source."""
        others: dict[tuple[str, int], dict[int | None, float]] = {}
        for column in self.bits:
            for other in self._quotes(row, column):
                number = other.number
                if (number.source, number.features) != (chosen.source, chosen.features):
                    what = "; ".join(filter(None, (number.features, other.other_split)))
                    others.setdefault((what, self._cite(number)), {})[column] = number.value
        parts = []
        for (what, source), found in others.items():
            line = " ".join(
                f"{found[bits]:.{self.decimals}f}" if bits in found else MISSING for bits in self.bits
            )
            parts.append(f"{line} ({what}) [{source}]")
        return f"Others: {', '.join(parts)}." if parts else ""

    def _unplaced(self, number: PublishedNumber) -> Note:
        length = f"{number.bits} bits" if number.bits else "bit length not stated"
        text = (
            f"{number.method}: published {number.value:.{self.decimals}f}, {length}, "
            f"protocol {number.protocol}; {number.features}"
        )
        return Note("‡", text, self._cite(number))

    def _cite(self, number: PublishedNumber) -> int:
        """The number of its source."""
        known = [(other.source, other.url) for other in self._sources]
        if (number.source, number.url) not in known:
            self._sources.append(number)
            return len(self._sources)
        return known.index((number.source, number.url)) + 1


def cite_key(source: str, url: str) -> str:
    """A key for \\cite that is the same in every table: ``xia2014-3f9c``."""
    word = re.match(r"[^\W\d_]+", source)
    year = re.search(r"\b(?:19|20)\d\d\b", source)
    name = word[0].lower() if word and word[0].isascii() else "source"
    digest = hashlib.sha256(f"{source} {url}".encode()).hexdigest()[:4]
    return f"{name}{year[0] if year else ''}-{digest}"
