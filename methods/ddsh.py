"""Deep discrete supervised hashing (DDSH).

Jiang, Cui & Li, "Deep discrete supervised hashing", IEEE Transactions on Image Processing 2018. A few
training images Omega are drawn anew for each epoch. Their binary codes B are learned bit by bit, each by a
binary quadratic programme, from ||K S - B B'||^2 within Omega and ||K S - B_Gamma B'||^2 with the codes
B_Gamma of the others; then the network descends ||tanh(z) B' - K S||^2 on the others. S is 1 for similar
pairs and -r for others, r = similar / dissimilar pairs.

Formula: read in the authors' code (jiangqy/DDSH-TIP2018).

Departures from the paper: it solves the programmes by a 2-approximation through a clustering problem; here
the best single flip is made until none helps, from the present signs of the network's outputs. The release's
programme of a bit leaves out the bits after it; here all others are held, so that no programme raises the
whole error. It goes over the bits and through the network in turn for one Omega; here the bits are learned in
three cycles, the network then for an epoch, and Omega is drawn anew. With multi-label images the release sets
S to 0 for some pairs; here two images are similar or not. Backbone and recipe are the suite's.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from hashbench.numerics import sign
from hashbench.numerics.discrete_deep import LabelSets, asymmetric_similarity, similar_sets, sums_by_set
from hashbench.training import Batch, DeepHashMethod, Epoch, TrainingData


@dataclass(eq=False, repr=False, kw_only=True)
class DDSH(DeepHashMethod):
    """DDSH. n_columns: images of Omega, at most half of all. n_cycles: cycles over their bits."""

    n_columns: int = 100
    n_cycles: int = 3

    def make_state(self, data: TrainingData) -> nn.Module:
        """The similarities of the training images, and room for Omega."""
        return Columns(data.labels, max(1, min(self.n_columns, data.n // 2)), self.n_bits)

    def refresh(self, epoch: Epoch) -> None:
        """Draw Omega and learn its codes."""
        assert isinstance(self.state_, Columns)
        if epoch.progress == 1:
            return
        state, B = self.state_, sign(epoch.outputs())
        drawn = torch.randperm(len(B), generator=epoch.generator)[: len(state.columns)].to(B.device)
        sets = LabelSets(state.sets, state.similar)
        S = state.similarity[sets.of[drawn]].to(B)  # (m, sets)
        within, others = B[drawn], B.clone()
        others[drawn] = 0
        pull = self.n_bits * S @ sums_by_set(others, sets)
        target = self.n_bits * S[:, sets.of[drawn]]
        state.columns.copy_(drawn)
        state.codes.copy_(column_codes(within, target, pull, others.T @ others, self.n_cycles))

    def loss(self, z: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Mean of (<tanh z_i, b_j> - K S_ij)^2 over images i of the batch outside Omega and j in Omega."""
        assert isinstance(self.state_, Columns)
        state = self.state_
        sets = state.sets[batch.index][:, None], state.sets[state.columns]
        target = self.n_bits * state.similarity[sets].to(z.dtype)
        errors = (torch.tanh(z) @ state.codes.to(z.dtype).T - target).square().mean(dim=1)
        outside = (batch.index[:, None] != state.columns).all(dim=1)
        return (errors * outside).sum() / outside.sum().clamp_min(1)


class Columns(nn.Module):
    """Omega: positions ``columns`` (m,) int64 and ``codes`` (m, K) int8, zeros until the first epoch.

    sets: (n,) int64, which set of labels an image has. similar, similarity: between sets.
    """

    columns: torch.Tensor
    codes: torch.Tensor
    sets: torch.Tensor
    similar: torch.Tensor
    similarity: torch.Tensor

    def __init__(self, labels: torch.Tensor, n_columns: int, n_bits: int) -> None:
        super().__init__()
        sets = similar_sets(labels)
        self.register_buffer("sets", sets.of, persistent=False)
        self.register_buffer("similar", sets.similar, persistent=False)
        self.register_buffer("similarity", asymmetric_similarity(sets), persistent=False)
        self.register_buffer("columns", torch.arange(n_columns))
        self.register_buffer("codes", torch.zeros(n_columns, n_bits, dtype=torch.int8))


def column_codes(
    B: torch.Tensor, target: torch.Tensor, pull: torch.Tensor, inner: torch.Tensor, n_cycles: int
) -> torch.Tensor:
    """Codes (m, K) after cycles over the bits from B on ||T - B B'||^2 - 2 tr(B' P) + tr(B inner B').

    target: T (m, m), K S within Omega. pull: P (m, K) = K S B_Gamma. inner: (K, K) = B_Gamma' B_Gamma. In
    float64 on the CPU, where many small steps are fast.
    """
    B, target, pull, inner = (values.cpu().double() for values in (B, target, pull, inner))
    for _ in range(n_cycles):
        for bit in range(B.shape[1]):
            b = B[:, bit].clone()
            B[:, bit] = 0
            linear = pull[:, bit] - B @ inner[bit]
            B[:, bit] = best_flips(b, target - B @ B.T, linear)
    return B


def best_flips(b: torch.Tensor, A: torch.Tensor, linear: torch.Tensor) -> torch.Tensor:
    """Bits (m,) of +-1 after the best single flip, again and again, until none raises b'Ab + linear'b."""
    A = A - A.diagonal().diag()  # b_i^2 = 1
    field = 2 * A @ b + linear
    while (gains := -2 * b * field).max() > 1e-6:  # above rounding, so that the loop ends
        best = int(gains.argmax())
        b = b.clone()
        b[best] *= -1
        field = field + 4 * A[:, best] * b[best]
    return b
