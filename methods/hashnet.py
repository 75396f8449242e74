"""Deep learning to hash by continuation (HashNet).

Cao, Long, Wang & Yu, "HashNet: deep learning to hash by continuation", ICCV 2017.

Formula: read in the authors' code (thuml/HashNet).

Departures from the paper: tanh(beta z) sharpens with every step, as sqrt(1 + 50 progress); the release
changes beta 50 times, along the same curve. Similar and dissimilar pairs weigh alike in every batch, which is
the paper's weighting; the release has one fixed weight of similar pairs a data set (``similar_weight``: 100
for ImageNet-100, 5 for NUS-WIDE, 1 for COCO). Left out is a factor of its Caffe version by the share of
common labels. Pairs are all those of a batch, not those between two batches. Backbone and recipe are the
suite's.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import torch

from hashbench.training import (
    Batch,
    DeepHashMethod,
    balanced_mean,
    mean_of_pairs,
    pair_nll,
    same_label,
)


@dataclass(eq=False, repr=False, kw_only=True)
class HashNet(DeepHashMethod):
    """HashNet.

    scale: the inner product of two codes that agree in all bits, as the likelihood sees it.
    growth: beta ends at sqrt(1 + growth).
    similar_weight: weight of a similar pair, where a dissimilar one has 1; None: both kinds weigh alike.
    """

    scale: float = 10.0
    growth: float = 50.0
    similar_weight: float | None = None

    def loss(self, z: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Weighted -log p(s_ij | <u_i, u_j> scale / n_bits) of the relaxed codes u = tanh(beta z)."""
        u = torch.tanh(self.beta(batch.progress) * z)
        similar = same_label(batch.labels)
        values = pair_nll(self.scale / self.n_bits * (u @ u.T), similar)
        if self.similar_weight is None:
            return balanced_mean(values, similar)
        weights = 1 + (self.similar_weight - 1) * similar.to(z.dtype)
        return mean_of_pairs(weights * values) / mean_of_pairs(weights).clamp_min(1e-6)

    def beta(self, progress: float) -> float:
        """How sharp the relaxed sign is."""
        return sqrt(1 + self.growth * progress)
