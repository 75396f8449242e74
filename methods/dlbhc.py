"""Deep learning of binary hash codes (DLBHC).

Lin, Yang, Hsiao & Chen, "Deep learning of binary hash codes for fast image retrieval", CVPR Workshops 2015.

Formula: read in the authors' code (kevinlin311tw/caffe-cvprw15).

Departures from the paper: the codes alone are ranked; the paper ranks those that are near again, by features
of the network. The classifier has no rate of its own (the release: ten times). Images of several labels are
ours: a binary cross-entropy for each class. Backbone and recipe are the suite's.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from hashbench.training import Batch, DeepHashMethod, TrainingData, classification_loss


@dataclass(eq=False, repr=False, kw_only=True)
class DLBHC(DeepHashMethod):
    """DLBHC: a classifier on sigmoid outputs. initial: deviation of its fresh weights."""

    initial: float = 0.01

    def loss(self, z: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Cross-entropy of a linear classifier on a = sigmoid(z); bit = a > 0.5."""
        assert self.state_ is not None
        return classification_loss(self.state_(torch.sigmoid(z)), batch)

    def make_state(self, data: TrainingData) -> nn.Module:
        """The classifier."""
        classifier = nn.Linear(self.n_bits, data.n_classes)
        nn.init.normal_(classifier.weight, std=self.initial)
        nn.init.zeros_(classifier.bias)
        return classifier
