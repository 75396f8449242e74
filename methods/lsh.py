"""Locality-sensitive hashing with random hyperplanes (LSH).

Charikar, "Similarity estimation techniques from rounding algorithms", STOC 2002, Sec. 3:
h_r(x) = [r . x > 0] with r ~ N(0, I), so that P[h_r(x) != h_r(y)] = angle(x, y) / pi.
Formula: read in the authors' code (Gong's smallcode, in a copy).
Departures from the paper: none. Toolkits centre the data first, because non-negative features lie in one
orthant, where most pairs of items share most bits: ``centred``. Published numbers on GIST are nearer to
hyperplanes through the origin.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from hashbench.contracts.method import HashMethod


@dataclass(eq=False, repr=False, kw_only=True)
class LSH(HashMethod):
    """Signs of random projections.

    centred: whether the hyperplanes pass through the mean of the training items, not the origin.
    """

    centred: bool = False

    def _fit(self, X: torch.Tensor, y: torch.Tensor | None, generator: torch.Generator) -> None:
        self.origin_ = X.mean(0) if self.centred else torch.zeros_like(X[0])
        self.normals_ = torch.randn(X.shape[1], self.n_bits, generator=generator).to(X)

    def _project(self, X: torch.Tensor) -> torch.Tensor:
        return (X - self.origin_) @ self.normals_
