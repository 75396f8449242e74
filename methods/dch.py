"""Deep Cauchy hashing (DCH).

Cao, Long, Liu & Wang, "Deep Cauchy hashing for Hamming space retrieval", CVPR 2018.

Formula: read in the authors' code (thulab/DeepHash).

Departures from the paper: the distance is the release's, squared Euclidean between tanh codes (four times the
Hamming distance at bits); the paper's is n_bits (1 - cosine) / 2. Similar and dissimilar pairs weigh alike in
every batch, as in the paper; the release raises the weight of similar ones only. The release's quantisation
term is off by default there; its weight of 0.1 is ours. Backbone and recipe are the suite's.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from hashbench.training import Batch, DeepHashMethod, balanced_mean, same_label

LEAST = 1e-3  # added to each distance, as in the release: equal codes of two classes cost a finite loss


@dataclass(eq=False, repr=False, kw_only=True)
class DCH(DeepHashMethod):
    """DCH.

    gamma: the distance at which a pair is as likely similar as not; 20 is 5 bits.
    quantization: weight lambda of the quantisation term.
    """

    gamma: float = 20.0
    quantization: float = 0.1

    def loss(self, z: torch.Tensor, batch: Batch) -> torch.Tensor:
        """-log p(s_ij), p = gamma / (gamma + d_ij) of a Cauchy distribution, plus lambda (|u| - 1)^2."""
        u = torch.tanh(z)
        d = (u[:, None, :] - u[None, :, :]).square().sum(dim=2) + LEAST
        similar = same_label(batch.labels)
        values = torch.where(similar, torch.log1p(d / self.gamma), torch.log1p(self.gamma / d))
        return balanced_mean(values, similar) + self.quantization * (u.abs() - 1).square().mean()
