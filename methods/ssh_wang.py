"""Semi-supervised hashing (SSH, of Wang, Kumar and Chang).

Wang, Kumar, Chang, "Semi-supervised hashing for scalable image retrieval", CVPR 2010; "Semi-supervised
hashing for large-scale search", TPAMI 2012. With S_ij = 1 for two labelled items of one class, -1 for two
classes, 0 for an item and itself, the directions of the bits maximise the agreement of labelled pairs and
the variance of all items: the leading eigenvectors of M = X_l'S X_l / l + eta cov(X), X centred, X_l its l
labelled rows.
Formula: from memory; S and the factor 1 / l as in the release of SPLH, its successor.
Departures from the paper: the directions are orthogonal; the paper has a variant without that. eta, which
the authors tune, is 1: supervision decides the first C - 1 directions of C classes, variance the others.
Items with several labels are similar where they share one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from hashbench.contracts.method import HashMethod
from hashbench.errors import InvalidInputError
from hashbench.numerics import covariance, gram, label_sets, one_hot, top_eigenvectors, wide


@dataclass(eq=False, repr=False, kw_only=True)
class SSH(HashMethod):
    """Orthogonal directions that agree with labelled pairs and spread all items.

    eta: weight of the variance of all items.
    """

    supervision: ClassVar = "semi-supervised"
    eta: float = 1.0

    def _fit(self, X: torch.Tensor, y: torch.Tensor | None, generator: torch.Generator) -> None:
        assert y is not None
        if self.n_bits > X.shape[1]:
            raise InvalidInputError(
                f"{self.name()}: n_bits={self.n_bits} orthogonal directions need as many features, there are "
                f"{X.shape[1]}; lower n_bits"
            )
        self.mean_, spread = covariance(X)
        known = y.reshape(len(y), -1)[:, 0] >= 0
        matrix = pairwise_agreement(X[known] - self.mean_, y[known]) + self.eta * spread
        self.directions_ = top_eigenvectors(matrix, self.n_bits)[1].to(X)

    def _project(self, X: torch.Tensor) -> torch.Tensor:
        return (X - self.mean_) @ self.directions_


def pairwise_agreement(X: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """X'S X / l (d, d) float64 of the l labelled rows X, without S (l, l)."""
    member, similarity = label_sets(y)
    sums = gram(X, one_hot(member))
    own = similarity.diagonal()[member, None]  # -1 for an item that has no label at all
    return (sums @ wide(similarity) @ sums.T - gram(own * X, X)) / len(X)
