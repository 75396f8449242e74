"""Discrete graph hashing (DGH).

Liu, Mu, Kumar, Chang, "Discrete graph hashing", NIPS 2014. On the anchor graph A = Z L^-1 Z' of the training
items, codes B in {-1, 1}^(n x n_bits) and a real Y with 1'Y = 0 and Y'Y = n I maximise
Q = tr(B'A B) + rho tr(B'Y) in turn. B: B <- sgn(2 A B + rho Y), where 0 keeps the bit, till nothing changes.
Y: from the singular vectors of the centred B. A new item's code is sgn(B'Z L^-1 z(x)). There are two starts:
the eigenvectors of A as they are, and rotated to lie near their signs.
Formula: in the paper's text (as third-party reading notes give it).
Departures from the paper: it reports the two starts apart, as DGH-I and DGH-R; here both are run, and the one
with the larger Q is kept. The rotation does not weight eigenvectors by their eigenvalues. The number of
anchors (300), s = 3, rho = 0.1 and the largest numbers of turns are from memory; the paper tunes rho. The
start takes eigenvectors below eigenvalue 0.999 (``ceiling``), as AGH's release does. Of few items, a fifth at
most give anchors (ours).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from hashbench.contracts.method import HashMethod
from hashbench.errors import InvalidInputError
from hashbench.numerics import anchor_graph, gram, graph_mean, graph_rows, kmeans, procrustes, sign, wide


@dataclass(eq=False, repr=False, kw_only=True)
class DGH(HashMethod):
    """Codes of the training items that are smooth on a graph, learned as bits, and carried over by anchors.

    rho: weight of balanced, uncorrelated bits.
    n_anchors, n_nearest, n_kmeans: of the graph; turns of k-means.
    n_iter: largest number of turns of B and Y. n_ascent: largest number of steps for B in a turn.
    ceiling: eigenvalues from here on are taken for those of constant vectors.
    """

    rho: float = 0.1
    n_anchors: int = 300
    n_nearest: int = 3
    n_kmeans: int = 10
    n_iter: int = 20
    n_ascent: int = 300
    ceiling: float = 0.999

    def _fit(self, X: torch.Tensor, y: torch.Tensor | None, generator: torch.Generator) -> None:
        if not self.rho >= 0:
            raise InvalidInputError(f"{self.name()}: rho={self.rho} must not be negative")
        centres, member = kmeans(X, min(self.n_anchors, max(len(X) // 5, 1)), self.n_kmeans, generator)
        self.anchors_ = centres[member.unique()]  # no anchors without items
        s = min(self.n_nearest, len(self.anchors_))
        indices, weights, self.sigma_squared_ = anchor_graph(X, self.anchors_, s)
        Z = graph_rows(indices, weights, len(self.anchors_))
        H = self._eigenvectors(Z)
        rotated = H @ rotation(H, self.n_iter)
        ends = [self._ascend(Z, Y, generator) for Y in (H, rotated)]
        B = max(ends, key=lambda end: end[1])[0]
        self.weights_ = (Z.T @ B) / Z.sum(0)[:, None]

    def _eigenvectors(self, Z: torch.Tensor) -> torch.Tensor:
        """sqrt(n) times the eigenvectors of A after the constant one, (n, n_bits)."""
        mass = wide(Z).sum(0)
        values, vectors = torch.linalg.eigh(gram(Z, Z) / (mass[:, None] * mass).sqrt())
        usable = (values > 1e-9) & (values < self.ceiling)
        if int(usable.sum()) < self.n_bits:
            raise InvalidInputError(
                f"{self.name()}: n_bits={self.n_bits} needs so many eigenvectors, but the graph of "
                f"{len(mass)} anchors has {int(usable.sum())}; raise n_anchors or n_nearest, or lower n_bits"
            )
        values, vectors = values[usable].flip(0)[: self.n_bits], vectors[:, usable].flip(1)[:, : self.n_bits]
        return Z @ (vectors / mass[:, None].sqrt() * (len(Z) / values).sqrt()).to(Z)

    def _ascend(
        self, Z: torch.Tensor, Y: torch.Tensor, generator: torch.Generator
    ) -> tuple[torch.Tensor, float]:
        """Codes B (n, n_bits) that the turns end at, and Q there."""
        B, before = sign(Y), -torch.inf
        for _ in range(self.n_iter):
            B = discrete_step(B, Y, Z, self.rho, self.n_ascent)
            Y = balanced(B, generator)
            reached = quality(B, Y, Z, self.rho)
            if reached <= before * (1 + 1e-6):
                break
            before = reached
        return B, reached

    def _project(self, X: torch.Tensor) -> torch.Tensor:
        s = min(self.n_nearest, len(self.anchors_))
        indices, weights, _ = anchor_graph(X, self.anchors_, s, self.sigma_squared_)
        return graph_mean(indices, weights, self.weights_)


def quality(B: torch.Tensor, Y: torch.Tensor, Z: torch.Tensor, rho: float) -> float:
    """Q = tr(B'A B) + rho tr(B'Y), A = Z L^-1 Z'."""
    smooth = (Z.T @ B).square() / Z.sum(0)[:, None]
    return float(wide(smooth).sum() + rho * wide(B * Y).sum())


def discrete_step(B: torch.Tensor, Y: torch.Tensor, Z: torch.Tensor, rho: float, n_iter: int) -> torch.Tensor:
    """B after steps sgn(2 A B + rho Y), until nothing changes; none lowers Q, as A is positive."""
    mass = Z.sum(0)[:, None]
    for _ in range(n_iter):
        slope = 2 * (Z @ ((Z.T @ B) / mass)) + rho * Y
        after = torch.where(slope == 0, B, sign(slope))
        if torch.equal(after, B):
            break
        B = after
    return B


def balanced(B: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """The Y (n, r) with 1'Y = 0 and Y'Y = n I that maximises tr(B'Y).

    Where the centred B has a rank below r, the missing directions are random. Needs n > r.
    """
    n, r = B.shape
    centred = B - B.mean(0)
    values, V = torch.linalg.eigh(gram(centred, centred))
    there = values > 1e-6 * n
    U = wide(centred) @ V[:, there] / values[there].sqrt()
    random = torch.randn(n, r, generator=generator).to(U)[:, : int((~there).sum())]
    spanned = torch.cat([torch.ones(n, 1).to(U), U], 1)
    new = torch.linalg.qr(torch.cat([spanned, random], 1))[0][:, spanned.shape[1] :]
    return (n**0.5 * torch.cat([U, new], 1) @ torch.cat([V[:, there], V[:, ~there]], 1).T).to(B)


def rotation(H: torch.Tensor, n_iter: int) -> torch.Tensor:
    """The rotation (r, r) that brings the rows of H (n, r) near to their signs, found from the identity."""
    R = torch.eye(H.shape[1]).to(H)
    for _ in range(n_iter):
        R = procrustes(H, sign(H @ R))
    return R
