"""Greedy hash, unsupervised (GreedyHash-u).

Su, Zhang, Han & Tian, "Greedy hash: towards fast optimization for accurate hash coding in CNN", NeurIPS 2018,
section 3.3.

Formula: read in the authors' code (ssppp/GreedyHash, unsupervised_vgg.py).
Departures from the paper: the fixed network is the suite's label-free one, not VGG-16 trained on ImageNet, so
no published number compares. All pairs of a batch count (the release: image i of one half with image i of
the other; ``pairs``). Images are augmented before they are coded; the cosines to keep are those of the images
as they are. Recipe and optimiser are the suite's. The weight of the cubic term is the release's for CIFAR-10.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch

from hashbench.contracts.recipe import Pretraining
from hashbench.training import Batch, DeepHashMethod, TrainingData, straight_through
from hashbench.training.fixed import FixedFeatures, cosine_gap


@dataclass(eq=False, repr=False, kw_only=True)
class GreedyHashU(DeepHashMethod):
    """Codes whose cosines are those of a fixed network's activations.

    alpha: weight of the cubic term. pairs: "all" of a batch, or those between its "halves".
    centred: whether the activations' mean is taken off before their cosines; ReLU makes all of them alike.
    """

    pretraining: Pretraining = "frozen"
    start_from: str = "ssl"
    alpha: float = 0.1
    pairs: Literal["all", "halves"] = "all"
    centred: bool = False

    supervision: ClassVar = "unsupervised"

    def make_state(self, data: TrainingData) -> FixedFeatures:
        """The activations whose cosines the codes keep."""
        return FixedFeatures(data, centred=self.centred)

    def loss(self, z: torch.Tensor, batch: Batch) -> torch.Tensor:
        """The squared gaps between cosines, plus alpha | |z| - 1 |^3, the mean over bits."""
        assert self.state_ is not None
        gap = cosine_gap(straight_through(z), self.state_(batch.index), halves=self.pairs == "halves")
        return gap + self.alpha * (z.abs() - 1).abs().pow(3).mean()
