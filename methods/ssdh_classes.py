"""Supervised semantics-preserving deep hashing (SSDH), which learns from classes.

Yang, Lin & Chen, "Supervised learning of semantics-preserving hash via deep convolutional neural networks",
TPAMI 2018. Another method than ``ssdh``, the semi-supervised one of Zhang & Peng.

Formula: read in the authors' code (kevinlin311tw/Caffe-DeepBinaryCode).

Departures from the paper: the classifier has no rate of its own (the release: ten times). Images of several
labels get a binary cross-entropy for each class; the paper has other losses for them. Backbone and recipe are
the suite's.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from hashbench.training import Batch, DeepHashMethod, TrainingData, classification_loss


@dataclass(eq=False, repr=False, kw_only=True)
class SSDHClasses(DeepHashMethod):
    """SSDH of Yang, Lin & Chen.

    binary: weight of the term that drives activations to 0 or 1.
    balance: weight of the term that wants half of an image's bits to be 1.
    initial: deviation of the classifier's fresh weights.
    """

    binary: float = 1.0
    balance: float = 1.0
    initial: float = 0.2

    def loss(self, z: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Cross-entropy of a classifier on a = sigmoid(z), - (a - 1/2)^2 / 2, + (mean_k a_k - 1/2)^2 / 2."""
        assert self.state_ is not None
        a = torch.sigmoid(z)
        to_bits = -(a - 0.5).square().mean() / 2
        half = (a.mean(dim=1) - 0.5).square().mean() / 2
        return classification_loss(self.state_(a), batch) + self.binary * to_bits + self.balance * half

    def make_state(self, data: TrainingData) -> nn.Module:
        """The classifier."""
        classifier = nn.Linear(self.n_bits, data.n_classes)
        nn.init.normal_(classifier.weight, std=self.initial)
        nn.init.zeros_(classifier.bias)
        return classifier
