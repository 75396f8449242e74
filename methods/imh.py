"""Inductive hashing on manifolds (IMH), with Laplacian eigenmaps.

F. Shen, C. Shen, Shi, van den Hengel, Tang, "Inductive hashing on manifolds", CVPR 2013. A base of m k-means
centres is embedded; an item is the weighted mean of its nearest base points, with weights
exp(-||x - base||^2 / sigma^2), and its bits are the signs. The embedding Y of the base minimises
tr(Y'(M + 2 T) Y): M is the Laplacian of the base's own neighbour graph; T = diag(column sums of W) - Wn'W,
with W (n, m) the weights between items and base and Wn the same with rows that sum to 1.
Formula: read in the authors' code (as kept in libhash).
Departures from the paper: as in the code, rows have length 1, and eigenvectors with eigenvalues up to 0.001
are left out. That the width of the base's graph is the mean distance to its last neighbour is reconstructed.
The paper's other embedding (t-SNE) is left out. Of few items, a fifth at most are base points (ours).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from hashbench.contracts.method import HashMethod
from hashbench.errors import InvalidInputError
from hashbench.numerics import anchor_graph, gram, graph_mean, graph_rows, kmeans, nearest, unit_rows, wide


@dataclass(eq=False, repr=False, kw_only=True)
class IMH(HashMethod):
    """A low-dimensional embedding of cluster centres, carried over to all items by their neighbours.

    n_anchors: m. n_iter: turns of k-means.
    n_nearest: base points that an item is a mean of.
    n_neighbours: of a base point, in the base's own graph.
    floor: eigenvalues up to here are taken for those of constant vectors.
    """

    n_anchors: int = 400
    n_iter: int = 10
    n_nearest: int = 5
    n_neighbours: int = 20
    floor: float = 1e-3

    def _fit(self, X: torch.Tensor, y: torch.Tensor | None, generator: torch.Generator) -> None:
        rows = unit_rows(X)
        centres, member = kmeans(rows, min(self.n_anchors, max(len(X) // 5, 2)), self.n_iter, generator)
        self.anchors_ = centres[member.unique()]  # no base points without items
        m = len(self.anchors_)
        W, self.sigma_squared_ = between(rows, self.anchors_, min(self.n_nearest, m))
        matrix = laplacian(self.anchors_, min(self.n_neighbours, m - 1)) + 2 * through_items(W)
        values, vectors = torch.linalg.eigh(matrix)
        usable = vectors[:, values > self.floor]
        if usable.shape[1] < self.n_bits:
            raise InvalidInputError(
                f"{self.name()}: n_bits={self.n_bits} needs so many eigenvectors; {m} base points give "
                f"{usable.shape[1]}; raise n_anchors, give more items, or lower n_bits"
            )
        self.embedding_ = usable[:, : self.n_bits].to(X) * len(usable) ** 0.5

    def _project(self, X: torch.Tensor) -> torch.Tensor:
        s = min(self.n_nearest, len(self.anchors_))
        indices, weights, _ = anchor_graph(unit_rows(X), self.anchors_, s, self.sigma_squared_)
        return graph_mean(indices, weights, self.embedding_)


def between(X: torch.Tensor, anchors: torch.Tensor, s: int) -> tuple[torch.Tensor, float]:
    """Weights (n, m) exp(-||x - anchor||^2 / sigma^2) of the s nearest anchors, 0 of others; and sigma^2."""
    indices, weights, sigma_squared = anchor_graph(X, anchors, s)
    largest = (-nearest(X, anchors)[0] / sigma_squared).exp()
    return graph_rows(indices, weights / weights[:, :1] * largest[:, None], len(anchors)), sigma_squared


def laplacian(anchors: torch.Tensor, k: int) -> torch.Tensor:
    """The Laplacian (m, m) float64 of the anchors' graph: linked where one is among the other's k nearest."""
    W = wide(between(anchors, anchors, k + 1)[0]).fill_diagonal_(0)  # the nearest is the anchor itself
    W = torch.maximum(W, W.T)
    return W.sum(1).diag() - W


def through_items(W: torch.Tensor) -> torch.Tensor:
    """diag(column sums of W) - Wn'W (m, m) float64 of W (n, m): the Laplacian of links through items."""
    scale = W.sum(1, keepdim=True).clamp(min=1e-30)
    joint = gram(W / scale.sqrt(), W / scale.sqrt())
    return joint.sum(1).diag() - joint
