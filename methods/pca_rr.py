"""PCA with a random rotation (PCA-RR).

The baseline of Gong & Lazebnik, "Iterative quantization: a Procrustean approach to learning binary codes",
CVPR 2011: sgn(V R) with V the n_bits leading principal components and R one random rotation, which
spreads the variance over the bits. It is ITQ before its first iteration.
Formula: read in the authors' code (as kept in hashing-baseline-for-image-retrieval).
Departures from the paper: none.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from hashbench.contracts.method import HashMethod
from hashbench.numerics import pca, random_rotation


@dataclass(eq=False, repr=False, kw_only=True)
class PCARR(HashMethod):
    """Signs of principal components after one random rotation."""

    def _fit(self, X: torch.Tensor, y: torch.Tensor | None, generator: torch.Generator) -> None:
        self.mean_, components = pca(X, self.n_bits)
        self.directions_ = components @ random_rotation(self.n_bits, generator).to(X)

    def _project(self, X: torch.Tensor) -> torch.Tensor:
        return (X - self.mean_) @ self.directions_
