"""Asymmetric deep supervised hashing (ADSH), with codes of the training images only.

Jiang & Li, "Asymmetric deep supervised hashing", AAAI 2018. The network gives u = tanh(z) for queries, and
binary codes V of the database are learned without it: sum_ij (<u_i, v_j> - K S_ij)^2 + gamma ||v_i - u_i||^2
falls by gradient in u and bit by bit in V. S is 1 for similar pairs and -r for others, r = similar /
dissimilar pairs.

Formula: read in the authors' code (jiangqy/ADSH-AAAI2018).

Departures from the paper: it learns V of the database from the labels of the database and ranks these codes;
queries alone pass the network. Here no method sees the database: V are codes of the training images, which
only teach the network, and it encodes queries and database alike. Results are not comparable to the paper's.
V is updated from all training images before each epoch, not from 2,000 drawn ones, and starts at sgn(u), not
at 0, which would draw u to 0. Sums over the database are means; gamma is the authors' 200 for their 59,000
images. A bit of V stays where both values are equally good. Backbone and recipe are the suite's.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from hashbench.numerics import sign
from hashbench.numerics.discrete_deep import (
    LabelSets,
    asymmetric_similarity,
    bits_in_turn,
    similar_sets,
    sums_by_set,
)
from hashbench.training import Batch, DeepHashMethod, Epoch, TrainingData


@dataclass(eq=False, repr=False, kw_only=True)
class ADSH(DeepHashMethod):
    """ADSH.

    gamma: weight of ||v_i - u_i||^2 beside a mean over j. n_cycles: cycles over the bits of V an epoch.
    """

    gamma: float = 200 / 59_000
    n_cycles: int = 1

    def make_state(self, data: TrainingData) -> nn.Module:
        """The similarities of the training images, and their codes, zeros until the first epoch."""
        return Database(data.labels, self.n_bits)

    def refresh(self, epoch: Epoch) -> None:
        """The step for V, with the outputs of all training images."""
        assert isinstance(self.state_, Database)
        if epoch.progress < 1:
            U = torch.tanh(epoch.outputs())
            V = sign(U) if epoch.progress == 0 else self.state_.codes.to(U)
            pull = self.n_bits * self.state_.similarity_times(U) + self.gamma * len(U) * U
            self.state_.store(bits_in_turn(V, U.T @ U, pull, self.n_cycles))

    def loss(self, z: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Mean over pairs of an image i and a training image j of (<u_i, v_j> - K S_ij)^2, plus gamma's."""
        assert isinstance(self.state_, Database)
        u, state, n = torch.tanh(z), self.state_, len(self.state_.codes)
        own, sets = state.codes[batch.index].to(z.dtype), state.sets[batch.index]
        # The square is expanded, so that no (b, n) matrix is needed.
        squares = (u @ state.inner * u).sum(dim=1) + self.n_bits**2 * state.squares[sets]
        errors = squares - 2 * self.n_bits * (u * state.pulls[sets]).sum(dim=1)
        return errors.mean() / n + self.gamma * (own - u).square().sum(dim=1).mean()


class Database(nn.Module):
    """Codes V (n, K) int8 of the training images, and the sums over them that the loss needs.

    sets: (n,) int64, which set of labels an image has. similarity: (m, m) between sets. inner: V'V (K, K).
    pulls: S V (m, K), one row a set. squares: (m,), the sum of S_ij^2 over j.
    """

    codes: torch.Tensor
    sets: torch.Tensor
    similar: torch.Tensor
    similarity: torch.Tensor
    inner: torch.Tensor
    pulls: torch.Tensor
    squares: torch.Tensor

    def __init__(self, labels: torch.Tensor, n_bits: int) -> None:
        super().__init__()
        sets = similar_sets(labels)
        similarity = asymmetric_similarity(sets)
        counts = sums_by_set(torch.ones(len(labels), 1, device=labels.device), sets)[:, 0]
        tables = {
            "sets": sets.of,
            "similar": sets.similar,
            "similarity": similarity,
            "squares": similarity.square() @ counts,
        }
        for name, table in tables.items():
            self.register_buffer(name, table, persistent=False)  # can be computed again
        self.register_buffer("codes", torch.zeros(len(labels), n_bits, dtype=torch.int8))
        self.register_buffer("inner", torch.zeros(n_bits, n_bits))
        self.register_buffer("pulls", torch.zeros(len(similarity), n_bits))

    def similarity_times(self, values: torch.Tensor) -> torch.Tensor:
        """S values, (n, K), of values (n, K)."""
        return self._by_set(values)[self.sets]

    def store(self, V: torch.Tensor) -> None:
        """Keep codes V (n, K) of +-1."""
        self.codes.copy_(V)
        self.inner.copy_(V.T @ V)
        self.pulls.copy_(self._by_set(V))

    def _by_set(self, values: torch.Tensor) -> torch.Tensor:
        return self.similarity.to(values) @ sums_by_set(values, LabelSets(self.sets, self.similar))
