"""Deep polarized network (DPN).

Fan, Ng, Ju, Zhang & Chan, "Deep polarized network for supervised learning of accurate binary hashing codes",
IJCAI 2020.

Formula: read in the authors' code (kamwoh/DPN, an author's second implementation).

Departures from the paper: random centres that are equal are drawn again. The hash layer has a bias. Left out
are a classifier beside the hash layer and a regulariser, both of weight 0 in the release, its greedy search
of centres, and codes of three values. Backbone and recipe are the suite's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from hashbench.numerics import codewords, sign
from hashbench.training import Batch, DeepHashMethod, Epoch, TrainingData
from hashbench.training.centres import Centres, mean_of_members, random_words
from hashbench.training.losses import memberships


@dataclass(eq=False, repr=False, kw_only=True)
class DPN(DeepHashMethod):
    """DPN.

    margin: how far beyond 0, on its centre's side, an output costs nothing.
    centres: "random", signs of Gaussian draws; "hadamard", codewords that are far apart (ours).
    adaptive: after each epoch, the centre of a class becomes the majority of its images' codes.
    """

    margin: float = 1.0
    centres: Literal["random", "hadamard"] = "random"
    adaptive: bool = False

    def loss(self, z: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Sum over bits of [m - t z]_+ for the centre t of the image's class; summed over its classes."""
        assert isinstance(self.state_, Centres)
        members = memberships(batch.labels, self.n_classes_)
        beyond = (self.margin - self.state_.words * z[:, None, :]).clamp_min(0).sum(dim=2)  # (b, C)
        return mean_of_members((members * beyond).sum(dim=1), members)

    def make_state(self, data: TrainingData) -> nn.Module:
        """The centres. Raises InvalidInputError where there are fewer words than classes."""
        words = random_words if self.centres == "random" else codewords
        return Centres(words(data.n_classes, self.n_bits))

    def refresh(self, epoch: Epoch) -> None:
        """Move the centres after an epoch, where they are adaptive; a tie keeps the old bit."""
        if not self.adaptive or epoch.progress == 0:
            return
        assert isinstance(self.state_, Centres)
        members = memberships(epoch.labels, self.n_classes_)
        votes = members.to(torch.float32).T @ sign(epoch.outputs())
        self.state_.words.copy_(torch.where(votes == 0, self.state_.words, votes.sign()))
