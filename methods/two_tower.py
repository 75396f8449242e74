"""Two towers: an image network and a text network, trained on image-text pairs.

There is no single paper. The pair likelihood is that of Li, Wang & Kang, "Feature learning based deep
supervised hashing with pairwise labels", IJCAI 2016, eq. (1), across views as Jiang & Li, "Deep cross-modal
hashing", CVPR 2017, use it. The loss of matched pairs is InfoNCE: van den Oord, Li & Vinyals, "Representation
learning with contrastive predictive coding", arXiv 1807.03748, 2018, eq. (4), in both directions.

Formula: ours.
Departures from the paper: this is our baseline, not a published method. A text is one hidden layer of 256
units. Outputs z of both towers pass tanh before they are compared; |z| is drawn to 1. Image network and
recipe are the suite's. With objective="pairs" the loss never reads the labels: it only knows which text
belongs to which image. ``fit`` is given labels all the same: the default pretraining="softmax" learns from
them, and the shared loop gives each batch the classes' proportions. With pretraining="none" they steer
nothing else; even then the texts name classes, so that it is no label-free row. That texts start with
standardised outputs was chosen by looking at query scores on digits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn
from torch.nn.functional import cross_entropy, normalize

from hashbench.training import (
    Batch,
    DeepCrossViewMethod,
    TrainingData,
    cross_similar,
    pair_nll,
    text_tower,
)


@dataclass(eq=False, repr=False, kw_only=True)
class TwoTower(DeepCrossViewMethod):
    """Two towers.

    objective: "labels", the likelihood of all image-text pairs of a batch, similar where they share a class;
    "pairs", each image finds its own text among those of the batch, and each text its image.
    quantization: weight of the mean of (|z| - 1)^2 over both towers' outputs.
    temperature: of the cosines in objective="pairs".
    hidden: units of the text network.
    """

    objective: Literal["labels", "pairs"] = "labels"
    quantization: float = 0.01
    temperature: float = 0.1
    hidden: int = 256

    def make_state(self, data: TrainingData) -> nn.Module:
        """The text network."""
        return text_tower(self.hidden, self.n_bits, self.texts_)

    def loss(self, z: torch.Tensor, batch: Batch) -> torch.Tensor:
        """The objective between images and texts, plus the quantisation of both."""
        assert self.state_ is not None
        u = self.state_(self.batch_texts(batch))
        quantization = ((z.abs() - 1).square() + (u.abs() - 1).square()).mean()
        return self.agreement(z.tanh(), u.tanh(), batch.labels) + self.quantization * quantization

    def agreement(self, images: torch.Tensor, texts: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """How badly relaxed codes (b, n_bits) of images and of their texts agree: a scalar."""
        if self.objective == "labels":
            return pair_nll(images @ texts.T / 2, cross_similar(labels, labels)).mean()
        cosines = normalize(images, dim=1) @ normalize(texts, dim=1).T / self.temperature
        own = torch.arange(len(cosines), device=cosines.device)
        return (cross_entropy(cosines, own) + cross_entropy(cosines.T, own)) / 2
