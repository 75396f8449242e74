"""Convolutional neural network hashing (CNNH).

Xia, Pan, Lai, Liu & Yan, "Supervised hashing for image retrieval via image representation learning", AAAI
2014. In a first stage, codes H in [-1, 1] of the training images are learned from the similarities alone:
||S - H H' / K||^2 with S = +-1 falls by coordinate descent with Newton steps. In the second, the network
learns the signs of H, bit by bit.

S depends on labels only, so that the codes are nearly one word a class.

Formula: from a port (swuxyj/DeepHash-pytorch), the first stage; the second is from memory.

Departures from the paper: the Newton steps of a bit are taken for all images at once, and shortened until the
objective falls; entry by entry they would take hours. The step sizes are those of the port. The similarities
come from sets of labels, which makes this exact and fast. Backbone and recipe are the suite's.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.functional import softplus

from hashbench.numerics import sign
from hashbench.numerics.discrete_deep import LabelSets, similar_sets, sums_by_set
from hashbench.training import Batch, DeepHashMethod, TrainingData


@dataclass(eq=False, repr=False, kw_only=True)
class CNNH(DeepHashMethod):
    """CNNH. n_sweeps: sweeps over the bits in the first stage."""

    n_sweeps: int = 10

    def make_state(self, data: TrainingData) -> nn.Module:
        """The first stage: codes of the training images, from their labels."""
        H = torch.rand(data.n, self.n_bits).to(data.labels.device) * 2 - 1
        return Codes(relaxed_codes(H, similar_sets(data.labels), self.n_sweeps))

    def loss(self, z: torch.Tensor, batch: Batch) -> torch.Tensor:
        """The logistic loss of each bit, log(1 + exp(-h z)), the mean over images and bits."""
        assert isinstance(self.state_, Codes)
        return softplus(-self.state_.codes[batch.index].to(z.dtype) * z).mean()


class Codes(nn.Module):
    """The signs (n, K) int8 of relaxed codes."""

    codes: torch.Tensor

    def __init__(self, H: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("codes", sign(H).to(torch.int8))


def relaxed_codes(H: torch.Tensor, sets: LabelSets, n_sweeps: int) -> torch.Tensor:
    """H (n, K) in [-1, 1] after sweeps of damped Newton steps on ||K S - H H'||^2, bit by bit.

    An entry's step is -g / c, cut to stay in [-1, 1], with g = (L H_j)_i, c = H_j'H_j + H_ij^2 + L_ii and
    L = H H' - K S. All steps of a bit are shortened by the same power of 1/2, or to 0, whatever is best.
    """
    H, n_bits = H.clone(), H.shape[1]
    S = sets.similar.to(H) * 2 - 1
    own = n_bits * S.diagonal()[sets.of]
    shares = torch.tensor([0.0, *(0.5**i for i in range(8))])
    for bit in torch.arange(n_bits).repeat(n_sweeps).tolist():
        column = H[:, bit]
        gradient = H @ (H.T @ column) - n_bits * (S @ sums_by_set(column[:, None], sets))[sets.of, 0]
        curvature = column @ column + column.square() + H.square().sum(dim=1) - own
        steps = torch.clamp(-gradient / curvature.clamp_min(1e-6), min=-1 - column, max=1 - column)
        trials = column[:, None] + steps[:, None] * shares.to(H)
        H[:, bit] = trials[:, column_objectives(H, bit, trials, S, sets).argmin()]
    return H


def column_objectives(
    H: torch.Tensor, bit: int, trials: torch.Tensor, S: torch.Tensor, sets: LabelSets
) -> torch.Tensor:
    """(t,): ||K S - H H'||^2 up to a constant with each of the trials (n, t) as column ``bit`` of H."""
    others = H.clone()
    others[:, bit] = 0
    sums = sums_by_set(trials, sets)
    similarity = H.shape[1] * (sums * (S @ sums)).sum(dim=0)
    squares = trials.square().sum(dim=0)
    return squares.square() + 2 * (others.T @ trials).square().sum(dim=0) - 2 * similarity
