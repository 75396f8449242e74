"""Contrastive information bottleneck hashing (CIBHash).

Qiu, Su, Ou, Yu & Chen, "Unsupervised hashing with contrastive information bottleneck", IJCAI 2021.

Formula: read in the authors' code (zexuanqiu/CIBHash).
Departures from the paper: the start is the suite's label-free network, not VGG-16 trained on ImageNet, so no
published number compares, and it is trained on with the head; "frozen" trains the head alone, as the paper
does, and "none" starts afresh. Views are the suite's for label-free training (a crop, colours, where a part
of an image is enough; warps for digits), without blur. The divergence is computed from logits, without the
release's 1e-8 in the logarithms. The gradient passes a bit as that of 2p - 1, where the release has p(1 - p),
half of it: the contrast weighs twice as much. The layer of the bits is scaled at start, as the suite scales a
hash layer. Recipe and optimiser are the suite's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn
from torch.nn.functional import cross_entropy, logsigmoid, normalize

from hashbench.contracts.recipe import Pretraining
from hashbench.training import Batch, DeepHashMethod, TrainingData
from hashbench.training.fixed import hard_bits, scaled_layer


@dataclass(eq=False, repr=False, kw_only=True)
class CIBHash(DeepHashMethod):
    """Codes of two views of an image agree, and tell little else.

    temperature: of the contrast between codes. beta: weight of the divergence between the views' bits.
    hidden: units between backbone and bits.
    """

    pretraining: Pretraining = "softmax"
    start_from: str = "ssl"
    temperature: float = 0.3
    beta: float = 0.001
    hidden: int = 1024

    supervision: ClassVar = "unsupervised"
    views: ClassVar[int] = 2
    contrasts_views: ClassVar[bool] = True

    def n_outputs(self, n_classes: int) -> int:
        """The hidden units; ``state_`` makes bits of them."""
        return self.hidden

    def make_state(self, data: TrainingData) -> nn.Module:
        """The second layer of the head."""
        hidden = self.network_.head(data.features()).relu()
        return nn.Sequential(nn.ReLU(), scaled_layer(hidden, self.n_bits))

    def readout(self, z: torch.Tensor) -> torch.Tensor:
        """The logits (b, n_bits) of the bits."""
        assert self.state_ is not None
        return self.state_(z)

    def loss(self, z: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Contrast of the codes of both views, plus beta times half the divergences in both directions."""
        logits = self.readout(z)
        first, second = logits.chunk(2)
        divergence = bernoulli_kl(first, second.detach()) + bernoulli_kl(second, first.detach())
        return nt_xent(2 * hard_bits(logits) - 1, self.temperature) + self.beta * divergence.mean() / 2


def nt_xent(codes: torch.Tensor, temperature: float) -> torch.Tensor:
    """Mean over 2b codes (2b, K) of -log softmax of cosine / temperature at the other view of the image.

    Chen, Kornblith, Norouzi & Hinton, ICML 2020, eq. (1). Rows i and i + b are two views of one image.
    """
    rows, n = normalize(codes), len(codes)
    itself = torch.eye(n, dtype=torch.bool, device=codes.device)
    logits = (rows @ rows.T / temperature).masked_fill(itself, -torch.inf)
    return cross_entropy(logits, torch.arange(n, device=codes.device).roll(n // 2))


def bernoulli_kl(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """(b,): KL(p || q) of independent bits, p = sigmoid(left), q = sigmoid(right), both (b, K)."""
    ones = left.sigmoid() * (logsigmoid(left) - logsigmoid(right))
    zeros = (-left).sigmoid() * (logsigmoid(-left) - logsigmoid(-right))
    return (ones + zeros).sum(dim=1)
