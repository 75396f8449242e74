"""Tie-aware learning to rank, average precision (TALR-AP).

He, Cakir, Bargal & Sclaroff, "Hashing as tie-aware learning to rank", CVPR 2018.

Formula: read in the authors' code (kunhe/TALR, apr_s_forward.m).

Departures from the paper: the release's simpler form of tie-aware average precision (from the paper's
appendix), which the authors find to be as good. An image without similar images in the batch counts as 0.
Backbone, recipe and the size of batches are the suite's (the authors': 250 images).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from hashbench.errors import InvalidInputError
from hashbench.training import Batch, DeepHashMethod, TrainingData, all_pairs, same_label
from hashbench.training.ranking import soft_hamming, soft_histograms


@dataclass(eq=False, repr=False, kw_only=True)
class TALRAP(DeepHashMethod):
    """TALR-AP.

    scale: a, codes are relaxed to tanh(a z / 2).
    n_bins: steps between the centres of the histogram of distances; None: one a bit, from 32 bits on half.
    """

    scale: float = 1.0
    n_bins: int | None = None

    def loss(self, z: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Minus the mean over images of the average precision of the others, ranked by soft distance."""
        pairs = all_pairs(len(z), z.device)
        found = torch.stack([pairs & same_label(batch.labels), pairs])  # (2, b, b): similar ones; all
        n_bins = self.n_bins or (self.n_bits if self.n_bits < 32 else self.n_bits // 2)
        distance = soft_hamming(torch.tanh(self.scale * z / 2))
        counts = soft_histograms(distance, found, n_bins, self.n_bits)  # (2, b, n_bins + 1)
        upto = counts.cumsum(dim=2)
        similar, all_others = 2 * upto - counts + 1
        precision = counts[0] * similar / all_others
        return -(precision.sum(dim=1) / found[0].sum(dim=1).clamp_min(1)).mean()

    def make_state(self, data: TrainingData) -> None:
        """Nothing. Raises InvalidInputError for a histogram without bins."""
        if self.n_bins is not None and self.n_bins < 1:
            raise InvalidInputError(f"{self.name()}: n_bins={self.n_bins} must be at least 1, or None")
