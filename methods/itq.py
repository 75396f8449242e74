"""Iterative quantization (ITQ).

Gong & Lazebnik, "Iterative quantization: a Procrustean approach to learning binary codes", CVPR 2011.
V = X W are the n_bits leading principal components. The rotation R minimises Q(B, R) = ||B - V R||_F^2,
eq. (2), in turn: B = sgn(V R) for fixed R; for fixed B, R solves the orthogonal Procrustes problem.
Formula: read in the authors' code (Gong's smallcode, in a copy).
Departures from the paper: none.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from hashbench.contracts.method import HashMethod
from hashbench.numerics import pca, procrustes, random_rotation, sign


@dataclass(eq=False, repr=False, kw_only=True)
class ITQ(HashMethod):
    """Principal components, rotated to lie near the corners of the hypercube.

    n_iter: iterations of the two steps (Sec. 2.2: 50).
    """

    n_iter: int = 50

    def _fit(self, X: torch.Tensor, y: torch.Tensor | None, generator: torch.Generator) -> None:
        self.mean_, self.components_ = pca(X, self.n_bits)
        V = (X - self.mean_) @ self.components_
        self.rotation_ = random_rotation(self.n_bits, generator).to(X)
        for _ in range(self.n_iter):
            B = sign(V @ self.rotation_)
            self.rotation_ = procrustes(V, B)

    def _project(self, X: torch.Tensor) -> torch.Tensor:
        return (X - self.mean_) @ self.components_ @ self.rotation_
