"""Sequential projection learning for hashing (SPLH).

Wang, Kumar, Chang, "Sequential projection learning for hashing with compact codes", ICML 2010; TPAMI 2012.
As SSH, with S_ij = 1 for two labelled items of one class, -1 for two classes, 0 for an item and itself, but
bit by bit, so that a bit mends what the bits before it got wrong: w is the leading eigenvector of X_l'S X_l
/ l + eta cov(X), X centred, X_l its l labelled rows. Then S -= alpha T, T the products of X_l w of two items
where they have the wrong sign.
Formula: read in the authors' code (trainSPLH.m, in a public copy).
Departures from the paper: as in the copy that was read, eta = 0 and X stays as it is. The paper, as
recalled, has the term eta and removes each direction from X; ``eta=1`` and ``deflation=True`` do that. S
needs l^2 numbers: more than ``n_labelled`` labelled items are sampled. Items with several labels are similar
where they share one. The choice between copy and paper was made after scores of both on digits had been
seen. The correction has the units of the features squared, so codes depend on the features' scale: very small
ones make all bits alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from hashbench.contracts.method import HashMethod
from hashbench.errors import InvalidInputError
from hashbench.numerics import covariance, label_sets, ridged, top_eigenvectors, wide


@dataclass(eq=False, repr=False, kw_only=True)
class SPLH(HashMethod):
    """Directions one by one, each for the labelled pairs that the earlier ones tell wrongly.

    n_labelled: how many labelled items, drawn from all, S is made of.
    eta: weight of the variance of all items.
    alpha: step of the correction of S.
    deflation: whether a direction is removed from X, so that all are orthogonal.
    """

    supervision: ClassVar = "semi-supervised"
    n_labelled: int = 2000
    eta: float = 0.0
    alpha: float = 1.0
    deflation: bool = False

    def _fit(self, X: torch.Tensor, y: torch.Tensor | None, generator: torch.Generator) -> None:
        assert y is not None
        if self.n_labelled < 1:
            raise InvalidInputError(f"{self.name()}: n_labelled={self.n_labelled} must be positive")
        if self.deflation and self.n_bits > X.shape[1]:
            raise InvalidInputError(
                f"{self.name()}: n_bits={self.n_bits} orthogonal directions need as many features, there are "
                f"{X.shape[1]}; lower n_bits, or set deflation=False"
            )
        self.mean_, spread = covariance(X)
        known = (y.reshape(len(y), -1)[:, 0] >= 0).nonzero()[:, 0]
        known = known[torch.randperm(len(known), generator=generator)[: self.n_labelled].to(X.device)]
        rows = X[known] - self.mean_
        member, similarity = label_sets(y[known])
        S = similarity[member][:, member].fill_diagonal_(0)
        W = wide(torch.empty(X.shape[1], 0).to(X))
        for _ in range(self.n_bits):
            matrix = wide(rows.T @ (S @ rows)) / len(rows) + self.eta * spread
            matrix = (matrix + matrix.T) / 2
            if self.deflation:
                residual = ridged(-W @ W.T, 1.0)  # X residual = X - X W W'
                matrix = residual @ matrix @ residual
                matrix = matrix - 2 * matrix.norm() * (W @ W.T)  # earlier directions come last
            w = top_eigenvectors(matrix, 1)[1]
            W = torch.cat([W, w], 1)
            S = corrected(S, (rows @ w.to(X))[:, 0], self.alpha)
        self.directions_ = W.to(X)

    def _project(self, X: torch.Tensor) -> torch.Tensor:
        return (X - self.mean_) @ self.directions_


def corrected(S: torch.Tensor, values: torch.Tensor, alpha: float) -> torch.Tensor:
    """S (l, l) less alpha times the products of values (l,) that have the other sign."""
    products = torch.outer(values, values)
    return S - alpha * products * (S * products < 0)
