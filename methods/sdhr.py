"""Supervised discrete hashing with relaxation (SDHR).

Gui, Liu, Sun, Tao, Tan, "Supervised discrete hashing with relaxation", TNNLS 2018. SDH regresses labels 0
and 1 on the codes. Here the targets R (n, C) are learned too, and need only set an item's class apart by a
margin: ||R - B W - 1 t'||^2 + lambda ||W||^2 + nu ||B - F(X)||^2 with R_iy - R_ik >= 1 for all k but the
class y. Its steps: t, the mean of R - B W; W by ridge regression; F(x) = P'phi(x) of RBF features by least
squares; B by discrete cyclic coordinate descent, as in SDH; R row by row, the nearest targets that keep the
margin.
Formula: from memory; the step for R is derived here.
Departures from the paper: only its abstract was read, so that order, start and constants, which are those of
SDH, are ours. An item with several labels keeps the margin between each of them and each other class.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch

from hashbench.contracts.method import HashMethod
from hashbench.numerics import KernelMap, Regression, coordinate_descent, one_hot, sign


@dataclass(eq=False, repr=False, kw_only=True)
class SDHR(HashMethod):
    """Codes that a linear classifier reads with a margin.

    n_anchors: number of kernel features, at most the number of training items.
    n_iter: iterations of all steps.
    n_cycles: largest number of cycles over the bits in a step for B.
    regularization, penalty: lambda and nu of the objective.
    ridge: of the least squares for P.
    normalize: whether rows are scaled to Euclidean length 1; a row of zeros stays zero.
    sigma: width of the RBF; "mean": sigma^2 is the mean squared distance to the anchors.
    """

    supervision: ClassVar = "supervised"
    n_anchors: int = 1000
    n_iter: int = 5
    n_cycles: int = 10
    regularization: float = 1.0
    penalty: float = 1e-5
    ridge: float = 1e-2
    normalize: bool = True
    sigma: float | Literal["mean"] = 0.4

    def _fit(self, X: torch.Tensor, y: torch.Tensor | None, generator: torch.Generator) -> None:
        assert y is not None
        own = one_hot(y) > 0
        self.kernel_ = KernelMap.draw(
            X, self.n_anchors, generator, sigma=self.sigma, normalize=self.normalize
        )
        phi = self.kernel_(X)
        on_features = Regression(phi, self.ridge)
        B = sign(torch.randn(len(X), self.n_bits, generator=generator)).to(X)
        R, t = own.to(X), torch.zeros(own.shape[1]).to(X)
        for _ in range(self.n_iter):
            W = Regression(B, self.regularization)(R - t)
            Q = (R - t) @ W.T + self.penalty * (phi @ on_features(B))
            B = coordinate_descent(B, W @ W.T, Q, self.n_cycles)
            t = (R - B @ W).mean(0)
            R = targets_with_margin(B @ W + t, own)
        self.projection_ = on_features(B)

    def _project(self, X: torch.Tensor) -> torch.Tensor:
        return self.kernel_(X) @ self.projection_


def targets_with_margin(G: torch.Tensor, own: torch.Tensor) -> torch.Tensor:
    """The R (n, C) nearest to G (n, C) whose rows are larger by 1 at own (n, C) bool than elsewhere.

    r = max(g, s + 1) at an item's own classes and min(g, s) elsewhere, with the s at which what is added
    there is what is taken here: a sum that rises with s, linearly between the values of g - 1 and g.
    """
    bends = torch.where(own, G - 1, G)
    points, order = bends.sort(1)
    inside = own.gather(1, order).to(G)
    taken = 1 - inside
    added = points * inside.cumsum(1) - (points * inside).cumsum(1)
    beyond = taken.flip(1).cumsum(1).flip(1) - taken
    sums = (points * taken).flip(1).cumsum(1).flip(1) - points * taken
    excess = added - (sums - points * beyond)
    last = (excess <= 0).sum(1, keepdim=True).clamp(min=1) - 1
    slope = (inside.cumsum(1) + beyond).gather(1, last)
    s = points.gather(1, last) - excess.gather(1, last).clamp(max=0) / slope.clamp(min=1)
    return torch.where(own, G.maximum(s + 1), G.minimum(s))
