"""Spectral hashing (SH).

Weiss, Torralba, Fergus, "Spectral hashing", NIPS 2008. The data are taken as uniform in a box along their
principal directions. On a side [a, b] the eigenfunctions of the Laplacian are
Phi_m(x) = sin(pi / 2 + m pi (x - a) / (b - a)), with eigenvalue 1 - exp(-eps^2 / 2 |m pi / (b - a)|^2). The
bits are the signs of the eigenfunctions with the n_bits smallest eigenvalues over all sides and m >= 1.
Formula: read in the authors' code (Weiss).
Departures from the paper: none. As in the authors' release there are min(n_bits, d) principal directions.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import pi

import torch

from hashbench.contracts.method import HashMethod
from hashbench.numerics import pca, wide


@dataclass(eq=False, repr=False, kw_only=True)
class SH(HashMethod):
    """Signs of sinusoids along the principal directions: the longer the side, the more bits it gets."""

    def _fit(self, X: torch.Tensor, y: torch.Tensor | None, generator: torch.Generator) -> None:
        # One item spans no direction: pca() then says what is missing.
        self.mean_, components = pca(X, max(1, min(self.n_bits, X.shape[1], len(X) - 1)))
        V = (X - self.mean_) @ components
        low, high = wide(V.amin(0)), wide(V.amax(0))
        modes = torch.arange(1, self.n_bits + 1).to(low)
        # The eigenvalue grows with m / (b - a), whatever eps; a side of length 0 comes last.
        frequency = modes / (high - low)[:, None]  # (sides, modes)
        chosen = frequency.flatten().argsort(stable=True)[: self.n_bits]
        side = chosen // self.n_bits
        self.components_ = components[:, side.to(X.device)]
        self.low_ = low[side].to(X)
        self.omega_ = (pi * frequency.flatten()[chosen]).nan_to_num(posinf=0.0).to(X)

    def _project(self, X: torch.Tensor) -> torch.Tensor:
        V = (X - self.mean_) @ self.components_
        return torch.cos(self.omega_ * (V - self.low_))  # sin(pi / 2 + t) = cos(t)
