"""Auto-encoding twin-bottleneck hashing (TBH).

Shen, Qin, Chen, Yu, Liu, Zhu, Shen & Shao, "Auto-encoding twin-bottleneck hashing", CVPR 2020.

Formula: read in the authors' code (ymcidence/TBH, the first author's second implementation).
Departures from the paper: the fixed network is the suite's label-free one, not VGG-16 trained on ImageNet, so
no published number compares; its activations are standardised, and the decoder ends without a ReLU. Logits of
bits are normalised over the batch: at the suite's rate (5e-3, the release's is 1e-4) bits become constant
without it. Critics and encoder train in one step, by a gradient reversal: equal to the release's two
optimisers at one rate. Recipe and optimiser are the suite's, with batches of 125 images (release: 400) and
some hundred steps, in which it learns little: give it more with recipe.epochs. ``rec_weight`` is the
release's balance; it was set after scores on digits had been seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import nn
from torch.nn.functional import mse_loss, relu, softplus

from hashbench.contracts.recipe import Pretraining
from hashbench.training import Batch, DeepHashMethod, TrainingData
from hashbench.training.fixed import FixedFeatures, hard_bits

EXPONENT = 1.4  # of the release's graph


class Twin(nn.Module):
    """All that stands on the encoder's first layer: bottlenecks, graph layer, decoder and critics."""

    def __init__(self, data: TrainingData, hidden: int, width: int, n_bits: int) -> None:
        super().__init__()
        self.fixed = FixedFeatures(data, centred=True, scaled=True)
        self.bits = nn.Sequential(nn.Linear(hidden, n_bits), nn.BatchNorm1d(n_bits, affine=False))
        self.real = nn.Linear(hidden, width)
        self.graph = nn.Linear(width, width)
        self.decoder = nn.Sequential(
            nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, self.fixed.rows.shape[1])
        )
        self.of_bits, self.of_real = nn.Linear(n_bits, 1), nn.Linear(width, 1)


@dataclass(eq=False, repr=False, kw_only=True)
class TBH(DeepHashMethod):
    """A graph of the batch's codes passes messages between the real bottleneck's values.

    rec_weight: of the reconstruction, a sum over images and features; the critics hardly act beside it at 1,
    the release's. hidden: units of the encoder's and the decoder's hidden layer.
    width: of the real bottleneck.
    """

    pretraining: Pretraining = "frozen"
    start_from: str = "ssl"
    rec_weight: float = 1.0
    hidden: int = 1024
    width: int = 512

    supervision: ClassVar = "unsupervised"

    def n_outputs(self, n_classes: int) -> int:
        """The encoder's hidden units; ``state_`` makes bits of them."""
        return self.hidden

    def make_state(self, data: TrainingData) -> Twin:
        """The rest of the network."""
        return Twin(data, self.hidden, self.width, self.n_bits)

    def readout(self, z: torch.Tensor) -> torch.Tensor:
        """The logits (b, n_bits) of the bits."""
        assert isinstance(self.state_, Twin)
        return self.state_.bits(relu(z))

    def loss(self, z: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Reconstruction of the start's activations, and both critics against their bottlenecks."""
        net = self.state_
        assert isinstance(net, Twin)
        bits, real = hard_bits(self.readout(z)), net.real(relu(z)).sigmoid()
        passed = (normalised(affinity(bits)) @ net.graph(real)).sigmoid()
        reconstruction = mse_loss(net.decoder(passed), net.fixed(batch.index), reduction="sum") / 2
        critics = criticism(net.of_bits, bits, (torch.rand_like(bits) < 0.5).to(bits.dtype))
        critics = critics + criticism(net.of_real, passed, torch.rand_like(passed))
        return self.rec_weight * reconstruction + critics


def affinity(bits: torch.Tensor) -> torch.Tensor:
    """The graph (b, b) of bits (b, K) in {0, 1}: (1 - distance / K)^1.4, differentiable in the bits."""
    distance = bits @ (1 - bits).T + (1 - bits) @ bits.T
    return (1 - distance / bits.shape[1]).clamp_min(0).pow(EXPONENT)


def normalised(graph: torch.Tensor) -> torch.Tensor:
    """D^-1/2 A D^-1/2 of a graph A (b, b) with self-connections, D its row sums."""
    scale = graph.sum(dim=1).rsqrt()
    return scale[:, None] * graph * scale


def criticism(critic: nn.Module, made: torch.Tensor, drawn: torch.Tensor) -> torch.Tensor:
    """-log s(drawn) - log(1 - s(made)), batch means, of a critic's s = sigmoid(logit).

    The critic descends it; what it gives back to ``made`` is reversed, so that the encoder ascends it.
    """
    return softplus(-critic(drawn)).mean() + softplus(critic(Reversed.apply(made))).mean()


class Reversed(torch.autograd.Function):
    """The identity forward, minus the gradient backward (Ganin & Lempitsky, ICML 2015)."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:  # noqa: D102
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:  # noqa: D102
        return -gradient
