"""Activations of a network that has learned from the training images without labels (VICReg).

One network for each data set, protocol and repetition, as for ``cnn``, which sees as many images; each view
counts. It learns from the training images alone: a protocol's pool, which is searched, is for
semi-supervised methods, so that no feature sees more images than another. ``ssl=4`` trains four times as
long. ``hashbench.training.unlabelled`` has source, formula and departures.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self

from hashbench.contracts.feature import LearnedFrom, TrainedFeature
from hashbench.contracts.recipe import Invariances, Recipe
from hashbench.errors import InvalidInputError

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True)
class SSL(TrainedFeature):
    """The inputs of the projector.

    argument: how many times as long as the protocol's stage 1 it trains; 1 where there is none.
    """

    learned_from: ClassVar[LearnedFrom] = "images"

    @classmethod
    def from_argument(cls, argument: str | None) -> Self:
        """``ssl`` (argument None) or ``ssl=TIMES``, TIMES a positive number; ``ssl=1`` is ``ssl``."""
        times = cls(argument=argument).times()
        return cls(argument=None if times == 1 else f"{times:.12g}")

    def times(self) -> float:
        """How many times as long as stage 1 it trains. Raises InvalidInputError."""
        try:
            times = float(self.argument or 1)
        except ValueError:
            times = math.nan
        if not 0 < times < math.inf:
            raise InvalidInputError(f"feature 'ssl={self.argument}': write a positive number, as in ssl=4")
        return times

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
        """VICReg for ``recipe.pretrain_epochs`` epochs, times the argument. ``labels`` are not used."""
        from hashbench.training.unlabelled import train_unlabelled

        return train_unlabelled(
            pixels, recipe, seed, times=self.times(), invariances=invariances, checkpoint=checkpoint
        )
