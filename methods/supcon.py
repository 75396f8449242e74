"""Supervised contrastive learning, its embedding's signs as bits (control).

Khosla, Teterwak, Wang, Sarna, Tian, Isola, Maschinot, Liu & Krishnan, "Supervised contrastive learning",
NeurIPS 2020. No hashing paper: what a standard metric loss gives without any term for bits.

Formula: from memory.

Departures from the paper: the signs are ours. Outputs are normalised over the batch, without which nothing
keeps them around 0, and the embedding has n_bits values. One view of each image: a batch holds enough images
of each class. No projection head is thrown away. Images without similar ones in the batch are no anchors.
Backbone and recipe are the suite's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from hashbench.training import Batch, DeepHashMethod, TrainingData, all_pairs, cosines, same_label


@dataclass(eq=False, repr=False, kw_only=True)
class SupCon(DeepHashMethod):
    """SupCon + sign. temperature: divides the cosines."""

    temperature: float = 0.1

    control: ClassVar = True

    def loss(self, z: torch.Tensor, batch: Batch) -> torch.Tensor:
        """-log of the softmax of a similar image among all others, the mean over an image's similar ones."""
        v = self.readout(z)
        pairs = all_pairs(len(v), v.device)
        logits = cosines(v, v) / self.temperature
        log_p = logits - logits.masked_fill(~pairs, -torch.inf).logsumexp(dim=1, keepdim=True)
        positive = pairs & same_label(batch.labels)
        n_positive = positive.sum(dim=1)
        values = -(positive * log_p).sum(dim=1) / n_positive.clamp_min(1)
        return values.sum() / (n_positive > 0).sum().clamp_min(1)

    def make_state(self, data: TrainingData) -> nn.Module:
        """The normalisation of the outputs."""
        return nn.BatchNorm1d(self.n_bits, affine=False)

    def readout(self, z: torch.Tensor) -> torch.Tensor:
        """Outputs with mean 0 and deviation 1 over the batch, at test by their moving averages."""
        assert self.state_ is not None
        return self.state_(z)
