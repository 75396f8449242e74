"""Deep hash distillation (DHD).

Jang, Gu, Ko, Kang & Cho, "Deep hash distillation for image retrieval", ECCV 2022. Each class has a learned
proxy, and a weakly changed view of an image is classified by its cosines with the proxies. The code of a
strongly changed view follows that of the weak one, which gets no gradient from this. Each bit is drawn to the
nearer of two Gaussian kernels g(u -+ 1) of width 1/2 around +1 and -1, by a binary cross-entropy.

Formula: read in the authors' code (youngkyunJang/Deep-Hash-Distillation).

Departures from the paper: weak views are cropped and, where allowed, mirrored; strong ones get the recipe's
augmentation, not that of the paper. A batch has half as many images, each in two views. The hash layer has a
bias, the release's has none. Backbone and recipe are the suite's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from hashbench.training import Batch, DeepHashMethod, TrainingData, cosines
from hashbench.training.losses import shared_cross_entropy


@dataclass(eq=False, repr=False, kw_only=True)
class DHD(DeepHashMethod):
    """DHD. temperature: of the cosines. distillation, quantization: weights of the other two terms."""

    temperature: float = 0.2
    distillation: float = 0.1
    quantization: float = 0.1

    views: ClassVar[int] = 2
    weak_views: ClassVar[int] = 1

    def make_state(self, data: TrainingData) -> nn.Module:
        """The normalisation of an image's outputs, and the proxies (C, n_bits)."""
        return Proxies(data.n_classes, self.n_bits)

    def readout(self, z: torch.Tensor) -> torch.Tensor:
        """Outputs normalised over the bits of an image, with a learned scale and shift a bit."""
        assert isinstance(self.state_, Proxies)
        return self.state_.normalise(z)

    def loss(self, z: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Cross-entropy with equal shares of an image's classes + distillation + quantisation."""
        assert isinstance(self.state_, Proxies)
        weak, strong = torch.tanh(self.readout(z)).chunk(2)
        labels = batch.labels.chunk(2)[0]
        classes = shared_cross_entropy(cosines(weak, self.state_.proxies) / self.temperature, labels)
        apart = 1 - torch.cosine_similarity(strong, weak.detach(), dim=1, eps=1e-6).mean()
        return classes + self.distillation * apart + self.quantization * kernel_error(weak)


class Proxies(nn.Module):
    """Proxies (C, K) and the normalisation of outputs (b, K)."""

    def __init__(self, n_classes: int, n_bits: int) -> None:
        super().__init__()
        self.normalise = nn.LayerNorm(n_bits)
        self.proxies = nn.Parameter(torch.empty(n_classes, n_bits))
        nn.init.xavier_uniform_(self.proxies, gain=nn.init.calculate_gain("tanh"))


def kernel_error(u: torch.Tensor) -> torch.Tensor:
    """BCE(g(u - 1), b) + BCE(g(u + 1), 1 - b), b = 1[u > 0], the mean over u (b, K) in [-1, 1].

    With a = |u| it is -log g(a - 1) - log(1 - g(a + 1)), g(x) = exp(-2 x^2), which is finite everywhere.
    """
    a = u.abs()
    return (2 * (a - 1).square() - torch.log1p(-torch.exp(-2 * (a + 1).square()))).mean()
