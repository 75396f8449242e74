"""Semantic structure-based unsupervised deep hashing (SSDH of Yang et al.; ``ssdh`` is semi-supervised).

Yang, Deng, Liu, Liu & Tao, "Semantic structure-based unsupervised deep hashing", IJCAI 2018.

Formula: read in the authors' code (yangerkun/IJCAI2018_SSDH).
Departures from the paper: the start is the suite's label-free network, not VGG-16 trained on ImageNet, so no
published number compares. The statistics of the distances are those of at most 10,000 training images, evenly
spread. Of all pairs at least a hundredth counts as near and a hundredth as far, where the statistics leave
none. Recipe and optimiser are the suite's (the authors: Adam with an epsilon of 1).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from hashbench.contracts.recipe import Pretraining
from hashbench.training import Batch, DeepHashMethod, TrainingData, cosines
from hashbench.training.fixed import FixedFeatures

BINS = 100  # of the histogram of distances, between 0 and 1
RARE = 0.01
MOST, AT_A_TIME = 10_000, 500  # images whose distances are counted


class Structure(FixedFeatures):
    """The start's activations, and the two distances beyond which a pair counts."""

    near: torch.Tensor
    far: torch.Tensor


@dataclass(eq=False, repr=False, kw_only=True)
class SSDHU(DeepHashMethod):
    """Pairs much nearer or farther than usual become similar and dissimilar; the others are left out.

    alpha, beta: how many deviations nearer or farther.
    """

    pretraining: Pretraining = "softmax"
    start_from: str = "ssl"
    alpha: float = 2.0
    beta: float = 2.0

    supervision: ClassVar = "unsupervised"

    def make_state(self, data: TrainingData) -> Structure:
        """Activations and distances of the start."""
        state = Structure(data)
        mode, left, right, low, high = distance_statistics(state.rows[:: -(-data.n // MOST)])
        state.register_buffer("near", torch.maximum(mode - self.alpha * left, low))
        state.register_buffer("far", torch.minimum(mode + self.beta * right, high))
        return state

    def loss(self, z: torch.Tensor, batch: Batch) -> torch.Tensor:
        """The mean over all pairs of |S| (h_i . h_j / K - S)^2, h = tanh(z); S = 0 is left out."""
        assert isinstance(self.state_, Structure)
        rows = self.state_(batch.index)
        similar = structure(1 - cosines(rows, rows), self.state_.near, self.state_.far)
        h = z.tanh()
        return (similar.abs() * (h @ h.T / z.shape[1] - similar).square()).mean()


def structure(distance: torch.Tensor, near: torch.Tensor, far: torch.Tensor) -> torch.Tensor:
    """S of distances: 1 below ``near``, -1 above ``far``, else 0; same shape and type."""
    return (distance < near).to(distance.dtype) - (distance > far).to(distance.dtype)


def distance_statistics(features: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Of the cosine distances of all pairs of features (n, d): mode, deviations left and right of it, bounds.

    The mode is the left edge of the fullest of 100 bins in [0, 1]. Each side is mirrored at the mode, so that
    its normal distribution has the mode as mean. An image and itself count, at a distance of 0.
    The bounds are the edges of bins beside which the nearest and the farthest hundredth lie.
    """
    parts = [1 - cosines(part, features) for part in features.split(AT_A_TIME)]
    histogram = torch.stack([torch.histc(part, BINS, 0, 1) for part in parts]).sum(dim=0)
    mode = histogram.argmax() / BINS
    deviations = []
    for side in (lambda d: d <= mode, lambda d: d > mode):
        total = torch.stack([((part - mode).square() * side(part)).sum() for part in parts]).sum()
        count = torch.stack([side(part).sum() for part in parts]).sum()
        deviations.append((total / count.clamp_min(1)).sqrt())
    below = histogram.cumsum(0) / histogram.sum().clamp_min(1)  # distances over 1 are in no bin
    low, high = ((below < RARE).sum() + 1) / BINS, (below < 1 - RARE).sum() / BINS
    return mode, *deviations, low, high
