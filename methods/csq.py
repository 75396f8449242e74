"""Central similarity quantization (CSQ).

Yuan, Wang, Zhang, Tay, Jie, Liu & Feng, "Central similarity quantization for efficient image and video
retrieval", CVPR 2020.

Formula: read in the authors' code (yuanli2333/Hadamard-Matrix-for-hashing).

Departures from the paper: the release's pair term is kept (the paper has no such term; ``pair_weight=0``
leaves it out), over all pairs of a batch instead of those between its halves. One linear hash layer instead
of three. Centres are the suite's codewords: rows of a Hadamard matrix of order n_bits where there is one, cut
from a larger one elsewhere. Images without any label have no centre. Backbone and recipe are the suite's.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from hashbench.numerics import codewords
from hashbench.training import Batch, DeepHashMethod, TrainingData, mean_of_pairs, pair_nll, same_label
from hashbench.training.centres import Centres, mean_of_members
from hashbench.training.losses import memberships


@dataclass(eq=False, repr=False, kw_only=True)
class CSQ(DeepHashMethod):
    """CSQ.

    pair_weight: weight of the likelihood of pairs.
    quantization: weight of the quantisation term.
    """

    pair_weight: float = 0.2
    quantization: float = 0.05

    def loss(self, z: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Binary cross-entropy of (tanh(z) + 1) / 2 to the image's centre; pairs; mean (|tanh(z)| - 1)^2.

        In terms of z the first is softplus(-2 c z), the mean over bits, for a centre c of +-1.
        """
        assert self.state_ is not None
        u = torch.tanh(z)
        members = memberships(batch.labels, self.n_classes_)
        central = nn.functional.softplus(-2 * self.state_(members) * z).mean(dim=1)
        pairs = mean_of_pairs(pair_nll(10 / self.n_bits * (u @ u.T), same_label(batch.labels)))
        to_bits = (u.abs() - 1).square().mean()
        return mean_of_members(central, members) + self.pair_weight * pairs + self.quantization * to_bits

    def make_state(self, data: TrainingData) -> nn.Module:
        """The centres. Raises InvalidInputError where there are fewer words than classes."""
        return Centres(codewords(data.n_classes, self.n_bits))
