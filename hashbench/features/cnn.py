"""Activations of a network that was trained to classify the labelled training images.

The network of stage 1 (``hashbench.training.pretrain``): one for each data set, protocol and repetition,
shared by all methods that read its activations and by the deep methods that start from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from hashbench.contracts.feature import LearnedFrom, TrainedFeature
from hashbench.contracts.recipe import Invariances, Recipe

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True)
class CNN(TrainedFeature):
    """The inputs of the classifier's last layer."""

    learned_from: ClassVar[LearnedFrom] = "labels"

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
        """Softmax cross-entropy for ``recipe.pretrain_epochs`` epochs."""
        from hashbench.training.pretrain import train_backbone

        assert labels is not None
        return train_backbone(pixels, labels, recipe, seed, invariances=invariances, checkpoint=checkpoint)
