"""Anchor graph hashing (AGH), with one layer or two.

Liu, Wang, Kumar, Chang, "Hashing with graphs", ICML 2011. m anchors are k-means centres; Z (n, m) holds each
item's weights exp(-||x - anchor||^2 / sigma^2) for its s nearest anchors, rows summing to 1. The graph
A = Z L^-1 Z', L = diag(column sums), has as eigenvectors the columns of Y = Z W, W = L^(-1/2) V S^(-1/2),
V and S the eigenpairs of L^(-1/2) Z'Z L^(-1/2); eigenvalue 1, for the constant vector, is left out. Bits are
the signs of z(x)'W. With two layers, half of the eigenvectors give two bits each: the second is
y - t+ for y > 0 and t- - y otherwise, with thresholds t+ and t- that minimise the graph's cut.
Formula: read in the authors' code (as kept in libhash).
Departures from the paper: as in the code, all eigenvalues above 0.999 are left out, not the first alone. For
an odd n_bits the last eigenvector has no second bit. There is at most one anchor for five items (ours).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

from hashbench.contracts.method import HashMethod
from hashbench.errors import InvalidInputError
from hashbench.numerics import anchor_graph, gram, graph_mean, graph_rows, kmeans, wide


@dataclass(eq=False, repr=False, kw_only=True)
class AGH(HashMethod):
    """Signs of the smooth functions on a graph that links items through anchors.

    layers: 1, a bit an eigenvector; 2, two bits an eigenvector.
    n_anchors: m. n_nearest: s, anchors that an item is linked to.
    n_iter: turns of k-means.
    ceiling: eigenvalues from here on are taken for those of constant vectors.
    """

    layers: Literal[1, 2] = 2
    n_anchors: int = 300
    n_nearest: int = 2
    n_iter: int = 10
    ceiling: float = 0.999

    def _fit(self, X: torch.Tensor, y: torch.Tensor | None, generator: torch.Generator) -> None:
        if self.layers not in (1, 2):
            raise InvalidInputError(f"{self.name()}: layers={self.layers} must be 1 or 2")
        wanted = -(-self.n_bits // self.layers)
        centres, member = kmeans(X, min(self.n_anchors, max(len(X) // 5, 1)), self.n_iter, generator)
        self.anchors_ = centres[member.unique()]  # no anchors without items
        s = min(self.n_nearest, len(self.anchors_))
        indices, weights, self.sigma_squared_ = anchor_graph(X, self.anchors_, s)
        Z = graph_rows(indices, weights, len(self.anchors_))
        mass, W, found = eigenvectors(Z, wanted, self.ceiling)
        if found < wanted:
            raise InvalidInputError(
                f"{self.name()}: n_bits={self.n_bits} needs {wanted} eigenvectors, but the graph of "
                f"{len(self.anchors_)} anchors has {found}; raise n_anchors or n_nearest, or lower n_bits"
            )
        self.weights_ = W.to(X)
        Y = wide(Z) @ W
        self.thresholds_ = torch.stack([second_thresholds(y, wide(Z), mass) for y in Y.T], 1).to(X)

    def _project(self, X: torch.Tensor) -> torch.Tensor:
        indices, weights, _ = anchor_graph(
            X, self.anchors_, min(self.n_nearest, len(self.anchors_)), self.sigma_squared_
        )
        Y = graph_mean(indices, weights, self.weights_)
        if self.layers == 1:
            return Y
        high, low = self.thresholds_
        return torch.cat([Y, torch.where(Y > 0, Y - high, low - Y)], 1)[:, : self.n_bits]


def eigenvectors(Z: torch.Tensor, k: int, ceiling: float) -> tuple[torch.Tensor, torch.Tensor, int]:
    """L (m,) and W (m, k) of the graph of Z (n, m), Y = Z W having Y'Y = n I; also how many there are.

    Eigenvalues run down from the largest below the ceiling.
    """
    inner = gram(Z, Z)
    mass = wide(Z).sum(0)
    values, vectors = torch.linalg.eigh(inner / (mass[:, None] * mass).sqrt())
    usable = (values > 1e-9) & (values < ceiling)
    values, vectors = values[usable].flip(0)[:k], vectors[:, usable].flip(1)[:, :k]
    return mass, vectors / mass[:, None].sqrt() * (len(Z) / values).sqrt(), int(usable.sum())


def second_thresholds(y: torch.Tensor, Z: torch.Tensor, mass: torch.Tensor) -> torch.Tensor:
    """(t+, t-) of an eigenvector y (n,) of the graph of Z (n, m), mass (m,): where each side is cut."""
    positive = (y > 0).to(y)
    n, n_positive = len(y), positive.sum()
    left = positive @ Z
    s1 = left @ ((y.abs() @ Z) / mass)
    s2 = n_positive - (left.square() / mass).sum()
    s3 = positive @ y
    slope = torch.where(s2.abs() > 1e-9 * n, (s3 - s1) / s2, 0.0)  # 0/0 where no link joins the two sides
    return torch.stack([(2 * s3 + (n - n_positive) * slope) / n, (n_positive * slope - 2 * s3) / n])
