"""What shallow supervised methods compute before a linear map: kernel features, features of variance 1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Self

import torch

from hashbench.errors import InvalidInputError
from hashbench.numerics.kernels import mean_squared_distance, rbf, sample_rows
from hashbench.numerics.linear import cholesky, gram


@dataclass(frozen=True, eq=False)
class KernelMap:
    """RBF features of rows: (n, d) -> (n, m), or (n, m + 1) with a last feature that is 1.

    normalize: whether rows are scaled to Euclidean length 1 first; a row of zeros stays zero.
    """

    anchors: torch.Tensor
    sigma_squared: float
    normalize: bool
    constant: bool

    @classmethod
    def draw(
        cls,
        X: torch.Tensor,
        n_anchors: int,
        generator: torch.Generator,
        *,
        sigma: float | Literal["mean"],
        normalize: bool,
        constant: bool = True,
    ) -> Self:
        """A map whose anchors are n_anchors rows of X (all, where there are fewer).

        sigma: width of the RBF in units of the (scaled) rows; "mean": sigma^2 is the mean squared distance of
        the rows to the anchors. Raises InvalidInputError where it is not positive.
        """
        rows = torch.nn.functional.normalize(X) if normalize else X
        anchors = sample_rows(rows, n_anchors, generator)
        if sigma == "mean":
            return cls(anchors, mean_squared_distance(rows, anchors), normalize, constant)
        if not sigma > 0:
            raise InvalidInputError(f"sigma={sigma} must be positive, or 'mean'")
        return cls(anchors, sigma**2, normalize, constant)

    def __call__(self, X: torch.Tensor) -> torch.Tensor:
        """The features of rows X."""
        rows = torch.nn.functional.normalize(X) if self.normalize else X
        features = rbf(rows, self.anchors, self.sigma_squared)
        return torch.nn.functional.pad(features, (0, 1), value=1.0) if self.constant else features


class Regression:
    """Ridge regression on features phi (n, m) of several targets B (n, r), one after the other.

    A call gives the P (m, r) that minimises ||B - phi P||^2 + ridge ||P||^2.
    """

    def __init__(self, phi: torch.Tensor, ridge: float) -> None:
        self.phi, self.root = phi, cholesky(gram(phi, phi), ridge, relative=False)

    def __call__(self, B: torch.Tensor) -> torch.Tensor:
        """P (m, r) of targets B (n, r)."""
        return torch.cholesky_solve(gram(self.phi, B), self.root).to(self.phi)


def spread(X: torch.Tensor) -> torch.Tensor:
    """Standard deviations (d,) of columns of X (n, d); 1 where a column is constant."""
    deviation = X.std(0, correction=0)
    return torch.where(deviation > 1e-6 * X.abs().amax(0), deviation, 1.0)
