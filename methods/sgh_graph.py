"""Scalable graph hashing with feature transformation (SGH; the graph one, not the stochastic generative one).

Jiang & Li, "Scalable graph hashing with feature transformation", IJCAI 2015. The similarity
2 exp(-||x - y||^2 / rho) - 1 of all pairs is approximated by P Q', with a few features a row and never
formed: exp(t) is taken linear on [-1, 1]. Codes sgn(K W), K centred RBF features of m bases, minimise
||n_bits P Q' - B B'||_F bit by bit: w is the top eigenvector of A w = lambda K'K w, A = n_bits K'P Q'K less
K'b b'K of the bits before; then each bit is learned again, in random order, with all the others.
Formula: read in the authors' code (as kept in hashing-baseline-for-image-retrieval and libhash).
Departures from the paper: the ridge of K'K is 1e-6 of its mean diagonal, not 1e-6.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import e, sqrt

import torch

from hashbench.contracts.method import HashMethod
from hashbench.errors import InvalidInputError
from hashbench.numerics import (
    gram,
    mean_squared_distance,
    rbf,
    sample_rows,
    sign,
    top_eigenvectors,
    whitening,
    wide,
)


@dataclass(eq=False, repr=False, kw_only=True)
class SGHGraph(HashMethod):
    """Kernel hash functions whose codes fit the similarity of all pairs, at a cost linear in their number.

    Items are centred and divided by the mean length of the training items.
    n_anchors: m, the bases, drawn from the training items.
    rho: of the similarity.
    """

    n_anchors: int = 300
    rho: float = 2.0

    def _fit(self, X: torch.Tensor, y: torch.Tensor | None, generator: torch.Generator) -> None:
        if not self.rho > 0:
            raise InvalidInputError(f"{self.name()}: rho={self.rho} must be positive")
        self.mean_ = X.mean(0)
        self.length_ = (X - self.mean_).norm(dim=1).mean().clamp(min=1e-12)
        rows = (X - self.mean_) / self.length_
        self.anchors_ = sample_rows(rows, self.n_anchors, generator)
        self.sigma_squared_ = mean_squared_distance(rows, self.anchors_)
        K = rbf(rows, self.anchors_, self.sigma_squared_)
        self.kernel_mean_ = K.mean(0)
        basis = whitening(wide(K - self.kernel_mean_))
        K = wide(K - self.kernel_mean_) @ basis
        P, Q = transformed(rows, self.rho)
        A = self.n_bits * gram(K, P) @ gram(K, Q).T
        A = (A + A.T) / 2
        seen = torch.zeros(K.shape[1], self.n_bits).to(K)  # K'b of the bits
        W = torch.zeros_like(seen)
        again = torch.randperm(self.n_bits, generator=generator).tolist()
        for bit in [*range(self.n_bits), *again]:
            A += torch.outer(seen[:, bit], seen[:, bit])
            W[:, bit] = top_eigenvectors(A, 1)[1][:, 0]
            seen[:, bit] = K.T @ sign(K @ W[:, bit])
            A -= torch.outer(seen[:, bit], seen[:, bit])
        self.coefficients_ = (basis @ W).to(X)

    def _project(self, X: torch.Tensor) -> torch.Tensor:
        rows = (X - self.mean_) / self.length_
        return (rbf(rows, self.anchors_, self.sigma_squared_) - self.kernel_mean_) @ self.coefficients_


def transformed(X: torch.Tensor, rho: float) -> tuple[torch.Tensor, torch.Tensor]:
    """P, Q (n, d + 2) of rows X (n, d): P Q' approximates 2 exp(-||x - y||^2 / rho) - 1."""
    decay = (X.square().sum(1, keepdim=True) / -rho).exp()
    ones = torch.ones_like(decay)
    shared = [sqrt(2 * (e - 1 / e) / rho) * decay * X, sqrt(e + 1 / e) * decay]
    return torch.cat([*shared, ones], 1), torch.cat([*shared, -ones], 1)
