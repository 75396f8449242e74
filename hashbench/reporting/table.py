"""What a table is, whatever it is printed as: ``build`` makes it of records, ``formats`` prints it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from hashbench.reporting.published import Quote

Group = Literal["controls", "shallow", "deep", "not loaded"]
GROUPS: tuple[Group, ...] = ("controls", "shallow", "deep", "not loaded")
MISSING = "–"  # noqa: RUF001, the typographic dash
DECIMALS = 3  # as printed; a tie for the best value is decided as printed too


@dataclass(frozen=True)
class Note:
    """A line below a table, and the mark that points to it (empty: it is about the whole table).

    ``detail`` and whole notes that are ``minor`` are for Markdown, where there is room.
    """

    mark: str
    text: str
    detail: str = ""
    minor: bool = False

    @property
    def line(self) -> str:
        """Mark, text and detail in one line."""
        return " ".join(filter(None, (self.mark, self.text, self.detail)))


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
    features: str | None  # None: reads images
    backbone: str | None
    values: tuple[Value, ...]

    @property
    def reads(self) -> str:
        """What the method is given: "pixels", "cnn" or "images"."""
        return self.features or ("" if self.group == "not loaded" else "images")

    @property
    def sees(self) -> str:
        """The labels that the method may see, in words."""
        if self.n_labelled is None:
            return ""
        if self.supervision == "supervised":
            return f"{self.n_labelled:,} labels"
        return "in features" if self.n_labelled else "none"


@dataclass(frozen=True)
class Table:
    """A table of one metric. ``bits`` are its columns; (None,) where no method makes codes."""

    title: str
    dataset: str
    protocol: str
    metric: str
    digests: dict[str, str]
    bits: tuple[int | None, ...]
    rows: tuple[Row, ...]
    caption: tuple[str, ...]  # one sentence or two each
    notes: tuple[Note, ...]

    @property
    def has_published(self) -> bool:
        """Whether any row has a published number."""
        return any(value.quote for row in self.rows for value in row.values)
