"""A table, independent of its output format: ``build`` makes it of records, ``formats`` prints it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from hashbench.contracts.task import MetricInfo
from hashbench.reporting.published import Quote

Group = Literal["controls", "shallow", "deep", "not loaded"]
GROUP_ORDER: tuple[Group, ...] = ("controls", "shallow", "deep", "not loaded")
MISSING = "–"  # noqa: RUF001, the typographic dash


@dataclass(frozen=True)
class Source:
    """Where published numbers come from. number: as notes cite it. minor: named in details only."""

    number: int
    key: str  # for \cite, the same in every table
    text: str
    url: str
    minor: bool = False


@dataclass(frozen=True)
class Note:
    """A line below a table, and the mark that points to it (empty: it is about the whole table).

    source: the number of the source that it cites, before the full stop; 0 for none. ``detail`` is for
    Markdown, where there is room.
    """

    mark: str
    text: str
    source: int = 0
    detail: str = ""

    @property
    def cited(self) -> str:
        """The text with its source."""
        return f"{self.text} [{self.source}]." if self.source else self.text

    @property
    def line(self) -> str:
        """Mark, text and detail in one line."""
        return " ".join(filter(None, (self.mark, self.cited, self.detail)))


@dataclass(frozen=True)
class Value:
    """One table cell: mean and sample standard deviation over the repetitions that are done."""

    mean: float | None = None  # None: no repetition is done, or none has this metric
    sd: float | None = None  # None below two repetitions
    half_width: float | None = None  # of the 95 % interval of the mean; None below two repetitions
    n: int = 0
    failed: int = 0
    best: bool = False
    separable: bool | None = None  # from the best of its column; None: not tested
    mark: str = ""  # of the note on its failures
    quote: Quote | None = None  # the published number beside it
    quote_mark: str = ""


@dataclass(frozen=True)
class Row:
    """One method on one kind of input, with its overridden hyper-parameters; one value a column."""

    group: Group
    key: str  # Cell.row of its cells
    method: str
    params: dict[str, Any]
    label: str  # as printed: the method's name, and what was overridden
    title: str
    supervision: str
    n_labelled: int | None
    n_pool: int
    n_texts: int
    features: str | None  # None: reads images
    learned_from: str | None  # what the features have learned from; None: reads images
    backbone: str | None
    values: tuple[Value, ...]

    @property
    def reads(self) -> str:
        """What the method is given, and what that has learned from: "pixels", "cnn (labels)", "images"."""
        if self.features is None:
            return "" if self.group == "not loaded" else "images"
        is_plain = self.learned_from in (None, "nothing")
        return self.features if is_plain else f"{self.features} ({self.learned_from})"

    @property
    def sees(self) -> str:
        """What the method or its features learned from besides plain images."""
        if self.n_labelled is None:
            return ""
        labels = f"{self.n_labelled:,} labels"
        if self.supervision == "unsupervised":
            place = "in backbone" if self.features is None else "in features"
            seen = f"{labels} {place}" if self.n_labelled else ""
        else:
            seen = f"{labels} + {self.n_pool:,} images" if self.n_pool else labels
        if self.n_texts:
            seen = ", ".join(filter(None, (seen, f"{self.n_texts:,} texts")))
        unstated = "features: not stated" if self.learned_from == "not stated" else ""
        if self.learned_from == "labels" and not self.n_labelled:
            unstated = "labels in features, not this split's"
        return "; ".join(filter(None, (seen, unstated))) or "none"


@dataclass(frozen=True)
class Table:
    """A table of one metric. ``bits`` are its columns; (None,) where no method makes codes."""

    title: str
    dataset: str
    protocol: str
    recipe: str  # what tells its recipe from others of this data set and protocol; empty without others
    metric: str
    info: MetricInfo
    digests: dict[str, str]
    bits: tuple[int | None, ...]
    rows: tuple[Row, ...]
    summary: str  # the caption in a sentence
    caption: tuple[str, ...]  # one sentence or two each
    notes: tuple[Note, ...]
    sources: tuple[Source, ...] = ()

    @property
    def has_published(self) -> bool:
        """Whether any row has a published number."""
        return any(value.quote for row in self.rows for value in row.values)
