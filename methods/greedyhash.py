"""Greedy hash.

Su, Zhang, Han & Tian, "Greedy hash: towards fast optimization for accurate hash coding in CNN", NeurIPS 2018.

Formula: read in the authors' code (ssppp/GreedyHash).

Departures from the paper: backbone and recipe are the suite's. Images of several labels are ours: a binary
cross-entropy for each class. The weight of the cubic term is the release's for CIFAR-10; it takes 1 for
ImageNet.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from hashbench.training import (
    Batch,
    DeepHashMethod,
    TrainingData,
    classification_loss,
    straight_through,
)


@dataclass(eq=False, repr=False, kw_only=True)
class GreedyHash(DeepHashMethod):
    """Greedy hash. alpha: weight of the cubic term."""

    alpha: float = 0.1

    def loss(self, z: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Cross-entropy of a linear classifier on the bits, plus alpha | |z| - 1 |^3, the mean over bits."""
        assert self.state_ is not None
        logits = self.state_(straight_through(z))
        return classification_loss(logits, batch) + self.alpha * (z.abs() - 1).abs().pow(3).mean()

    def make_state(self, data: TrainingData) -> nn.Module:
        """The classifier, without a bias."""
        return nn.Linear(self.n_bits, data.n_classes, bias=False)
