"""One cell of a grid with all that is needed to run it, and what several cells share."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from hashbench.contracts.feature import Feature, TrainedFeature
from hashbench.contracts.protocol import Protocol
from hashbench.contracts.recipe import Invariances
from hashbench.identity.digest import digest_of
from hashbench.identity.source import plugin_digest
from hashbench.records import Cell


@dataclass(frozen=True)
class Setting:
    """A data set under a protocol, in one repetition.

    spec: what loads the data set, ``folder:/home/me/photos``; records hold its label. protocol: the
    named one, with the grid's recipe. invariances, small: the data set's.
    """

    spec: str
    protocol: Protocol
    invariances: Invariances
    repetition: int
    small: bool = False


@dataclass(frozen=True)
class Artefact:
    """What several cells share, made first: a trained network, the rows of a feature, or both."""

    setting: Setting
    feature: Feature
    rows: bool  # whether a cell reads them; else only the network is needed

    @property
    def key(self) -> tuple[Setting, Feature]:
        """Artefacts with the same key are the same network, whether its rows are read or not."""
        return self.setting, self.feature


@dataclass(frozen=True)
class Work:
    """A cell and its setting.

    feature: what the method reads; None: images. start: the trained feature whose network a deep method
    starts from; None: it starts afresh. label: the suite's name for the cell's row, or "".
    method_source: the digest of the method's file; None for a broken one. rooms: the numbers of the shared
    rooms and of the feature that its results depend on.
    """

    cell: Cell
    setting: Setting
    feature: Feature | None = None
    start: TrainedFeature | None = None
    label: str = ""
    method_source: str | None = None
    rooms: tuple[tuple[str, int], ...] = ()

    @property
    def title(self) -> str:
        """The row's label, the method, and what was overridden: ``R0 random init: mu_liu (...)``."""
        return f"{self.label}: {self.cell.label}" if self.label else self.cell.label

    @property
    def recipe_digest(self) -> str | None:
        """The recipe's digest where the cell trains or reads a network."""
        return None if self.cell.backbone is None else self.setting.protocol.recipe_digest

    @cached_property
    def stem(self) -> str:
        """The path of the cell's files in the output folder, without suffix."""
        return self.cell.stem(self.setting.protocol.task_digest, self.recipe_digest)

    @cached_property
    def feature_digest(self) -> str | None:
        """Digest of other things that the rows depend on: an argument, a file, a plugin's code."""
        return digest_of_feature(self.feature) if self.feature is not None else None

    @cached_property
    def task_source(self) -> str | None:
        """The digest of the task's file, if the task is not part of the package."""
        return plugin_digest(type(self.setting.protocol.task))

    @property
    def trained(self) -> TrainedFeature | None:
        """The feature whose trained network the cell reads or starts from."""
        return self.feature if isinstance(self.feature, TrainedFeature) else self.start

    @property
    def artefacts(self) -> list[Artefact]:
        """What must be made before the cell can run."""
        if self.trained is not None:
            return [Artefact(self.setting, self.trained, rows=self.trained is self.feature)]
        if self.feature is not None and self.feature.cached:
            return [Artefact(self.setting, self.feature, rows=True)]
        return []


def digest_of_feature(feature: Feature) -> str | None:
    """SHA-256 of what a feature's rows depend on beyond images and version; None where there is nothing."""
    parts = [feature.digest(), plugin_digest(type(feature))]
    return digest_of(parts) if any(parts) else None
