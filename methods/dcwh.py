"""Deep class-wise hashing (DCWH).

Zhe, Chen & Yan, "Deep class-wise hashing: semantics-preserving hashing via class-wise loss", IEEE
Transactions on Neural Networks and Learning Systems 2019. Outputs are a mixture of Gaussians of variance 1,
one a class, around the class means over the training set; the loss is -log of the posterior of an image's
class. The cubic constraint keeps outputs within the cube of side 2.2, and the vertex constraint draws them to
its corners.

Formula: from a port (mzhang367/dcwh), with two slips of it put right.

Departures from the paper: its two steps are known from the abstract and from the port; here the cubic
constraint holds throughout, and the vertex constraint from half of the training on. The port's cubic weight
is divided by the batch above 1.1 but not below -1.1, by operator precedence, and its vertex weight is divided
twice; here both are means over images. Class means are taken before each epoch; the port does so every second
of 150. An image of several classes counts in the means of all, and its target has equal shares of them.
Backbone and recipe are the suite's.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from hashbench.numerics import sign, squared_distances
from hashbench.training import Batch, DeepHashMethod, Epoch, TrainingData
from hashbench.training.losses import multi_hot, shared_cross_entropy


@dataclass(eq=False, repr=False, kw_only=True)
class DCWH(DeepHashMethod):
    """DCWH.

    cubic: weight of sum_k [|z_k| - side]_+, the mean over images. vertex: weight of ||z - sgn z||^2, the mean
    over images, which counts from ``vertex_from`` of the training on.
    """

    cubic: float = 10.0
    side: float = 1.1
    vertex: float = 0.01
    vertex_from: float = 0.5

    def make_state(self, data: TrainingData) -> nn.Module:
        """The class means (C, n_bits), normal random numbers until the first epoch."""
        return Means(data.n_classes, self.n_bits)

    def refresh(self, epoch: Epoch) -> None:
        """The mean output of each class; that of a class without images stays."""
        assert isinstance(self.state_, Means)
        if epoch.progress < 1:
            members = multi_hot(epoch.labels, len(self.state_.means))
            counts = members.sum(dim=0)[:, None]
            means = members.T @ epoch.outputs() / counts.clamp_min(1)
            self.state_.means.copy_(torch.where(counts > 0, means, self.state_.means))

    def loss(self, z: torch.Tensor, batch: Batch) -> torch.Tensor:
        """-log softmax_c(-||z - mu_c||^2 / 2) at the image's class, plus the constraints that count."""
        assert isinstance(self.state_, Means)
        total = shared_cross_entropy(-squared_distances(z, self.state_.means) / 2, batch.labels)
        total = total + self.cubic * (z.abs() - self.side).relu().sum(dim=1).mean()
        if batch.progress >= self.vertex_from:
            total = total + self.vertex * (z - sign(z)).square().sum(dim=1).mean()
        return total


class Means(nn.Module):
    """One point a class, means (C, K)."""

    means: torch.Tensor

    def __init__(self, n_classes: int, n_bits: int) -> None:
        super().__init__()
        self.register_buffer("means", torch.randn(n_classes, n_bits))
