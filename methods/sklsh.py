"""Locality-sensitive codes from shift-invariant kernels (SKLSH).

Raginsky & Lazebnik, "Locality-sensitive binary codes from shift-invariant kernels", NIPS 2009. A bit is
h(x) = sgn(cos(w'x + b) + t), w ~ N(0, gamma I), b uniform on [0, 2 pi], t uniform on [-1, 1]. The expected
share of bits that differ depends on the Gaussian kernel exp(-gamma ||x - y||^2 / 2) alone.
Formula: read in the authors' code (as kept in hashing-baseline-for-image-retrieval).
Departures from the paper: none in the bits. As in the release's demonstration, gamma is 1 after the data were
scaled so that the mean distance to an item's 50th nearest neighbour is 1; here that distance is of 100
training items to all training items, and the scale goes into w. Items are centred first, which moves b only.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import pi

import torch

from hashbench.contracts.method import HashMethod
from hashbench.errors import InvalidInputError
from hashbench.numerics import sample_rows, squared_distances


@dataclass(eq=False, repr=False, kw_only=True)
class SKLSH(HashMethod):
    """Random sinusoids of random projections: codes of the Gaussian kernel.

    gamma: of the kernel, in units of 1 / (mean distance to the n_nearest-th neighbour)^2.
    n_nearest: which neighbour gives the unit of length.
    n_sampled: how many items that mean is over.
    """

    gamma: float = 1.0
    n_nearest: int = 50
    n_sampled: int = 100

    def _fit(self, X: torch.Tensor, y: torch.Tensor | None, generator: torch.Generator) -> None:
        if not self.gamma > 0 or self.n_nearest < 1:
            raise InvalidInputError(
                f"{self.name()}: gamma={self.gamma} and n_nearest={self.n_nearest} must be positive"
            )
        self.mean_ = X.mean(0)
        distances = squared_distances(sample_rows(X, self.n_sampled, generator), X).sqrt()
        rank = min(self.n_nearest + 1, len(X))  # the item itself is the first
        unit = float(distances.kthvalue(rank, 1).values.mean()) or 1.0  # all rows equal: any unit will do
        normals = torch.randn(X.shape[1], self.n_bits, generator=generator).to(X)
        self.normals_ = normals * (self.gamma**0.5 / unit)
        self.phase_ = (2 * pi * torch.rand(self.n_bits, generator=generator)).to(X)
        self.threshold_ = (2 * torch.rand(self.n_bits, generator=generator) - 1).to(X)

    def _project(self, X: torch.Tensor) -> torch.Tensor:
        return torch.cos((X - self.mean_) @ self.normals_ + self.phase_) + self.threshold_
