"""Deep hashing network (DHN).

Zhu, Long, Wang & Cao, "Deep hashing network for efficient similarity retrieval", AAAI 2016.

Formula: read in the authors' code (zhuhan1236/dhn-caffe).

Departures from the paper: pairs of an image with itself are left out; softplus is exact where the release is
linear beyond 15; the hash layer has no rate of its own. The default weight of the quantisation is the
release's for NUS-WIDE at 48 bits, at all lengths. Backbone and recipe are the suite's.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from hashbench.training import Batch, DeepHashMethod, log_cosh, mean_of_pairs, pair_nll, same_label


@dataclass(eq=False, repr=False, kw_only=True)
class DHN(DeepHashMethod):
    """DHN. quantization: weight lambda of the quantisation term."""

    quantization: float = 0.3

    def loss(self, z: torch.Tensor, batch: Batch) -> torch.Tensor:
        """-log p(s_ij | <u_i, u_j>), plus lambda sum_k log cosh(|u_ik| - 1), with u = tanh(z)."""
        u = torch.tanh(z)
        likelihood = mean_of_pairs(pair_nll(u @ u.T, same_label(batch.labels)))
        return likelihood + self.quantization * log_cosh(u.abs() - 1).sum(dim=1).mean()
