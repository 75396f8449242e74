"""Orthogonal hashing with one cosine loss (OrthoHash).

Hoe, Ng, Zhang, Chan, Song & Xiang, "One loss for all: deep hashing with a single cosine similarity based
learning objective", NeurIPS 2021.

Formula: read in the authors' code (kamwoh/orthohash).

Departures from the paper: random centres that are equal are drawn again; the greedy search of centres is left
out, ``centres="hadamard"`` takes its place. The hash layer has a bias, which the normalisation takes away.
Images without any label are left out. Backbone and recipe are the suite's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from hashbench.numerics import codewords
from hashbench.training import Batch, DeepHashMethod, TrainingData, cosines
from hashbench.training.centres import Centres, cosine_loss, random_words
from hashbench.training.losses import memberships


@dataclass(eq=False, repr=False, kw_only=True)
class OrthoHash(DeepHashMethod):
    """OrthoHash.

    scale, margin: of the cosine to a centre in the softmax; the margin is taken off at the image's classes.
    centres: "random" words; "hadamard", codewords that are far apart.
    """

    scale: float = 8.0
    margin: float = 0.2
    centres: Literal["random", "hadamard"] = "random"

    def loss(self, z: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Cross-entropy of scale * (cos(v, o_c) - margin [c is the class]), v the normalised outputs.

        An image of several classes has equal shares of them as its target.
        """
        centres = self._parts["centres"]
        assert isinstance(centres, Centres)
        similarity = cosines(self.readout(z), centres.words)
        return cosine_loss(similarity, memberships(batch.labels, self.n_classes_), self.scale, self.margin)

    def make_state(self, data: TrainingData) -> nn.Module:
        """The normalisation and the centres. Raises InvalidInputError for fewer words than classes."""
        words = random_words if self.centres == "random" else codewords
        centres = Centres(words(data.n_classes, self.n_bits))
        return nn.ModuleDict({"normalisation": nn.BatchNorm1d(self.n_bits), "centres": centres})

    def readout(self, z: torch.Tensor) -> torch.Tensor:
        """Outputs normalised over the batch, at test by their moving averages, so that bits are balanced."""
        return self._parts["normalisation"](z)

    @property
    def _parts(self) -> nn.ModuleDict:
        assert isinstance(self.state_, nn.ModuleDict)
        return self.state_
