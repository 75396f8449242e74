"""The contract of a feature: a file in ``hashbench/features/`` with one subclass of ``Feature``.

Shallow methods read rows of numbers; a feature computes these rows from images. It states what it has learned
from, which every table shows. A feature that trains a network first is a ``TrainedFeature``; deep methods can
start from that network too.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, Self, get_args

import numpy as np
from numpy.typing import NDArray

from hashbench.contracts.dataset import Images
from hashbench.contracts.recipe import Invariances, Recipe
from hashbench.errors import InvalidInputError
from hashbench.identity.digest import differing, digest_of

if TYPE_CHECKING:
    import torch

LearnedFrom = Literal["nothing", "images", "labels", "not stated"]
LEARNED_FROM: tuple[str, ...] = get_args(LearnedFrom)


@dataclass(frozen=True, kw_only=True)
class Feature(ABC):
    """Computes rows from images. The file's stem is the feature's name.

    argument: the text after the equals sign in ``LABEL=ARGUMENT``, for features that take one.
    """

    argument: str | None = None

    # What the rows have learned from: a label-free backbone has learned from "images".
    learned_from: ClassVar[LearnedFrom] = "nothing"
    # Increase it by hand when the same images can get other rows; results computed on them become stale.
    version: ClassVar[int] = 1
    # Whether computed rows are kept on disk: for features that are slower to compute than to read.
    cached: ClassVar[bool] = True

    @classmethod
    def name(cls) -> str:
        """The registry name: the stem of the file that defines the class."""
        return cls.__module__.rpartition(".")[2]

    @classmethod
    def from_argument(cls, argument: str | None) -> Self:
        """The feature of ``NAME`` (argument None) or ``LABEL=ARGUMENT``."""
        if argument is not None:
            raise InvalidInputError(f"feature '{cls.name()}' takes no argument, got '={argument}'")
        return cls()

    def source(self) -> LearnedFrom:
        """What these rows have learned from; for a user's own file, what the file says."""
        return self.learned_from

    def digest(self) -> str | None:
        """SHA-256 of what the rows depend on beyond images and version; None where there is nothing."""
        changed = differing(self)
        return digest_of(changed) if changed else None

    def check(self, images: Images) -> None:  # noqa: B027  most have nothing to check
        """Raise InvalidInputError or MissingDataError where these images cannot get rows."""

    @abstractmethod
    def rows(self, images: Images, index: NDArray[np.int64], device: torch.device) -> NDArray[np.float32]:
        """Rows (len(index), d) float32 of the data set's images at ``index``."""

    def rows_of(self, pixels: NDArray[np.uint8], device: torch.device) -> NDArray[np.float32]:
        """Rows (n, d) float32 of any images (n, c, h, w) uint8, from a data set or not."""
        raise InvalidInputError(f"feature '{self.name()}' knows the images of its data set only, no others")


@dataclass(frozen=True, kw_only=True)
class TrainedFeature(Feature):
    """A feature that trains a network on the training images, once per data set, protocol and repetition.

    Its rows are the network's activations. The runner trains the network, keeps it in the cache and hands it
    to every cell that reads these rows or starts from it.
    """

    @abstractmethod
    def train(
        self,
        pixels: torch.Tensor,
        labels: torch.Tensor | None,
        recipe: Recipe,
        seed: int,
        *,
        invariances: Invariances,
        checkpoint: Path | None = None,
    ) -> torch.nn.Module:
        """The trained ``hashbench.training.network.Network``, in evaluation mode.

        pixels: (n, c, h, w) uint8, on the device. labels: (n,) int64 or (n, C) float32; None unless
        ``learned_from`` is "labels". checkpoint: a file to resume from and to write to regularly.
        """

    def times(self) -> float:
        """How many times as long as the protocol's stage 1 it trains, for the time that is left."""
        return 1.0

    def rows(self, images: Images, index: NDArray[np.int64], device: torch.device) -> NDArray[np.float32]:
        """Always an error: the rows of a trained feature come from its network."""
        raise InvalidInputError(f"feature '{self.name()}' has no rows before its network is trained")
