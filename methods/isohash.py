"""Isotropic hashing (IsoHash).

Kong & Li, "Isotropic hashing", NIPS 2012. The leading principal components, with variances Lambda, are
rotated by Q so that all projections have the same variance: diag(Q Lambda Q') = a, a = tr(Lambda) / n_bits.
Lift and projection finds Q: from Z = U Lambda U' with a random rotation U, in turn set the diagonal of Z to a
and give the result the eigenvalues Lambda again, in their order.
Formula: read in the authors' code (as kept in libhash).
Departures from the paper: the copy read, and another, multiply by the wrong one of E and E', which leaves the
variances unequal; this is the paper's. A start that ends more than 0.001 a off the equal variances, as some
do, is drawn again. The paper's other solver (gradient flow) is left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from hashbench.contracts.method import HashMethod
from hashbench.numerics import pca, random_rotation, wide


@dataclass(eq=False, repr=False, kw_only=True)
class IsoHash(HashMethod):
    """Principal components, rotated to equal variances.

    n_iter: turns of lift and projection.
    n_starts: largest number of random starts.
    """

    n_iter: int = 100
    n_starts: int = 10

    def _fit(self, X: torch.Tensor, y: torch.Tensor | None, generator: torch.Generator) -> None:
        self.mean_, components = pca(X, self.n_bits)
        variances = wide((X - self.mean_) @ components).square().mean(0)
        self.directions_ = components @ isotropic(variances, self.n_iter, self.n_starts, generator).T.to(X)

    def _project(self, X: torch.Tensor) -> torch.Tensor:
        return (X - self.mean_) @ self.directions_


def isotropic(
    variances: torch.Tensor, n_iter: int, n_starts: int, generator: torch.Generator
) -> torch.Tensor:
    """An orthogonal Q (r, r) with diag(Q diag(variances) Q') constant; of the starts, the nearest to it."""
    spectrum = (variances / variances.mean().clamp(min=1e-30)).sort(descending=True)
    rotations, errors = [], []
    for _ in range(max(n_starts, 1)):
        Q = random_rotation(len(variances), generator).to(variances)
        for _ in range(n_iter):
            Z = Q * spectrum.values @ Q.T
            Q = torch.linalg.eigh(Z - Z.diagonal().diag() + torch.eye(len(Z)).to(Z))[1].flip(1)
        rotations.append(Q)
        errors.append(float(((Q.square() @ spectrum.values) - 1).abs().max()))
        if errors[-1] <= 1e-3:
            break
    best = rotations[errors.index(min(errors))]
    return best[:, spectrum.indices.argsort()]
