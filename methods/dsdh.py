"""Deep supervised discrete hashing (DSDH).

Li, Sun, He & Tan, "Deep supervised discrete hashing", NIPS 2017. Binary codes B of the training images, a
linear classifier W of them and the network, with outputs u, minimise the pair likelihood of DPSH and
mu ||Y - B W||^2 + nu ||W||^2 + eta ||B - U||^2: W by ridge regression, B bit by bit, the network by gradient.

Formula: in the paper's text, the steps over all images; the weights are read in liqi-casia/DSDH-HashingCode.

Departures from the paper: W and B are updated once before each epoch. The release does so within each batch,
from B = 0 and with eta = 55, where no bit of B ever differs from sgn(U): there the labels do not reach B.
Here the penalty of the step for B, eta / mu, is a parameter of its own; at its default of 1 few bits differ,
at 0.01 labels count. The network's eta is 55 / n_train at the authors' 5,000 training images. Pairs are those
of a batch. Backbone and recipe are the suite's.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from hashbench.numerics import gram, one_hot, ridged, sign
from hashbench.numerics.discrete_deep import bits_in_turn
from hashbench.training import (
    Batch,
    DeepHashMethod,
    Epoch,
    TrainingData,
    mean_of_pairs,
    pair_nll,
    same_label,
)


@dataclass(eq=False, repr=False, kw_only=True)
class DSDH(DeepHashMethod):
    """DSDH.

    eta: weight of ||z - b||^2, the mean over images, for the network. penalty: eta / mu of the step for B.
    regularization: nu / mu. n_cycles: largest number of cycles over the bits in a step for B.
    """

    eta: float = 0.011
    penalty: float = 1.0
    regularization: float = 0.1
    n_cycles: int = 10

    def make_state(self, data: TrainingData) -> nn.Module:
        """The codes (n, n_bits), zeros until the first epoch."""
        return TrainingCodes(data.n, self.n_bits)

    def refresh(self, epoch: Epoch) -> None:
        """One step for W and one for B; at first B = sgn(U)."""
        assert isinstance(self.state_, TrainingCodes)
        if epoch.progress < 1:
            U, Y = epoch.outputs(), one_hot(epoch.labels)
            B = sign(U) if epoch.progress == 0 else self.state_.codes.to(U)
            W = classifier(B, Y, self.regularization)
            B = bits_in_turn(B, W @ W.T, Y @ W.T + self.penalty * U, self.n_cycles)
            self.state_.codes.copy_(B)

    def loss(self, z: torch.Tensor, batch: Batch) -> torch.Tensor:
        """-log p(s_ij | theta_ij = <z_i, z_j> / 2), plus eta ||z_i - b_i||^2."""
        assert isinstance(self.state_, TrainingCodes)
        likelihood = mean_of_pairs(pair_nll(z @ z.T / 2, same_label(batch.labels)))
        codes = self.state_.codes[batch.index].to(z.dtype)
        return likelihood + self.eta * (z - codes).square().sum(dim=1).mean()


class TrainingCodes(nn.Module):
    """Codes (n, K) int8 of the training images."""

    codes: torch.Tensor

    def __init__(self, n: int, n_bits: int) -> None:
        super().__init__()
        self.register_buffer("codes", torch.zeros(n, n_bits, dtype=torch.int8))


def classifier(B: torch.Tensor, Y: torch.Tensor, regularization: float) -> torch.Tensor:
    """The W (K, C) that minimises ||Y - B W||^2 + regularization ||W||^2."""
    return torch.linalg.solve(ridged(gram(B, B), regularization), gram(B, Y)).to(B)
