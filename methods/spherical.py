"""Spherical hashing (SpH).

Heo, Lee, He, Chang, Yoon, "Spherical hashing", CVPR 2012. Bit k says whether an item lies in a ball:
||x - c_k|| <= t_k. Each ball holds half of the n items, and any two share a quarter: with O_ij the items in
both i and j, centres move by the forces (O_ij - n/4) / (n/4) (c_i - c_j) / 2, averaged over the balls, until
the mean of |O_ij - n/4| is at most 0.1 n/4 and the standard deviation of O_ij at most 0.15 n/4.
Formula: read in the authors' code (as kept in hashing-baseline-for-image-retrieval and libhash).
Departures from the paper: codes are ranked by Hamming distance, as all codes here, not by the paper's
spherical Hamming distance |b xor b'| / |b and b'|. The moves end after ``n_iter``, with the centres of the
least mean |O_ij - n/4|; the release goes on for ever. A radius lies half-way to the next item, so that no
item is on a sphere.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from hashbench.contracts.method import HashMethod
from hashbench.errors import InvalidInputError
from hashbench.numerics import squared_distances


@dataclass(eq=False, repr=False, kw_only=True)
class SpH(HashMethod):
    """Bits that say in which balls an item lies; the balls are balanced and pairwise independent.

    n_items: largest number of training items, drawn at random, that the balls are fitted to.
    n_iter: largest number of moves of the centres.
    overlap_error, overlap_deviation: the two bounds at which the moves end, in units of n/4.
    """

    n_items: int = 20_000
    n_iter: int = 100
    overlap_error: float = 0.10
    overlap_deviation: float = 0.15

    def _fit(self, X: torch.Tensor, y: torch.Tensor | None, generator: torch.Generator) -> None:
        if self.n_items < 2:
            raise InvalidInputError(f"{self.name()}: n_items={self.n_items}; at least two are needed")
        r = self.n_bits
        items = X[torch.randperm(len(X), generator=generator)[: self.n_items].to(X.device)]
        n = len(items)
        drawn = torch.rand(r, n, generator=generator).topk(min(5, n)).indices.to(X.device)
        centres, least = items[drawn].mean(1), torch.inf
        self.centres_, self.radii_ = centres, radii(items, centres)
        for _ in range(self.n_iter if r > 1 else 0):
            balls = radii(items, centres)
            overlap = overlaps(items, centres, balls)
            pairs = overlap[*torch.triu_indices(r, r, 1)]
            error, deviation = float((pairs - n / 4).abs().mean()), float(pairs.std(correction=0))
            good = error <= self.overlap_error * n / 4 and deviation <= self.overlap_deviation * n / 4
            if good or error < least:
                least, self.centres_, self.radii_ = error, centres, balls
            if good:
                break
            centres = moved(centres, overlap, n)

    def _project(self, X: torch.Tensor) -> torch.Tensor:
        return self.radii_ - squared_distances(X, self.centres_).sqrt()


def radii(X: torch.Tensor, centres: torch.Tensor) -> torch.Tensor:
    """The radii (r,) of balls around centres (r, d) that hold half of the items X (n, d), rounded down."""
    ordered = squared_distances(X, centres).sqrt().sort(0).values
    inside = max(len(X) // 2, 1)
    return (ordered[inside - 1] + ordered[min(inside, len(X) - 1)]) / 2


def overlaps(X: torch.Tensor, centres: torch.Tensor, radii: torch.Tensor) -> torch.Tensor:
    """How many items lie in both of two balls, (r, r)."""
    inside = (squared_distances(X, centres).sqrt() <= radii).to(X)
    return inside.T @ inside


def moved(centres: torch.Tensor, overlap: torch.Tensor, n: int) -> torch.Tensor:
    """Centres after one step along the forces of all pairs, which push where two balls share too much."""
    force = 0.5 * (overlap - n / 4) / (n / 4)
    force = force - force.diagonal().diag()
    return centres + (force.sum(1, keepdim=True) * centres - force @ centres) / len(centres)
