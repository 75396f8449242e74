"""Hybrid proxy-pair loss (HyP2).

Xu, Chai, Xu, Yuan, Fan & Wang, "HyP2 loss: beyond hypersphere metric space for multi-label image retrieval",
ACM MM 2022. Each class has a learned proxy. Images are drawn to the proxies of their classes and pushed from
the others until the cosine is at most zeta. Images of several classes that share none repel each other, too:
proxies alone cannot tell all combinations of classes apart.

zeta = 1 - 2 d / n_bits, where d is how many bits C codewords may differ in at least.

Formula: read in the authors' code (JerryXu0129/HyP2-Loss).

Departures from the paper: the release looks d up in a table of linear codes; here it is Griesmer's bound on
them, which few classes attain (zeta = 0 for 10 classes at 12, 24, 32 and 48 bits in both). Backbone and
recipe are the suite's.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from hashbench.numerics.bounds import griesmer_distance
from hashbench.training import Batch, DeepHashMethod, TrainingData, all_pairs, cosines, same_label
from hashbench.training.losses import memberships


@dataclass(eq=False, repr=False, kw_only=True)
class HyP2(DeepHashMethod):
    """HyP2. beta: weight of the pairs of images with several classes."""

    beta: float = 0.5

    def make_state(self, data: TrainingData) -> nn.Module:
        """The proxies (C, n_bits); only their directions count."""
        return nn.ParameterList([torch.randn(data.n_classes, self.n_bits)])

    def loss(self, z: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Mean of 1 - cos over an image's classes, of [cos - zeta]_+ over others, and of that over pairs."""
        assert isinstance(self.state_, nn.ParameterList)
        (proxies,) = self.state_
        zeta = 1 - 2 * griesmer_distance(len(proxies), self.n_bits) / self.n_bits
        classes = memberships(batch.labels, len(proxies))
        to_proxies = cosines(z, proxies)
        total = mean_where(1 - to_proxies, classes) + mean_where((to_proxies - zeta).relu(), ~classes)
        if batch.labels.ndim == 1:
            return total
        several = classes.sum(dim=1) > 1
        apart = several[:, None] & several & ~same_label(batch.labels) & all_pairs(len(z), z.device)
        return total + self.beta * mean_where((cosines(z, z) - zeta).relu(), apart)


def mean_where(values: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """The mean of the values where the mask of their shape is True; 0 where it is nowhere."""
    return (values * mask).sum() / mask.sum().clamp_min(1)
