"""Collective matrix factorization hashing (CMFH).

Ding, Guo, Zhou, "Collective matrix factorization hashing for multimodal data", CVPR 2014. Images X_1 (n, p)
and texts X_2 (n, q) of the same items share latent factors Y (n, K): they minimise

    J = sum_v a_v (||X_v - Y U_v||^2 + mu ||Y - X_v P_v||^2 + gamma (||U_v||^2 + ||P_v||^2 + ||Y||^2))

in turn over the bases U_v (K, d_v), the factors Y and the projections P_v (d_v, K), each a least-squares
problem with one solution. The code of an item of view v is sgn(X_v P_v).

Formula: from a port (BMC-SDNU/Cross-Modal-Hashing-Retrieval).
Departures from the paper: the constants a = (0.5, 0.5), mu = 100, gamma = 0.01, 25 rounds and the uniform
random start are those of a port [Cross-Modal-Hashing-Retrieval]; J is read off its three steps. An item is
encoded from one view, in the database too, where the paper fuses both: a fused code would let the text of a
database image answer in its place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from hashbench.contracts.cross_view import CrossViewMethod
from hashbench.numerics import cholesky, gram, ridged, wide


@dataclass(eq=False, repr=False, kw_only=True)
class CMFH(CrossViewMethod):
    """Latent factors of both views, and linear projections that predict them.

    image_weight: a_1; the texts' is 1 - a_1.
    projection_weight, regularization: mu and gamma of the objective.
    n_iter: rounds of the three steps.
    """

    image_weight: float = 0.5
    projection_weight: float = 100.0
    regularization: float = 0.01
    n_iter: int = 25

    def _fit(
        self,
        X: torch.Tensor,
        y: torch.Tensor | None,
        generator: torch.Generator,
        texts: torch.Tensor | None = None,
    ) -> None:
        assert texts is not None
        self.mean_, self.text_mean_ = X.mean(0), texts.mean(0)
        views = (X - self.mean_, texts - self.text_mean_)
        weights = (self.image_weight, 1 - self.image_weight)
        ridge = self.regularization / self.projection_weight
        roots = [cholesky(gram(view, view), ridge, relative=False) for view in views]
        Y, *P = (
            torch.rand(rows, self.n_bits, generator=generator).to(X)
            for rows in (len(X), *(view.shape[1] for view in views))
        )
        for _ in range(self.n_iter):
            U = bases(views, Y, self.regularization)
            Y = factors(views, U, P, weights, self.projection_weight, self.regularization)
            P = projections(views, Y, roots)
        self.directions_, self.text_directions_ = P

    def _project(self, X: torch.Tensor) -> torch.Tensor:
        return (X - self.mean_) @ self.directions_

    def _project_text(self, T: torch.Tensor) -> torch.Tensor:
        return (T - self.text_mean_) @ self.text_directions_


def bases(views: Sequence[torch.Tensor], Y: torch.Tensor, regularization: float) -> list[torch.Tensor]:
    """The U_v (K, d_v) that minimise J for given factors Y (n, K)."""
    inner = ridged(gram(Y, Y), regularization)
    return [torch.linalg.solve(inner, gram(Y, view)).to(Y) for view in views]


def factors(
    views: Sequence[torch.Tensor],
    U: Sequence[torch.Tensor],
    P: Sequence[torch.Tensor],
    weights: Sequence[float],
    projection_weight: float,
    regularization: float,
) -> torch.Tensor:
    """The Y (n, K) that minimises J for given bases U_v (K, d_v) and projections P_v (d_v, K)."""
    parts = list(zip(weights, views, U, P, strict=True))
    right = torch.stack([a * (X @ (u.T + projection_weight * p)) for a, X, u, p in parts]).sum(0)
    inner = torch.stack([a * gram(u.T, u.T) for a, _, u, _ in parts]).sum(0)
    total = ridged(inner, sum(weights) * (projection_weight + regularization))
    return (wide(right) @ torch.linalg.inv(total)).to(right)


def projections(
    views: Sequence[torch.Tensor], Y: torch.Tensor, roots: Sequence[torch.Tensor]
) -> list[torch.Tensor]:
    """The P_v (d_v, K) that minimise J for given factors Y (n, K).

    roots: lower Cholesky factors of X_v'X_v + gamma / mu I.
    """
    return [torch.cholesky_solve(gram(view, Y), root).to(Y) for view, root in zip(views, roots, strict=True)]
