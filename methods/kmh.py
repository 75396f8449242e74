"""K-means hashing (KMH).

He, Wen, Sun, "K-means hashing: an affinity-preserving quantization method for learning binary compact codes",
CVPR 2013. Principal components are dealt out to subspaces of b bits, so that the products of their variances
balance. In each, 2^b centres are indexed by b bits; the bits of an item are the index of its nearest centre.
Centres minimise the mean of ||x - c_i(x)||^2 plus lambda sum_ij p_i p_j (||c_i - c_j|| - 2 s sqrt(h_ij))^2:
p_i is the share of the items, h_ij the Hamming distance of indices i and j. They start as the corners of a
cube of side 2 s on the subspace's first b axes, s the mean length of a projection on these.
Formula: read in the authors' code (as kept in libhash).
Departures from the paper: a centre's step is a few closed-form steps that never raise the objective
(majorisation, as in multidimensional scaling), where the code calls a quasi-Newton method. Where b does not
divide n_bits the last subspace has fewer bits; principal components too many to deal out evenly are left out
(ours: the paper has neither case).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from hashbench.contracts.method import HashMethod
from hashbench.errors import InvalidInputError
from hashbench.numerics import covariance, nearest, top_eigenvectors


@dataclass(eq=False, repr=False, kw_only=True)
class KMH(HashMethod):
    """Indices of cluster centres, whose Hamming distances follow the distances of the centres.

    bits_per_subspace: b; the work grows with 4^b.
    n_iter: turns of the two steps. n_steps: closed-form steps for a centre in a turn.
    affinity: lambda.
    """

    bits_per_subspace: int = 4
    n_iter: int = 50
    n_steps: int = 3
    affinity: float = 10.0

    def _fit(self, X: torch.Tensor, y: torch.Tensor | None, generator: torch.Generator) -> None:
        b = self.bits_per_subspace
        if not 1 <= b <= 12:
            raise InvalidInputError(f"{self.name()}: bits_per_subspace={b} must be 1 to 12")
        n_subspaces = -(-self.n_bits // b)
        bits = [b] * (self.n_bits // b) + [self.n_bits % b] * (self.n_bits % b > 0)
        dims = min(X.shape[1], len(X) - 1)
        if dims // n_subspaces < bits[0]:
            raise InvalidInputError(
                f"{self.name()}: n_bits={self.n_bits} needs {n_subspaces} subspaces of {bits[0]} or more "
                f"principal components, but there are {dims}; lower n_bits, or give more items or features"
            )
        self.mean_, matrix = covariance(X)
        dims = dims // n_subspaces * n_subspaces
        variances, components = top_eigenvectors(matrix, dims)
        self.subspaces_ = [components[:, own].to(X) for own in dealt(variances.tolist(), n_subspaces)]
        self.centres_ = []
        for directions, n_bits in zip(self.subspaces_, bits, strict=True):
            V = (X - self.mean_) @ directions
            self.centres_.append(trained(V, *cube(V, n_bits), self.affinity, self.n_iter, self.n_steps))

    def _project(self, X: torch.Tensor) -> torch.Tensor:
        parts = []
        for directions, centres in zip(self.subspaces_, self.centres_, strict=True):
            index = nearest((X - self.mean_) @ directions, centres)[1]
            parts.append(words(len(centres).bit_length() - 1).to(X)[index])
        return torch.cat(parts, 1)


def words(n_bits: int) -> torch.Tensor:
    """The bits of 0, 1, 2, ..., lowest first, as +-1: (2^n_bits, n_bits) float32."""
    return (torch.arange(2**n_bits)[:, None] >> torch.arange(n_bits) & 1).float() * 2 - 1


def dealt(variances: list[float], n_subspaces: int) -> list[list[int]]:
    """Which of the variances, which descend, belong to each subspace; as many to each.

    The next goes where the product so far is smallest, in units of the least variance, which is taken as
    1e-10 of the largest at least.
    """
    unit = max(variances[-1], 1e-10 * variances[0], 1e-30)
    logs = torch.tensor(variances, dtype=torch.float64).clamp(min=unit).div(unit).log().tolist()
    own: list[list[int]] = [[] for _ in range(n_subspaces)]
    for i in range(len(variances)):
        open_ones = [part for part in own if len(part) < len(variances) // n_subspaces]
        min(open_ones, key=lambda part: (sum(logs[j] for j in part), len(part))).append(i)
    return own


def cube(V: torch.Tensor, n_bits: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The first centres (2^n_bits, d) of items V (n, d), and their distances."""
    signs = words(n_bits).to(V)
    side = V[:, :n_bits].abs().mean()
    centres = torch.nn.functional.pad(side * signs, (0, V.shape[1] - n_bits))
    return centres, side * (signs[:, None] - signs).norm(dim=2)


def trained(
    V: torch.Tensor, centres: torch.Tensor, wanted: torch.Tensor, affinity: float, n_iter: int, n_steps: int
) -> torch.Tensor:
    """Centres (k, d) of items V (n, d) after n_iter turns; wanted (k, k): the distances they should have."""
    centres = centres.clone()
    for _ in range(n_iter):
        belongs = torch.nn.functional.one_hot(nearest(V, centres)[1], len(centres)).to(V)
        share = belongs.mean(0)
        means = (belongs.T @ V) / belongs.sum(0).clamp(min=1)[:, None]
        for j in share.nonzero()[:, 0].tolist():  # a centre without items has no part in the objective
            others = share.clone()
            others[j] = 0
            for _ in range(n_steps):
                apart = centres[j] - centres
                unit = apart / apart.norm(dim=1, keepdim=True).clamp(min=1e-12)
                pulled = others @ (centres + wanted[j][:, None] * unit)
                centres[j] = (means[j] + 2 * affinity * pulled) / (1 + 2 * affinity * others.sum())
    return centres
