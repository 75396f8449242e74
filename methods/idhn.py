"""Improved deep hashing network with soft pairwise similarity (IDHN).

Zhang, Zou, Lin, Chen & Wang, "Improved deep hashing with soft pairwise similarity for multi-label image
retrieval", IEEE Transactions on Multimedia 2019. The similarity S of two images is the cosine of their label
vectors. Pairs with S = 0 or 1 have the likelihood of a logistic model; between them, the scaled inner product
is regressed on S.

Single-label images have no pairs between: there the method is a logistic pair loss with u = z / (1 + |z|).

Formula: read in the authors' code (pectinid16/IDHN).

Departures from the paper: the mean is over pairs of two different images. An image without a class has
similarity 0 to all. Backbone and recipe are the suite's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch.nn.functional import softsign

from hashbench.training import Batch, DeepHashMethod, cosines, mean_of_pairs, pair_nll, same_label


@dataclass(eq=False, repr=False, kw_only=True)
class IDHN(DeepHashMethod):
    """IDHN.

    scale: of the inner product in the likelihood, scale <u_i, u_j> / n_bits. gamma: weight of the pairs
    between, times n_bits. eta: weight of the mean of | |u| - 1 | over images and bits.
    """

    scale: float = 5.0
    gamma: float = 0.1
    eta: float = 0.1

    HARD: ClassVar[float] = 0.01  # a similarity nearer than this to 0 or 1 counts as one of them

    def loss(self, z: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Mean over pairs of the likelihood or the squared error, plus eta times the quantisation error."""
        u, n_bits = softsign(z), self.n_bits
        similarity = label_cosines(batch.labels).to(z.dtype)
        inner = u @ u.T
        hard = pair_nll(self.scale * inner / n_bits, similarity)
        soft = self.gamma * n_bits * ((inner + n_bits) / (2 * n_bits) - similarity).square()
        between = (similarity >= self.HARD) & (similarity <= 1 - self.HARD)
        quantization = (u.abs() - 1).abs().mean()
        return mean_of_pairs(torch.where(between, soft, hard)) + self.eta * quantization


def label_cosines(labels: torch.Tensor) -> torch.Tensor:
    """(b, b) float32: cosines of label vectors; for class indices (b,) 1 where they are equal, else 0."""
    if labels.ndim == 1:
        return same_label(labels).float()
    classes = labels.clamp_min(0)
    return cosines(classes, classes)
