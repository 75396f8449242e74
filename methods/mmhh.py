"""Maximum-margin Hamming hashing (MMHH).

Kang, Cao, Long, Wang & Yu, "Maximum-margin Hamming hashing", ICCV 2019. Two images are similar with
probability q = g / (2 (g + d)), a Student-t form of a smooth Hamming distance d. Pairs within a Hamming ball
of radius H count less: searches that look up this ball find their images all the same.

Formula: read in the authors' code (thuml/MMHH).

Departures from the paper: pairs are those of a batch; the release compares a batch with a bank of moving
averages of outputs after the first 300 of 1,000 iterations if asked to, and with itself by default. In the
paper the radius shortens the distance; in the release, and here, it lowers the weight of a pair. Similar and
dissimilar pairs weigh the same in total, up to scale the release's option "auto"; by default it has a fixed
weight for each data set. gamma and quantization are the defaults of its program; its one example of a command
has 10 and 0.001. Backbone and recipe are the suite's.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from hashbench.training import Batch, DeepHashMethod, balanced_mean, cosines, log_cosh, same_label


@dataclass(eq=False, repr=False, kw_only=True)
class MMHH(DeepHashMethod):
    """MMHH.

    gamma: g, in bits. radius: H, in bits. similar_inside, dissimilar_inside: the weights of pairs inside the
    ball; outside it is 1. quantization: weight of sum_k log cosh(|u_k| - 1), the mean over images.
    """

    gamma: float = 1.0
    radius: float = 2.0
    similar_inside: float = 0.5
    dissimilar_inside: float = 0.8
    quantization: float = 0.1

    def loss(self, z: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Weighted mean of -log q over similar pairs and -log(1 - q) over others, plus the quantisation."""
        u, similar = torch.tanh(z), same_label(batch.labels)
        distance = self.n_bits / 2 * (1 - cosines(u, u)).clamp_min(0)
        likelihood = student_nll(distance, similar, self.gamma)
        kinds = torch.where(similar, self.similar_inside, self.dissimilar_inside).to(z.dtype)
        weights = torch.where(distance <= self.radius, kinds, 1.0)
        to_bits = log_cosh(u.abs() - 1).sum(dim=1).mean()
        return balanced_mean(weights * likelihood, similar) + self.quantization * to_bits


def student_nll(distance: torch.Tensor, similar: torch.Tensor, gamma: float) -> torch.Tensor:
    """-log q for similar pairs, -log(1 - q) for others, of distances (b, b) >= 0; q = gamma / 2(gamma + d).

    q is at most a half, so that both are finite.
    """
    q = 0.5 * gamma / (gamma + distance)
    return -torch.where(similar, q, 1 - q).log()
