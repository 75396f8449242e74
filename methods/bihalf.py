"""Bi-half net, deep unsupervised hashing by maximising bit entropy.

Li & van Gemert, "Deep unsupervised image hashing by maximizing bit entropy", AAAI 2021.

Formula: read in the authors' code (liyunqianggyn/Deep-Unsupervised-Image-Hashing, ImageHashing/Cifar10_I.py).
Departures from the paper: the fixed network is the suite's label-free one, not VGG-16 trained on ImageNet, so
no published number compares. All pairs of a batch count (the release: image i of one half with image i of
the other; ``pairs``). Images are augmented before they are coded; the cosines to keep are those of the images
as they are. Recipe and optimiser are the suite's, with batches of 125 images (the authors': 32).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch

from hashbench.contracts.recipe import Pretraining
from hashbench.training import Batch, DeepHashMethod, TrainingData, straight_through
from hashbench.training.fixed import FixedFeatures, cosine_gap


@dataclass(eq=False, repr=False, kw_only=True)
class BiHalf(DeepHashMethod):
    """Each bit is set in half of the images of a batch.

    gamma: weight of the pull of outputs to their bits, eq. (7). layer: "bihalf", or "sign" for plain signs,
    the ablation. pairs: "all" of a batch, or those between its "halves". centred: whether the activations'
    mean is taken off before their cosines.
    """

    pretraining: Pretraining = "frozen"
    start_from: str = "ssl"
    gamma: float = 6.0
    layer: Literal["bihalf", "sign"] = "bihalf"
    pairs: Literal["all", "halves"] = "all"
    centred: bool = False

    supervision: ClassVar = "unsupervised"

    def make_state(self, data: TrainingData) -> FixedFeatures:
        """The activations whose cosines the codes keep."""
        return FixedFeatures(data, centred=self.centred)

    def loss(self, z: torch.Tensor, batch: Batch) -> torch.Tensor:
        """The squared gaps between cosines, and gamma / 2 times the mean of (z - B)^2, B held fixed.

        The latter's gradient is the layer's own, gamma (z - B) / (b K).
        """
        assert self.state_ is not None
        codes = bi_half(z) if self.layer == "bihalf" else straight_through(z)
        gap = cosine_gap(codes, self.state_(batch.index), halves=self.pairs == "halves")
        return gap + self.gamma / 2 * (z - codes.detach()).square().mean()


def bi_half(z: torch.Tensor) -> torch.Tensor:
    """Forward +1 for the floor(b/2) largest of each column of z (b, K), -1 for the others.

    Ties go to the earlier image. Backward the gradient as if it were z itself.
    """
    largest = z.argsort(dim=0, descending=True, stable=True)[: len(z) // 2]
    codes = torch.full_like(z, -1).scatter_(0, largest, 1.0)
    return z + (codes - z).detach()
