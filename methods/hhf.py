"""Hashing-guided hinge function (HHF), on the proxy-anchor loss.

Xu et al., "HHF: hashing-guided hinge function for deep hashing retrieval", arXiv 2021. Metric losses go
on pulling and pushing where codes cannot get better; a hinge stops them: similar pairs at a cosine of 0.8,
dissimilar ones at zeta + 0.2, where zeta is the largest cosine that C codewords of n_bits can all keep to.

Formula: read in the authors' code (JerryXu0129/HHF), the form on proxy anchors (Kim et al., CVPR 2020).

Departures from the paper: zeta comes from Griesmer's bound on linear codes, not from a table of them. The
quantisation is a sum over the images of a batch, as in the release, and so grows with the batch: 125 images
here, 85 there, one and a half times the weight. Backbone and recipe are the suite's.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from hashbench.numerics import sign
from hashbench.numerics.bounds import griesmer_distance
from hashbench.training import Batch, DeepHashMethod, TrainingData, cosines
from hashbench.training.losses import memberships


@dataclass(eq=False, repr=False, kw_only=True)
class HHF(DeepHashMethod):
    """HHF.

    scale: of the exponents. similar_until: the cosine at which similar pairs stop. slack: how far above zeta
    dissimilar ones do. quantization: weight of the sum of ||z - sgn z||^2 over a batch.
    """

    scale: float = 16.0
    similar_until: float = 0.8
    slack: float = 0.2
    quantization: float = 0.001

    def make_state(self, data: TrainingData) -> nn.Module:
        """The proxies (C, n_bits); only their directions count."""
        return nn.ParameterList([torch.randn(data.n_classes, self.n_bits)])

    def loss(self, z: torch.Tensor, batch: Batch) -> torch.Tensor:
        """The proxy-anchor loss with hinges plus the quantisation error."""
        assert isinstance(self.state_, nn.ParameterList)
        (proxies,) = self.state_
        zeta = 1 - 2 * griesmer_distance(len(proxies), self.n_bits) / self.n_bits
        classes = memberships(batch.labels, len(proxies))
        to_proxies = cosines(z, proxies)
        near = torch.expm1(self.scale * (self.similar_until - to_proxies).relu())
        far = torch.expm1(self.scale * (to_proxies - zeta - self.slack).relu())
        present = classes.any(dim=0).sum().clamp_min(1)
        pull = torch.log1p((near * classes).sum(dim=0)).sum() / present
        push = torch.log1p((far * ~classes).sum(dim=0)).mean()
        return pull + push + self.quantization * (z - sign(z)).square().sum()
