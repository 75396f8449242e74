"""Hashing with a sliced Wasserstein quantisation loss (HSWD).

Doan, Yang & Li, "One loss for quantization: deep hashing with discrete Wasserstein distributional matching",
CVPR 2022. The values of each bit over a batch are drawn to the distribution of a fair coin, +-1: in one
dimension the optimal transport between two samples pairs them in sorted order. This replaces both bit balance
and quantisation, and can be added to any loss of pairs; here as in the release to that of HashNet (Cao, Long,
Wang & Yu, ICCV 2017).

Formula: read in the authors' code (khoadoan106/single_loss_quantization), its variant "swdC".

Departures from the paper: the release sorts a random sample of +-1; here the first half of a sorted column is
compared with -1, the second with +1, and the middle of an odd number with 0. Pairs are those of a batch, not
of a batch and a bank of outputs; similar and dissimilar ones weigh the same in total, as there. Both images
of a pair get gradients, where the bank gets none: the pairs pull twice as strongly, and matching = 0.2 would
restore the release's balance. Its u = tanh(s z) grows steeper during the training, s from 1 to about 3; here
s stays 1. Backbone and recipe are the suite's.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from hashbench.training import Batch, DeepHashMethod, balanced_mean, pair_nll, same_label


@dataclass(eq=False, repr=False, kw_only=True)
class HSWD(DeepHashMethod):
    """HashNet's pair loss with u = tanh(z), and the Wasserstein distance of z to balanced bits.

    scale: of the inner product, pair_nll(scale <u_i, u_j>). matching: weight of the distance.
    """

    scale: float = 0.1
    matching: float = 0.1

    def loss(self, z: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Balanced mean of the pairs' likelihood plus ``matching`` times the distance."""
        u, similar = torch.tanh(z), same_label(batch.labels)
        pairs = balanced_mean(pair_nll(self.scale * (u @ u.T), similar), similar)
        return pairs + self.matching * distance_to_coins(z)


def distance_to_coins(z: torch.Tensor) -> torch.Tensor:
    """The mean over bits of the squared Wasserstein-2 distance from the columns of z (b, K) to fair coins."""
    b = len(z)
    target = torch.sign(2 * torch.arange(b, device=z.device) - (b - 1)).to(z.dtype)
    return (z.sort(dim=0).values - target[:, None]).square().mean()
