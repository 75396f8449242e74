"""Proxy-Anchor, its embedding's signs as bits (control).

Kim, Kim, Cho & Kwak, "Proxy anchor loss for deep metric learning", CVPR 2020. No hashing paper: what a
standard metric loss gives without any term for bits.

Formula: from a port (JerryXu0129/HHF, a hashing method built on it); the constants from memory.

Departures from the paper: the signs are ours, and the embedding has n_bits values. Fresh proxies have a
standard normal distribution, and no rate of their own. Images of several labels are positive for each of
them. Backbone and recipe are the suite's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from hashbench.training import Batch, DeepHashMethod, TrainingData, cosines
from hashbench.training.losses import memberships


@dataclass(eq=False, repr=False, kw_only=True)
class ProxyAnchor(DeepHashMethod):
    """Proxy-Anchor + sign. scale, margin: alpha and delta of the paper."""

    scale: float = 32.0
    margin: float = 0.1

    control: ClassVar = True

    def loss(self, z: torch.Tensor, batch: Batch) -> torch.Tensor:
        """What pulls images to the proxies of their classes, plus what pushes them from all others.

        The mean over classes in the batch of log(1 + sum over their images of exp(-scale (cos - margin))),
        plus the mean over all classes of log(1 + sum over other images of exp(scale (cos + margin))).
        """
        assert isinstance(self.state_, nn.ParameterDict)
        similarity = cosines(z, self.state_["proxies"])
        positive = memberships(batch.labels, self.n_classes_)
        pull = _log_one_plus(-self.scale * (similarity - self.margin), positive)
        push = _log_one_plus(self.scale * (similarity + self.margin), ~positive & batch.labelled[:, None])
        return pull.sum() / positive.any(dim=0).sum().clamp_min(1) + push.mean()

    def make_state(self, data: TrainingData) -> nn.Module:
        """The proxies (C, n_bits)."""
        return nn.ParameterDict({"proxies": torch.randn(data.n_classes, self.n_bits)})


def _log_one_plus(exponents: torch.Tensor, chosen: torch.Tensor) -> torch.Tensor:
    """log(1 + sum of the exponentials of the chosen), column by column: (b, C), (b, C) bool -> (C,)."""
    zero = torch.zeros_like(exponents[:1])
    return torch.cat([zero, exponents.masked_fill(~chosen, -torch.inf)]).logsumexp(dim=0)
