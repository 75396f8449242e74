"""Normalised softmax, its embedding's signs as bits (control).

Zhai & Wu, "Classification is a strong baseline for deep metric learning", BMVC 2019. No hashing paper: with
``orthohash`` beside it, it shows what fixed words instead of learned ones, a margin and balanced bits add.

Formula: from memory.

Departures from the paper: the signs are ours, and the embedding has n_bits values, without a normalisation
layer before it. The scale of the cosines is that of ``orthohash`` (the paper: 20). Fresh proxies have a
standard normal distribution. An image of several labels has equal shares of them as its target. Batches,
backbone and recipe are the suite's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from hashbench.training import Batch, DeepHashMethod, TrainingData, cosines
from hashbench.training.centres import cosine_loss
from hashbench.training.losses import memberships


@dataclass(eq=False, repr=False, kw_only=True)
class NormSoftmax(DeepHashMethod):
    """Normalised softmax + sign. scale: multiplies the cosines."""

    scale: float = 8.0

    control: ClassVar = True

    def loss(self, z: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Cross-entropy of scale * cos(z, p_c) with a learned proxy p_c for each class."""
        assert isinstance(self.state_, nn.ParameterDict)
        similarity = cosines(z, self.state_["proxies"])
        return cosine_loss(similarity, memberships(batch.labels, self.n_classes_), self.scale)

    def make_state(self, data: TrainingData) -> nn.Module:
        """The proxies (C, n_bits)."""
        return nn.ParameterDict({"proxies": torch.randn(data.n_classes, self.n_bits)})
