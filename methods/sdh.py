"""Supervised discrete hashing (SDH).

Shen, Shen, Liu, Shen, "Supervised discrete hashing", CVPR 2015. Codes B (n, n_bits) of the training items, a
linear classifier W of codes and a hash function F(x) = P' phi(x) of RBF features phi minimise
||Y - B W||^2 + lambda ||W||^2 + nu ||B - F(X)||^2 in turn: W by ridge regression, P by least squares, B by
discrete cyclic coordinate descent, column by column: z = sgn(q - B' W' v), with B' and W' the other bits, v
the row of W and q the column of Q = Y W' + nu F(X) that belong to z. The code of a new item is sgn(F(x)).
Formula: from a port (copies of the authors' release, which was not seen itself).
Departures from the paper: rows of length 1 with sigma = 0.4, a ridge of 0.01 for P and a constant feature in
phi are those of the releases. B starts each iteration from the last B; one release starts from 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch

from hashbench.contracts.method import HashMethod
from hashbench.errors import InvalidInputError
from hashbench.numerics import gram, mean_squared_distance, one_hot, rbf, ridged, sample_rows, sign


@dataclass(eq=False, repr=False, kw_only=True)
class SDH(HashMethod):
    """Codes that a linear classifier reads, learned without relaxing the bits.

    n_anchors: number of kernel features, at most the number of training items.
    n_iter: iterations of the three steps.
    n_cycles: largest number of cycles over the bits in a step for B.
    regularization, penalty: lambda and nu of the objective.
    ridge: of the least squares for P.
    normalize: whether rows are scaled to Euclidean length 1; a row of zeros stays zero.
    sigma: width of the RBF, in units of the (scaled) rows; "mean": sigma^2 is the mean squared distance to
        the anchors.
    """

    supervision: ClassVar = "supervised"
    n_anchors: int = 1000
    n_iter: int = 5
    n_cycles: int = 10
    regularization: float = 1.0
    penalty: float = 1e-5
    ridge: float = 1e-2
    normalize: bool = True
    sigma: float | Literal["mean"] = 0.4

    def _fit(self, X: torch.Tensor, y: torch.Tensor | None, generator: torch.Generator) -> None:
        assert y is not None
        Y, rows = one_hot(y), self._rows(X)
        self.anchors_ = sample_rows(rows, self.n_anchors, generator)
        self.sigma_squared_ = self._sigma_squared(rows)
        phi = self._kernel(X)
        root = torch.linalg.cholesky(ridged(gram(phi, phi), self.ridge))
        B = sign(torch.randn(len(X), self.n_bits, generator=generator)).to(X)
        for _ in range(self.n_iter):
            W = ridge_regression(B, Y, self.regularization)
            P = torch.cholesky_solve(gram(phi, B), root).to(X)
            B = discrete_codes(B, W, Y @ W.T + self.penalty * (phi @ P), self.n_cycles)
        self.projection_ = torch.cholesky_solve(gram(phi, B), root).to(X)

    def _rows(self, X: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.normalize(X) if self.normalize else X

    def _sigma_squared(self, rows: torch.Tensor) -> float:
        if self.sigma == "mean":
            return mean_squared_distance(rows, self.anchors_)
        if not self.sigma > 0:
            raise InvalidInputError(f"{self.name()}: sigma={self.sigma} must be positive, or 'mean'")
        return self.sigma**2

    def _kernel(self, X: torch.Tensor) -> torch.Tensor:
        phi = rbf(self._rows(X), self.anchors_, self.sigma_squared_)
        return torch.nn.functional.pad(phi, (0, 1), value=1.0)

    def _project(self, X: torch.Tensor) -> torch.Tensor:
        return self._kernel(X) @ self.projection_


def ridge_regression(B: torch.Tensor, Y: torch.Tensor, regularization: float) -> torch.Tensor:
    """The W (n_bits, C) that minimises ||Y - B W||^2 + regularization ||W||^2."""
    return torch.linalg.solve(ridged(gram(B, B), regularization), gram(B, Y)).to(B)


def discrete_codes(B: torch.Tensor, W: torch.Tensor, Q: torch.Tensor, n_cycles: int) -> torch.Tensor:
    """Codes (n, n_bits) after coordinate descent from B on ||B W||^2 - 2 tr(B'Q), until none changes."""
    B = B.clone()
    inner = W @ W.T
    for _ in range(n_cycles):
        before = B.clone()
        for bit in range(B.shape[1]):
            others = B @ inner[bit] - B[:, bit] * inner[bit, bit]
            B[:, bit] = sign(Q[:, bit] - others)
        if torch.equal(B, before):
            break
    return B
