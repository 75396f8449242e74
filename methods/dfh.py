"""Deep Fisher hashing (DFH).

Li, Pei & van Gemert, "Push for quantization: deep Fisher hashing", BMVC 2019. Beside the pair likelihood of
DPSH, outputs u are drawn to binary codes B = sgn(mu C'y + u) that also lean to the binary centres of the
image's classes. The centres C are learned in each batch, bit by bit, to agree with the codes of their class
and to differ from one another, as Fisher's discriminant asks for.

Formula: read in the authors' code (liyunqianggyn/Push-for-Quantization-Deep-Fisher-Hashing).

Departures from the paper: pairs are those of a batch, not the batch against the stored outputs of the whole
training set. So both images of a pair get gradients, where stored outputs get none: with the release's eta
the pairs pull twice as strongly, and eta = 1 would restore its balance. Pairs have no margin, as in the
release's use. Theta is not clamped, which softplus makes needless. Where the sum for a centre's bit is 0 the
old bit stays. Backbone and recipe are the suite's.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from hashbench.numerics import sign
from hashbench.training import Batch, DeepHashMethod, TrainingData, mean_of_pairs, pair_nll, same_label
from hashbench.training.losses import multi_hot


@dataclass(eq=False, repr=False, kw_only=True)
class DFH(DeepHashMethod):
    """DFH.

    eta: weight of (B - u)^2, the mean over images and bits. mu: how much the codes lean to the centres.
    repulsion: v, how much the centres repel each other.
    """

    eta: float = 0.5
    mu: float = 1.0
    repulsion: float = 1.0

    def make_state(self, data: TrainingData) -> nn.Module:
        """The centres (C, n_bits), zeros at the start."""
        return Centres(data.n_classes, self.n_bits)

    def loss(self, z: torch.Tensor, batch: Batch) -> torch.Tensor:
        """The pairs' likelihood with theta = <u_i, u_j> / 2, plus eta times the distance to B."""
        assert isinstance(self.state_, Centres)
        old = self.state_.centres.to(z.dtype)
        classes = multi_hot(batch.labels, len(old)).to(z.dtype)
        classes = classes / classes.sum(dim=1, keepdim=True).clamp_min(1)
        with torch.no_grad():
            B = sign(self.mu * classes @ old + z)
            self.state_.centres.copy_(updated_centres(old, B, classes, self.repulsion))
        likelihood = mean_of_pairs(pair_nll(z @ z.T / 2, same_label(batch.labels)))
        return likelihood + self.eta * (B - z).square().mean()


class Centres(nn.Module):
    """Centres (C, K) int8, +-1 once they are learned."""

    centres: torch.Tensor

    def __init__(self, n_classes: int, n_bits: int) -> None:
        super().__init__()
        self.register_buffer("centres", torch.zeros(n_classes, n_bits, dtype=torch.int8))


def updated_centres(
    centres: torch.Tensor, B: torch.Tensor, classes: torch.Tensor, repulsion: float
) -> torch.Tensor:
    """Centres (C, K) after each in turn was set to the best for the codes B (b, K) of a batch.

    c_i = sgn(sum_n y_in b_n - sum_{j != i} (y_i . y_j) c_j - v sum_{j != i} c_j), with y (b, C) the classes,
    maximises tr(C'Y'B) - 1/2 sum_{i != j} (y_i . y_j + v) <c_i, c_j>.
    """
    centres, agreed = centres.clone(), classes.T @ B
    repelled = classes.T @ classes + repulsion
    repelled.fill_diagonal_(0)
    for i in range(len(centres)):
        pull = agreed[i] - repelled[i] @ centres
        centres[i] = torch.where(pull == 0, centres[i], sign(pull))
    return centres
