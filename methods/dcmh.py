"""Deep cross-modal hashing (DCMH).

Jiang & Li, "Deep cross-modal hashing", CVPR 2017.

With F and G the outputs of all n training images and texts (n, K), Theta = F G' / 2 and B = sign(F + G), the
paper minimises, eq. (1): sum_ij [softplus(Theta_ij) - S_ij Theta_ij] + gamma (|B - F|^2 + |B - G|^2)
+ eta (|F' 1|^2 + |G' 1|^2), where S_ij = 1 if i and j share a class. A batch of images is compared with the
table of all texts, a batch of texts with the table of all images; a batch's rows of a table are its newest
outputs. B is updated before each epoch.

Formula: from a port (TensorFlow).
Departures from the paper: a batch's images and texts are trained in one step, not in turns. Tables start
with the fresh networks' outputs, not at random: the budget is some epochs in place of 500. Both terms of a
step are divided by n b, as public implementations do. The sum F' 1 over all items is estimated by n / b
times the batch's sum, where a row gets the paper's gradient 2 eta F' 1: the sum over the table lags by up to
an epoch, and AdamW then overshoots further and further. Network, optimiser and recipe are the suite's, in
place of CNN-F and of SGD with a falling rate. Texts pass their net of 8,192 hidden units, which starts with
standardised outputs, as the hash layer of images does, not at N(0, 0.01^2). These starts and the estimated
sum were chosen by looking at query scores on digits, not at images held out. At test every code is the sign
of one view's output; the paper does so for queries, and takes B for the training items.
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

CHUNK = 1024  # texts that pass the network at a time


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
            self.register_buffer(name, torch.zeros(len(labels), n_bits, device=labels.device))

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
        network = text_tower(self.hidden, self.n_bits, self.texts_)
        multi_hot = data.labels.ndim == 2
        labels = data.labels if multi_hot else one_hot(data.labels, data.n_classes).float()
        return Tables(network, labels, self.n_bits)

    def refresh(self, epoch: Epoch) -> None:
        """Fill the tables before the first epoch; update the codes before each."""
        tables = self.tables
        if epoch.progress == 0:
            tables.images.copy_(epoch.outputs())
            for rows in torch.arange(len(self.texts_), device=self.texts_.device).split(CHUNK):
                tables.texts[rows] = tables(self.texts_[rows])
        tables.update_codes()

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
        images = self.one_view(z, tables.texts, similar, codes)
        return images + self.one_view(u, tables.images, similar, codes)

    def one_view(
        self, outputs: torch.Tensor, others: torch.Tensor, similar: torch.Tensor, codes: torch.Tensor
    ) -> torch.Tensor:
        """The loss of a batch of one view, divided by n b.

        outputs: (b, n_bits), with gradient. others: (n, n_bits), the other view's table. similar: (b, n).
        codes: (b, n_bits).
        """
        b, n = similar.shape
        likelihood = pair_nll(outputs @ others.T / 2, similar).sum()
        quantization = (codes - outputs).square().sum()
        balance = n / b * outputs.sum(dim=0).square().sum()  # a row's gradient: 2 (n / b) sum = 2 F' 1
        return (likelihood + self.gamma * quantization + self.eta * balance) / (n * b)
