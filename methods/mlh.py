"""Minimal loss hashing (MLH).

Norouzi & Fleet, "Minimal loss hashing for compact binary codes", ICML 2011. b(x) = sgn(W'[x; 1]) of r =
n_bits bits. The loss of a pair whose codes differ in m bits is max(m - rho + 1, 0) / (r - rho + 1) if it is
similar, max(rho - m + 1, 0) / (rho + 1) if not. It is bounded from above by a structural SVM's surrogate:
the codes (y1, y2) of the pair that maximise loss + y1's1 + y2's2, s = W'[x; 1], are found exactly, as for a
fixed m the m bits that gain most by a difference differ. Stochastic gradient: W += x1 (b1 - y1)' + x2 (b2 -
y2)', averaged over a batch of pairs, with momentum, a rate that falls to 0, and shrinkage of W.
Formula: read in the authors' code (learnMLH.m v1.1, in a public copy).
Departures from the paper: rho, which the authors tune, is a quarter of the bits by default; the epochs, the
rate and the shrinkage are ours too. Features are centred and scaled to a mean length of 1. Items with several
labels are similar where they share one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from hashbench.contracts.method import HashMethod
from hashbench.errors import InvalidInputError
from hashbench.numerics import label_sets, one_hot, sign


@dataclass(eq=False, repr=False, kw_only=True)
class MLH(HashMethod):
    """Linear bits that minimise a hinge loss of Hamming distances.

    n_epochs, batch: epochs, pairs in a step.
    n_pairs: pairs in an epoch, 20 an item at most.
    rho: distance that tells similar from dissimilar, in bits; None: a quarter of n_bits, 1 at least.
    positive: share of a batch that is drawn among similar pairs, the rest among all (lambda of the release).
    rate, momentum, shrinkage: of the stochastic gradient.
    """

    supervision: ClassVar = "supervised"
    n_epochs: int = 20
    n_pairs: int = 100_000
    batch: int = 100
    rho: int | None = None
    positive: float = 0.5
    rate: float = 0.1
    momentum: float = 0.9
    shrinkage: float = 1e-3

    def _fit(self, X: torch.Tensor, y: torch.Tensor | None, generator: torch.Generator) -> None:
        assert y is not None
        rho = max(1, self.n_bits // 4) if self.rho is None else self.rho
        if not 0 <= rho <= self.n_bits:
            raise InvalidInputError(f"{self.name()}: rho={rho} must be from 0 to n_bits={self.n_bits}")
        self.mean_ = X.mean(0)
        self.scale_ = (X - self.mean_).norm(dim=1).mean().clamp(min=1e-12)
        data = self._extended(X)
        losses = hinge_losses(self.n_bits, rho).to(X)
        member, similarity = label_sets(y)
        item, label = one_hot(y).cpu().nonzero().T  # each item once for each of its labels
        order = label.argsort(stable=True)
        item, sizes = item[order], label.bincount()
        ends, sizes = sizes.cumsum(0)[label[order]], sizes[label[order]]
        W = 0.1 * torch.randn(data.shape[1], self.n_bits, generator=generator)
        W[-1] = 0
        W = W.to(X)
        velocity, decay = torch.zeros_like(W), torch.full_like(W, self.shrinkage)
        decay[-1] = 0
        n_similar, steps = round(self.positive * self.batch), -(-min(self.n_pairs, 20 * len(X)) // self.batch)
        for epoch in range(self.n_epochs):
            rate = self.rate * (1 - epoch / self.n_epochs)
            for _ in range(steps):
                place = torch.randint(len(item), (n_similar,), generator=generator)
                offset = (torch.rand(n_similar, generator=generator) * sizes[place]).long()
                partner = ends[place] - 1 - offset
                other = torch.randint(len(X), (2, self.batch - n_similar), generator=generator)
                pairs = torch.cat([torch.stack([item[place], item[partner]]), other], 1).to(X.device)
                similar = similarity[member[pairs[0]], member[pairs[1]]] > 0
                ascent = surrogate_ascent(W, data[pairs[0]], data[pairs[1]], losses[similar.long()])
                velocity = self.momentum * velocity + rate * (ascent - decay * W)
                W = W + velocity
        self.weights_ = W

    def _extended(self, X: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.pad((X - self.mean_) / self.scale_, (0, 1), value=1.0)

    def _project(self, X: torch.Tensor) -> torch.Tensor:
        return self._extended(X) @ self.weights_


def hinge_losses(n_bits: int, rho: int) -> torch.Tensor:
    """The loss (2, n_bits + 1) of a dissimilar and of a similar pair at each Hamming distance."""
    m = torch.arange(n_bits + 1.0)
    return torch.stack(
        [(rho - m + 1).clamp(min=0) / (rho + 1), (m - rho + 1).clamp(min=0) / (n_bits - rho + 1)]
    )


def worst_codes(s: torch.Tensor, t: torch.Tensor, losses: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Codes (y, z) of pairs with scores s, t (b, r) that maximise y's + z't + their loss (b, r + 1)."""
    gain = (s - t).abs() - (s + t).abs()  # of a difference in a bit
    ordered, order = gain.sort(1, descending=True)
    n_different = (torch.nn.functional.pad(ordered.cumsum(1), (1, 0)) + losses).argmax(1, keepdim=True)
    differs = order.argsort(1) < n_different
    y = sign(torch.where(differs, s - t, s + t))
    return y, torch.where(differs, -y, y)


def surrogate_ascent(W: torch.Tensor, X: torch.Tensor, Z: torch.Tensor, losses: torch.Tensor) -> torch.Tensor:
    """Minus the gradient (d, r) of the mean surrogate of pairs of rows X, Z (b, d)."""
    s, t = X @ W, Z @ W
    y, z = worst_codes(s, t, losses)
    return (X.T @ (sign(s) - y) + Z.T @ (sign(t) - z)) / len(X)
