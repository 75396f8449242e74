"""Locality-sensitive hashing with random hyperplanes (LSH).

Charikar, "Similarity estimation techniques from rounding algorithms", STOC 2002, Sec. 3:
h_r(x) = [r . x > 0] with r ~ N(0, I), so that P[h_r(x) != h_r(y)] = angle(x, y) / pi.
Formula: read in the authors' code (Gong's smallcode, in a copy).
Departures from the paper: the hyperplanes pass through the mean of the training items, not the origin;
non-negative features lie in one orthant, where most pairs of items would share most bits.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from hashbench.contracts.method import HashMethod


@dataclass(eq=False, repr=False, kw_only=True)
class LSH(HashMethod):
    """Signs of random projections."""

    def _fit(self, X: torch.Tensor, y: torch.Tensor | None, generator: torch.Generator) -> None:
        self.mean_ = X.mean(0)
        self.normals_ = torch.randn(X.shape[1], self.n_bits, generator=generator).to(X)

    def _project(self, X: torch.Tensor) -> torch.Tensor:
        return (X - self.mean_) @ self.normals_
