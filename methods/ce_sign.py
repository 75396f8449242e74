"""Softmax classifier on n_bits values, their signs as bits (control).

No paper of its own; tables of others have it as "cross-entropy". It has no term for bits at all, and so
shows what signs cost. It is another control than ``classifier``, whose code is the word of the predicted
class: here images of one class can have different codes.

Formula: from memory (a control; there is no paper).

Departures from the paper: none, as there is no paper; backbone and recipe are the suite's. Images of several
labels get a binary cross-entropy for each class.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from hashbench.training import Batch, DeepHashMethod, TrainingData, classification_loss


@dataclass(eq=False, repr=False, kw_only=True)
class CESign(DeepHashMethod):
    """Cross-entropy + sign."""

    control: ClassVar = True

    def loss(self, z: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Cross-entropy of a linear classifier on the outputs z themselves."""
        assert self.state_ is not None
        return classification_loss(self.state_(z), batch)

    def make_state(self, data: TrainingData) -> nn.Module:
        """The classifier."""
        return nn.Linear(self.n_bits, data.n_classes)
