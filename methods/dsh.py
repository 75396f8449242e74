"""Deep supervised hashing (DSH).

Liu, Wang, Shan & Chen, "Deep supervised hashing for fast image retrieval", CVPR 2016.

Formula: read in the authors' code (lhmRyan/deep-supervised-hashing-DSH).
Departures from the paper: backbone and recipe are the suite's; the mean over all pairs of a batch, as in the
authors' online pair generation, instead of the sum.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from hashbench.training import Batch, DeepHashMethod, mean_of_pairs, same_label


@dataclass(eq=False, repr=False, kw_only=True)
class DSH(DeepHashMethod):
    """DSH. alpha: weight of the regulariser, Sec. 3.2; the margin is m = 2 n_bits, Sec. 4.1."""

    alpha: float = 0.01

    def loss(self, z: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Eq. (4): contrastive loss on squared distances, plus alpha || |z| - 1 ||_1 of both images."""
        distance = (z[:, None, :] - z[None, :, :]).square().sum(dim=2)
        margin = 2 * self.n_bits
        contrastive = torch.where(same_label(batch.labels), distance, (margin - distance).clamp_min(0)) / 2
        to_bits = (z.abs() - 1).abs().sum(dim=1).mean()
        return mean_of_pairs(contrastive) + self.alpha * 2 * to_bits
