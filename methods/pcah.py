"""PCA hashing (PCAH).

The unsupervised case of Wang, Kumar, Chang, "Semi-supervised hashing for scalable image retrieval", CVPR
2010, and the PCA-Direct baseline of Gong & Lazebnik, CVPR 2011: signs of the n_bits leading principal
components of the mean-centred features.
Formula: read in the authors' code (Gong's smallcode, in a copy).
Departures from the paper: none.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from hashbench.contracts.method import HashMethod
from hashbench.numerics import pca


@dataclass(eq=False, repr=False, kw_only=True)
class PCAH(HashMethod):
    """Signs of principal components."""

    def _fit(self, X: torch.Tensor, y: torch.Tensor | None, generator: torch.Generator) -> None:
        self.mean_, self.components_ = pca(X, self.n_bits)

    def _project(self, X: torch.Tensor) -> torch.Tensor:
        return (X - self.mean_) @ self.components_
