"""Density sensitive hashing (DSH of 2014; ``dsh`` is the deep one).

Jin, Li, Lin, Cai, "Density sensitive hashing", IEEE Trans. Cybernetics 44(8), 2014. k-means gives
alpha n_bits clusters. Each pair of clusters of which one is among the other's nearest gives the plane
half-way between their centres: u = mu_i - mu_j, (x - (mu_i + mu_j) / 2)'u = 0. The bits are the n_bits
planes that cut the clusters, weighted by their items, into the most equal halves.
Formula: read in the authors' code (as kept in ZJULearning/MatlabFunc).
Departures from the paper: planes are ranked by the smaller half over the larger, as in the code; the entropy
of the paper orders them alike. Where there are fewer planes than bits, more neighbours are taken (ours).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from hashbench.contracts.method import HashMethod
from hashbench.errors import InvalidInputError
from hashbench.numerics import kmeans, squared_distances


@dataclass(eq=False, repr=False, kw_only=True)
class DSHDensity(HashMethod):
    """Planes between neighbouring clusters that split the items evenly.

    alpha: clusters a bit. n_iter: turns of k-means. n_nearest: neighbours of a cluster that give planes.
    """

    alpha: float = 1.5
    n_iter: int = 3
    n_nearest: int = 3

    def _fit(self, X: torch.Tensor, y: torch.Tensor | None, generator: torch.Generator) -> None:
        clusters = round(self.alpha * self.n_bits)
        centres, member = kmeans(X, max(clusters, 2), self.n_iter, generator)
        filled, counts = member.unique(return_counts=True)
        pairs = neighbour_pairs(centres := centres[filled], self.n_nearest, self.n_bits)
        if len(pairs) < self.n_bits:
            raise InvalidInputError(
                f"{self.name()}: n_bits={self.n_bits} needs so many pairs of clusters; {len(centres)} "
                f"clusters have {len(pairs)}; raise alpha, give more items, or lower n_bits"
            )
        normals, offsets = planes(centres, pairs)
        chosen = balances(centres, counts, normals, offsets).argsort(descending=True, stable=True)
        self.normals_, self.offsets_ = normals[:, chosen[: self.n_bits]], offsets[chosen[: self.n_bits]]

    def _project(self, X: torch.Tensor) -> torch.Tensor:
        return X @ self.normals_ - self.offsets_


def neighbour_pairs(centres: torch.Tensor, n_nearest: int, wanted: int) -> torch.Tensor:
    """Pairs i < j (p, 2) of centres of which one is among the other's n_nearest, or more till p >= wanted."""
    k = len(centres)
    distances = squared_distances(centres, centres).fill_diagonal_(torch.inf)
    order = distances.argsort(dim=1, stable=True)
    pairs = order.new_zeros(0, 2)
    for s in range(max(min(n_nearest, k - 1), 1), max(k, 2)):
        own = torch.arange(k).to(order)[:, None].expand(k, s)
        pairs = torch.stack([own, order[:, :s]], 2).reshape(-1, 2).sort(1).values.unique(dim=0)
        pairs = pairs[pairs[:, 0] < pairs[:, 1]]
        if len(pairs) >= wanted:
            break
    return pairs


def planes(centres: torch.Tensor, pairs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Normals (d, p) and offsets (p,) of the planes half-way between the centres of each pair."""
    first, second = centres[pairs[:, 0]], centres[pairs[:, 1]]
    normals = first - second
    return normals.T, (normals * (first + second)).sum(1) / 2


def balances(
    centres: torch.Tensor, counts: torch.Tensor, normals: torch.Tensor, offsets: torch.Tensor
) -> torch.Tensor:
    """(p,): items of the clusters on the lighter side of a plane over those on the heavier side."""
    share = counts / counts.sum()
    above = share @ (centres @ normals > offsets).to(share)
    return torch.minimum(above, 1 - above) / torch.maximum(above, 1 - above)
