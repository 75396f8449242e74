"""Supervised hashing with latent factor models (LFH).

Zhang, Zhang, Li, Guo, "Supervised hashing with latent factor models", SIGIR 2014. Real vectors U (n, n_bits)
maximise sum_ij [s_ij T_ij - log(1 + e^T_ij)] - ||U||^2 / (2 beta), T = U U'/2, s_ij = 1 for similar items,
else 0. The stochastic version: a turn draws n_bits items and takes a Newton step for all other rows of U at
once, with the pairs of a row and the drawn items U_o as its data: u -= H^-1 g with the bound H = -U_o'U_o /
8 - I / beta of the Hessian, the same for all rows, so that the likelihood of a row does not fall. The hash
function is the ridge regression of U on the features.
Formula: from a port (Eddie-Wang1120/single-modal-supervised-hashing-baseline-for-image-retrieval).
Departures from the paper: codes of training items are sgn(x W) like all others, where the authors' tables
take sgn(U) for them. Features are centred and have variance 1; the port loses the centring. U starts from
principal components, repeated where n_bits > d; the port then repeats the features. Repeated columns stay
equal, so at most d bits differ. A turn leaves the drawn items where they are: with no more items than bits
nothing is learned. Items with several labels are similar where they share one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from hashbench.contracts.method import HashMethod
from hashbench.numerics import Regression, covariance, label_sets, ridged, spread, top_eigenvectors


@dataclass(eq=False, repr=False, kw_only=True)
class LFH(HashMethod):
    """Latent factors of the label similarity, regressed on the features.

    n_iter: turns, each with n_bits drawn items.
    beta: the prior's variance of U, times n_bits.
    regularization: lambda of the regression, times n / d.
    """

    supervision: ClassVar = "supervised"
    n_iter: int = 50
    beta: float = 30.0
    regularization: float = 1.0

    def _fit(self, X: torch.Tensor, y: torch.Tensor | None, generator: torch.Generator) -> None:
        assert y is not None
        n, d = X.shape
        self.mean_, self.spread_ = X.mean(0), spread(X)
        X = (X - self.mean_) / self.spread_
        member, similarity = label_sets(y)
        vectors = top_eigenvectors(covariance(X)[1], min(self.n_bits, d))[1].to(X)
        U = X @ vectors[:, torch.arange(self.n_bits) % vectors.shape[1]]
        beta = self.beta / self.n_bits
        for _ in range(self.n_iter):
            drawn = torch.randperm(n, generator=generator)[: self.n_bits].to(X.device)
            S = (similarity[:, member[drawn]] > 0).to(X)[member]
            moved = newton_step(U, U[drawn], S, beta)
            moved[drawn] = U[drawn]
            U = moved
        self.projection_ = Regression(X, self.regularization * n / d)(U)

    def _project(self, X: torch.Tensor) -> torch.Tensor:
        return (X - self.mean_) / self.spread_ @ self.projection_


def newton_step(U: torch.Tensor, drawn: torch.Tensor, S: torch.Tensor, beta: float) -> torch.Tensor:
    """U (n, r) after one step of each row for its pairs with the drawn rows (k, r) of similarity S (n, k)."""
    gradient = (S - torch.sigmoid(U @ drawn.T / 2)) @ drawn - U / beta
    minus_hessian = ridged(drawn.T @ drawn / 8, 1 / beta)
    return U + torch.linalg.solve(minus_hessian, gradient.T).T
