"""Deep cross-modal hashing (DCMH).

Jiang & Li, "Deep cross-modal hashing", CVPR 2017.

With F and G the outputs of all n training images and texts (n, K), Theta = F G' / 2 and B = sign(F + G), the
paper minimises, eq. (1): sum_ij [softplus(Theta_ij) - S_ij Theta_ij] + gamma (|B - F|^2 + |B - G|^2)
+ eta (|F' 1|^2 + |G' 1|^2), where S_ij = 1 if i and j share a class. A batch of images is compared with the
table of all texts, a batch of texts with the table of all images; a batch's rows of a table are its newest
outputs. The tables start at random. B is updated before each epoch.

Departures from the paper: a batch's images and texts are trained in one step, not in turns. Both terms of a
step are divided by n b, as public implementations do. Network, optimiser and recipe are the suite's, in place
of CNN-F and of SGD with a falling rate. Texts pass the authors' net of 8,192 hidden units, whose weights
start at N(0, 0.01^2). At test every code is the sign of one view's output; the paper does so for queries, and
takes B for the training items.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.functional import one_hot

from hashbench.training import (
    Batch,
    DeepCrossViewMethod,
    Epoch,
    TrainingData,
    cross_similar,
    pair_nll,
    text_tower,
)

INITIAL_DEVIATION = 0.01  # of the text network's weights


class Tables(nn.Module):
    """The text network, the last outputs of all training images and texts, and the codes B.

    labels: (n, C) float32 multi-hot. All tables are (n, n_bits) float32.
    """

    images: torch.Tensor
    texts: torch.Tensor
    codes: torch.Tensor
    labels: torch.Tensor

    def __init__(self, network: nn.Module, labels: torch.Tensor, n_bits: int) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("labels", labels)
        for name in ("images", "texts", "codes"):
            self.register_buffer(name, torch.randn(len(labels), n_bits, device=labels.device))
        self.update_codes()

    def update_codes(self) -> None:
        """B = sign(F + G), the codes in {-1, 1} that minimise |B - F|^2 + |B - G|^2."""
        self.codes.copy_(torch.where(self.images + self.texts > 0, 1.0, -1.0))

    def forward(self, texts: torch.Tensor) -> torch.Tensor:  # noqa: D102
        return self.network(texts)


@dataclass(eq=False, repr=False, kw_only=True)
class DCMH(DeepCrossViewMethod):
    """DCMH. gamma: weight of the codes' term. eta: weight of the balance. hidden: units of the text net."""

    gamma: float = 1.0
    eta: float = 1.0
    hidden: int = 8192

    def make_state(self, data: TrainingData) -> nn.Module:
        """Text network and tables."""
        network = text_tower(self.n_words_, self.hidden, self.n_bits)
        for parameter in network.parameters():
            nn.init.normal_(parameter, std=INITIAL_DEVIATION)
        multi_hot = data.labels.ndim == 2
        labels = data.labels if multi_hot else one_hot(data.labels, data.n_classes).float()
        return Tables(network, labels, self.n_bits)

    def refresh(self, epoch: Epoch) -> None:
        """Update the codes."""
        self.tables.update_codes()

    @property
    def tables(self) -> Tables:
        """The state, by its type."""
        assert isinstance(self.state_, Tables)
        return self.state_

    def loss(self, z: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Eq. (1) for the batch's rows of F against all of G, and for its rows of G against all of F."""
        tables, rows = self.tables, batch.index
        u = tables(self.batch_texts(batch))
        tables.images[rows], tables.texts[rows] = z.detach(), u.detach()
        similar = cross_similar(tables.labels[rows], tables.labels)
        codes = tables.codes[rows]
        images = self.one_view(z, tables.images, tables.texts, rows, similar, codes)
        return images + self.one_view(u, tables.texts, tables.images, rows, similar, codes)

    def one_view(
        self,
        outputs: torch.Tensor,
        own: torch.Tensor,
        others: torch.Tensor,
        rows: torch.Tensor,
        similar: torch.Tensor,
        codes: torch.Tensor,
    ) -> torch.Tensor:
        """The loss of a batch of one view, divided by n b.

        outputs: (b, n_bits), with gradient. own, others: (n, n_bits), the tables of this view, where ``rows``
        (b,) hold the same outputs, and of the other. similar: (b, n). codes: (b, n_bits).
        """
        likelihood = pair_nll(outputs @ others.T / 2, similar).sum()
        quantization = (codes - outputs).square().sum()
        total = own.sum(dim=0) + (outputs - own[rows]).sum(dim=0)  # the batch's rows have gradients
        balance = total.square().sum()
        return (likelihood + self.gamma * quantization + self.eta * balance) / similar.numel()
