"""Deep neural network hashing with a divide-and-encode module (DNNH, also NINH).

Lai, Pan, Liu & Yan, "Simultaneous feature learning and hash coding with deep neural networks", CVPR 2015.
Each bit has a slice of 50 features of its own; one number in (0, 1) is computed of it. A triplet costs
[m + ||h_q - h_p||^2 - ||h_q - h_n||^2]_+ with p similar to q, and n not; on bits these are Hamming distances.

Formula: from memory, the loss; the slices are read in HYPJUDY/caffe-dnnh, after the first author's files.

Departures from the paper: it has m = 1, the authors' files for 12 bits m = 2, which both are values of
``margin``. Triplets are all those of a batch. The paper's piece-wise threshold, which sets h to 0 or 1 away
from 0.5, does not change bits and stops gradients; it is left out. The layer of slices starts so that each
bit's value has mean 0 and deviation 1 where features are independent. Backbone and recipe are the suite's.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import pi

import torch
from torch import nn

from hashbench.numerics import squared_distances
from hashbench.training import Batch, DeepHashMethod, TrainingData, all_pairs, same_label


@dataclass(eq=False, repr=False, kw_only=True)
class DNNH(DeepHashMethod):
    """DNNH. margin: m, in bits. slice_width: features of each bit."""

    margin: float = 1.0
    slice_width: int = 50

    def n_outputs(self, n_classes: int) -> int:
        """The features of all slices."""
        return self.n_bits * self.slice_width

    def make_state(self, data: TrainingData) -> nn.Module:
        """The layer that reads the slices."""
        return Slices(self.n_bits, self.slice_width)

    def readout(self, z: torch.Tensor) -> torch.Tensor:
        """The slices' values (b, n_bits) before the sigmoid."""
        assert self.state_ is not None
        return self.state_(z)

    def loss(self, z: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Mean over the triplets of the batch."""
        h = self.readout(z).sigmoid()
        return triplet_hinge(squared_distances(h, h), same_label(batch.labels), self.margin)


class Slices(nn.Module):
    """From features (b, K width) of mean 0 and deviation 1 to values (b, K), each of a slice of its own."""

    def __init__(self, n_bits: int, width: int) -> None:
        super().__init__()
        mean, variance = (2 * pi) ** -0.5, (1 - 1 / pi) / 2  # of a rectified standard normal variable
        weight = torch.randn(n_bits, width) / (width * variance) ** 0.5
        self.weight = nn.Parameter(weight)
        self.bias = nn.Parameter(-mean * weight.sum(dim=1))

    def forward(self, z: torch.Tensor) -> torch.Tensor:  # noqa: D102
        return (z.unflatten(1, self.weight.shape).relu() * self.weight).sum(dim=2) + self.bias


def triplet_hinge(distances: torch.Tensor, similar: torch.Tensor, margin: float) -> torch.Tensor:
    """Mean of [margin + d_qp - d_qn]_+ over all triplets of a batch; 0 where there are none.

    distances, similar: (b, b). O(b^3) memory: a mask over all triplets; an index would wait for the device.
    """
    positive = similar & all_pairs(len(similar), similar.device)
    triplet = positive[:, :, None] & ~similar[:, None, :]
    losses = (margin + distances[:, :, None] - distances[:, None, :]).relu()
    return (losses * triplet).sum() / triplet.sum().clamp_min(1)
