"""The contract of a task: which images a fitted method encodes, and how its codes are scored.

A file in ``hashbench/tasks/`` (or of a plugin) holds one subclass of ``Task`` and ``PROTOCOLS``, the named
protocols made from it. Everything that differs between tasks is here: splits, metrics and their direction,
what a value belongs to, what is stored for scoring again.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from hashbench.contracts.codes import Codes
from hashbench.contracts.dataset import Images
from hashbench.system.shown import Shown

if TYPE_CHECKING:
    from hashbench.contracts.method import HashMethod

Index = NDArray[np.int64]


@dataclass(frozen=True, eq=False, repr=False)
class Split(Shown):
    """Which images a cell learns on and which are encoded: indices into one ``Images``, int64, each sorted.

    train: the images that are learned on, with their labels.
    parts: what is encoded and scored, by the task's names; no method sees them before it is fitted.
    pool: the images that a semi-supervised method sees beside ``train``, without labels.
    counts: the sizes that a record and a caption state, by name. description: the same as one line of text.
    """

    train: Index
    parts: Mapping[str, Index]
    pool: Index
    counts: Mapping[str, int]
    description: str

    def _shown(self) -> dict[str, str]:
        sizes = {"train": self.train, **self.parts, "pool": self.pool}
        return {name: f"{len(index):,}" for name, index in sizes.items() if len(index)}

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the training images and of every part; the pool follows from them and from the task."""
        hasher = hashlib.sha256()
        for name, indices in {"train": self.train, **self.parts}.items():
            hasher.update(f"{name}:{len(indices)};".encode() + np.ascontiguousarray(indices, "<i8").tobytes())
        return hasher.hexdigest()


class Encoder(Protocol):
    """A fitted method as a task uses it. Values are (n, n_bits) float32, bit = value > 0."""

    @property
    def output(self) -> Literal["codes", "vectors"]:
        """What the values are; vectors are an embedding of any length, ranked by cosine."""

    def at(self, index: Index) -> NDArray[np.float32]:
        """The values of the data set's images at ``index``."""

    def of(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The values of any images (n, c, h, w) uint8, such as changed copies."""

    def of_texts(self, rows: NDArray[np.uint8]) -> NDArray[np.float32]:
        """The values of any texts (n, V) uint8. Only methods that read texts have them."""


class Stored(NamedTuple):
    """Codes as a run stores them beside a record, with what is needed to score them."""

    codes: Codes
    labels: NDArray


@dataclass(frozen=True, eq=False, repr=False)
class Outcome(Shown):
    """The scores of a fitted method under a task.

    values: metrics by name, means over the units. per_unit: (n_units,) float64 by name, only of
    metrics that are means over units. health: facts of the codes alone. stored: by name, for
    ``rescore``.
    """

    values: Mapping[str, float]
    per_unit: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    curves: Mapping[str, list[float]] = field(default_factory=dict)
    health: Mapping[str, float] = field(default_factory=dict)
    stored: Mapping[str, Stored] = field(default_factory=dict)

    def _shown(self) -> dict[str, str]:
        return {name: f"{value:.4g}" for name, value in self.values.items()}


@dataclass(frozen=True)
class MetricInfo:
    """What a metric's name stands for, and how it is printed.

    better: which direction is better; None where neither is, such as for a count of codes.
    of: "units", each of which has a value; "set", where only all together have one; "codes", where the
    value depends on the codes alone.
    least: no value is below it; None where there is no such bound.
    """

    definition: str
    better: Literal["higher", "lower"] | None = "higher"
    decimals: int = 3
    of: Literal["units", "set", "codes"] = "units"
    least: float | None = None

    def best(self, values: Sequence[float]) -> float | None:
        """The best of some values; None where there are none, or where no direction is better."""
        if not values or self.better is None:
            return None
        return max(values) if self.better == "higher" else min(values)


@dataclass(frozen=True)
class Task(ABC):
    """A task. Its fields are the numbers of the split: they alone make the split's digest."""

    # Increase it by hand when the same values can get other scores, or the pool can change.
    version: ClassVar[int] = 1
    # What a value belongs to, and what the bootstrap draws, in singular and plural.
    unit: ClassVar[tuple[str, str]]
    # The first is the headline: what tables, progress and comparisons show unless asked otherwise.
    default_metrics: ClassVar[tuple[str, ...]]
    # The code lengths of a run that names none.
    default_bits: ClassVar[tuple[int, ...]] = (12, 48)
    # The protocol of a run that names none; None: such a run leaves the task out.
    usual_protocol: ClassVar[str | None] = None

    @classmethod
    def name(cls) -> str:
        """The registry name: the stem of the file that defines the class."""
        return cls.__module__.rpartition(".")[2]

    @classmethod
    def headline(cls) -> str:
        """The metric that is shown first."""
        return cls.default_metrics[0]

    @property
    def text_view(self) -> str | None:
        """Which texts of a data set the task needs; None: it needs none."""
        return None

    def accepts(self, method: type[HashMethod], images: Images | None = None) -> str | None:
        """Why a method cannot do this task (on these images, where given); None where it can.

        A method that is not made for the task (``HashMethod.made_for``) may still be able to do it.
        """
        if method.reads_text and self.text_view is None:
            return f"{method.name()} learns from images with texts; {self.name()} has images only"
        if self.text_view is not None and not method.reads_text:
            return f"{method.name()} encodes images only; {self.name()} asks for codes of texts too"
        return None

    @abstractmethod
    def split(self, images: Images, dataset: str) -> Split:
        """The split of a data set: a pure function of its name, its labels and the task's fields.

        Raises InvalidInputError where there are too few images.
        """

    @abstractmethod
    def evaluate(self, encode: Encoder, images: Images, split: Split, device: str) -> Outcome:
        """Encode the parts of the split and score them."""

    @abstractmethod
    def rescore(self, stored: Mapping[str, Stored], metrics: Sequence[str], device: str) -> Outcome:
        """Score stored codes again: the default metrics, and those named in ``metrics``.

        Raises UnknownNameError, and InvalidInputError for a metric that cannot be computed of them.
        """

    @classmethod
    def ceiling(cls, metric: str) -> tuple[str, str] | None:
        """What perfect codes would reach: the recorded metric that says it, and what to call it in a table.

        None where nothing bounds the metric but its own range.
        """
        return None

    @classmethod
    @abstractmethod
    def describe(cls, metric: str) -> MetricInfo:
        """What a metric's name stands for. Raises UnknownNameError."""

    @classmethod
    @abstractmethod
    def metrics(cls) -> Mapping[str, MetricInfo]:
        """Every metric by name or, where a name holds a number, by its pattern: ``precision@K``."""
