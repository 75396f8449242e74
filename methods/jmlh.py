"""Just-maximising-likelihood hashing (JMLH).

Shen, Qin, Chen, Liu, Zhu & Shen, "Embarrassingly simple binary representation learning", ICCV Workshops 2019.
Each bit is drawn with probability q = sigmoid(z), a linear classifier reads the bits, and a Kullback-Leibler
term keeps q near a fair coin: a variational information bottleneck. The gradient of a bit is that of q.

Formula: from a port (CISiPLab/cisip-FIRe).

Departures from the paper: unknown beyond the port. Multi-label images have a logistic loss for each class.
Backbone and recipe are the suite's.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log

import torch
from torch import nn
from torch.nn.functional import logsigmoid

from hashbench.training import Batch, DeepHashMethod, TrainingData, classification_loss


@dataclass(eq=False, repr=False, kw_only=True)
class JMLH(DeepHashMethod):
    """JMLH. bottleneck: weight of KL(q || 1/2), the sum over bits, the mean over images."""

    bottleneck: float = 0.1

    def make_state(self, data: TrainingData) -> nn.Module:
        """The classifier of the bits."""
        return nn.Linear(self.n_bits, data.n_classes)

    def loss(self, z: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Cross-entropy of drawn bits + the bottleneck; bits come from torch's global generator."""
        assert self.state_ is not None
        q = z.sigmoid()
        bits = q + ((q > torch.rand_like(q)).to(q.dtype) - q).detach()
        return classification_loss(self.state_(bits), batch) + self.bottleneck * from_coins(z)


def from_coins(z: torch.Tensor) -> torch.Tensor:
    """KL(sigmoid(z) || 1/2) in nats of z (b, K): the sum over bits, the mean over images."""
    q = z.sigmoid()
    return (q * logsigmoid(z) + (1 - q) * logsigmoid(-z) + log(2)).sum(dim=1).mean()
