"""Deep hashing with minimal-distance-separated hash centres (MDSHC).

Wang, Pan, Liu, Lai, Yin & Liu, "Deep hashing with minimal-distance-separated hash centers", CVPR 2023. Each
class has a fixed codeword, any two at least d bits apart, with d from the Gilbert-Varshamov bound: the d with
sum_{j < d - 1} binom(K, j) < 2^K / C <= sum_{j < d} binom(K, j). Outputs are classified by their cosines
with the centres.

Formula: read in the authors' code (Wangld5/Center-Hashing).

Departures from the paper: it moves the centres by an alternating optimisation until they are d apart. Here
they are the suite's codewords, at least as far apart: for 10 classes 6, 12, 16 and 24 at 12, 24, 32 and 48
bits, where d is 5, 10, 13 and 21 (they fall short of d for two classes, and with many classes on few bits).
The pair term compares images of a batch, not a batch with a bank that a momentum encoder fills, and starts at
a tenth of the training. So both images of a pair get gradients, where the bank gets none: beta = 0.5 would
restore the release's balance. Batch normalisation has no learned scale or shift, so that bits are balanced.
Backbone and recipe are the suite's.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.functional import softplus

from hashbench.numerics import codewords
from hashbench.training import Batch, DeepHashMethod, TrainingData, all_pairs, cosines, same_label
from hashbench.training.losses import multi_hot


@dataclass(eq=False, repr=False, kw_only=True)
class MDSHC(DeepHashMethod):
    """MDSHC.

    beta: weight of the pairs, which count from ``pairs_from`` of the training on. quantization: weight of
    (|u| - 1)^2, the mean over images and bits.
    """

    beta: float = 1.0
    pairs_from: float = 0.1
    quantization: float = 1e-4

    def make_state(self, data: TrainingData) -> nn.Module:
        """The centres, and the statistics of outputs. Raises InvalidInputError for too many classes."""
        return Centres(data.n_classes, self.n_bits)

    def readout(self, z: torch.Tensor) -> torch.Tensor:
        """Outputs of mean 0 and deviation 1 over a batch, by moving averages at test."""
        assert isinstance(self.state_, Centres)
        return self.state_.standardise(z)

    def loss(self, z: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Classification by centres + beta times the pairs + the quantisation error."""
        assert isinstance(self.state_, Centres)
        u, centres = torch.tanh(self.readout(z)), self.state_.centres
        logits = self.n_bits**0.5 * cosines(u, centres)
        total = centre_loss(logits, multi_hot(batch.labels, len(centres)).to(z.dtype))
        if batch.progress >= self.pairs_from:
            pairs = same_label(batch.labels) & all_pairs(len(z), z.device)
            nearness = softplus((1 - cosines(u, u)) / 2)
            total = total + self.beta * (nearness * pairs).sum() / pairs.sum().clamp_min(1)
        return total + self.quantization * (u.abs() - 1).square().mean()


class Centres(nn.Module):
    """Codewords (C, K) of +-1, and the standardisation of outputs."""

    centres: torch.Tensor

    def __init__(self, n_classes: int, n_bits: int) -> None:
        super().__init__()
        self.standardise = nn.BatchNorm1d(n_bits, affine=False)
        self.register_buffer("centres", codewords(n_classes, n_bits))


def centre_loss(logits: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
    """-mean of y log q + (1 - y) log(1 - q + 1e-6), q the softmax of logits (b, C), y multi-hot (b, C)."""
    absent = (1 - logits.softmax(dim=1)).clamp_min(0) + 1e-6
    return -(classes * logits.log_softmax(dim=1) + (1 - classes) * absent.log()).mean()
