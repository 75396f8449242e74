"""Hashing with mutual information (MIHash).

Cakir, He, Bargal & Sclaroff, "MIHash: online hashing with mutual information", ICCV 2017; batch learning of a
network as in "Hashing with mutual information", TPAMI 2019.

Formula: read in the authors' code (fcakir/deep-mihash, fcakir/mihash).

Departures from the paper: an image without similar, or without dissimilar, images in the batch counts as 0.
Backbone, recipe and the size of batches are the suite's (the authors': 250 images).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log

import torch

from hashbench.errors import InvalidInputError
from hashbench.training import Batch, DeepHashMethod, TrainingData, all_pairs, same_label
from hashbench.training.ranking import soft_hamming, soft_histograms


@dataclass(eq=False, repr=False, kw_only=True)
class MIHash(DeepHashMethod):
    """MIHash.

    scale: a, codes are relaxed to tanh(a z / 2).
    n_bins: steps between the centres of the histogram of distances; None: half the bits.
    """

    scale: float = 1.0
    n_bins: int | None = None

    def loss(self, z: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Minus the mutual information, in bits, of an image's distances and similarity to the others."""
        b = len(z)
        pairs, similar = all_pairs(b, z.device), same_label(batch.labels)
        kinds = torch.stack([pairs & similar, pairs & ~similar])  # (2, b, b)
        n_bins = max(1, self.n_bits // 2) if self.n_bins is None else self.n_bins
        distance = soft_hamming(torch.tanh(self.scale * z / 2))
        counts = kinds.sum(dim=2)
        given = soft_histograms(distance, kinds, n_bins, self.n_bits) / counts.clamp_min(1)[..., None]
        share = counts.to(z.dtype) / max(1, b - 1)
        marginal = (share[..., None] * given).sum(dim=0)
        return -(entropy(marginal) - (share * entropy(given)).sum(dim=0)).mean()

    def make_state(self, data: TrainingData) -> None:
        """Nothing. Raises InvalidInputError for a histogram without bins."""
        if self.n_bins is not None and self.n_bins < 1:
            raise InvalidInputError(f"{self.name()}: n_bins={self.n_bins} must be at least 1, or None")


def entropy(p: torch.Tensor) -> torch.Tensor:
    """In bits, of distributions along the last axis; 0 log 0 = 0, and its gradient is 0."""
    return -(p * torch.where(p > 0, p, 1).log()).sum(dim=-1) / log(2)
