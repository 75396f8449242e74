"""Stochastic generative hashing (SGH of Dai et al.; ``sgh_graph`` is scalable graph hashing).

Dai, Guo, Kumar, He & Song, "Stochastic generative hashing", ICML 2017.

Formula: read in the authors' code (doubling/Stochastic_Generative_Hashing).
Departures from the paper: what is generated is the activations of the suite's label-free network, not pixels
or descriptors, each of deviation 1; images are augmented before they are coded, and generated as they are.
Bits are thresholded at 1/2, as in the release (the paper draws them), and in the confidence term their
gradient is stopped. The decoder's mean starts lower by what half of the bits add: else the first steps switch
bits to mend it. The penalties of both matrices are the recipe's weight decay; the loss is a mean over images,
which leaves Adam's steps as they are. Recipe and optimiser are the suite's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

from hashbench.contracts.recipe import Pretraining
from hashbench.training import Batch, DeepHashMethod, TrainingData
from hashbench.training.fixed import FixedFeatures, hard_bits


class Decoder(nn.Module):
    """Activations (b, d) of bits (b, K): (b U) |s| + mu, s the variance and mu the mean at start."""

    def __init__(self, data: TrainingData, n_bits: int) -> None:
        super().__init__()
        self.fixed = FixedFeatures(data, scaled=True)
        variance, mean = torch.var_mean(self.fixed.rows, dim=0)
        words = torch.randn(n_bits, len(mean)).to(mean) / n_bits**0.5
        self.words, self.scale = nn.Parameter(words), nn.Parameter(variance)
        self.mean = nn.Parameter(mean - words.sum(dim=0) / 2 * variance)

    def forward(self, bits: torch.Tensor) -> torch.Tensor:  # noqa: D102
        return bits @ self.words * self.scale.abs() + self.mean


@dataclass(eq=False, repr=False, kw_only=True)
class SGHGen(DeepHashMethod):
    """Bits from which a linear decoder generates the activations. alpha: weight of the bits' confidence."""

    pretraining: Pretraining = "frozen"
    start_from: str = "ssl"
    alpha: float = 0.001

    supervision: ClassVar = "unsupervised"

    def make_state(self, data: TrainingData) -> Decoder:
        """The decoder."""
        return Decoder(data, self.n_bits)

    def loss(self, z: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Half the squared error minus alpha times the log-probability of the bits: sums, then a mean."""
        decoder = self.state_
        assert isinstance(decoder, Decoder)
        bits = hard_bits(z)
        error = (decoder(bits) - decoder.fixed(batch.index)).square().sum(dim=1) / 2
        surprise = binary_cross_entropy_with_logits(z, bits.detach(), reduction="none").sum(dim=1)
        return (error + self.alpha * surprise).mean()
