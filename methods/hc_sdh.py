"""Hadamard coded supervised discrete hashing (HC-SDH).

Koutaki, Shirai, Ambai, "Hadamard coding for supervised discrete hashing", IEEE TIP 2018. The paper shows
that the codes of SDH, without its small term for the hash function, have a solution in closed form: each
class has one codeword, and the codewords are rows of a Hadamard matrix, so that any two differ in half of
the bits. The hash function is the regression of the codewords on RBF features phi: R = (phi'phi)^-1 phi'B,
code sgn(R'phi(x)).
Formula: read in the authors' code (goukoutaki/HCSDH).
Departures from the paper: the release takes the first C rows of the matrix, the constant row among them;
here the constant row comes last, so that every bit tells classes apart. ``ridge`` is ours (release: 0), as
phi'phi can be singular. Lengths without a Hadamard matrix take one of the next order, cut; classes beyond
the rows take their negatives. An item with several labels is given the sum of their codewords, over their
number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch

from hashbench.contracts.method import HashMethod
from hashbench.numerics import KernelMap, Regression, codewords, one_hot


@dataclass(eq=False, repr=False, kw_only=True)
class HCSDH(HashMethod):
    """Regression of Hadamard codewords of the classes on kernel features.

    n_anchors: number of kernel features, at most the number of training items.
    ridge: of the regression.
    normalize: whether rows are scaled to Euclidean length 1; a row of zeros stays zero.
    sigma: width of the RBF; "mean": sigma^2 is the mean squared distance to the anchors.
    """

    supervision: ClassVar = "supervised"
    n_anchors: int = 1000
    ridge: float = 1e-2
    normalize: bool = True
    sigma: float | Literal["mean"] = 0.4

    def _fit(self, X: torch.Tensor, y: torch.Tensor | None, generator: torch.Generator) -> None:
        assert y is not None
        Y = one_hot(y)
        words = codewords(Y.shape[1], self.n_bits).to(X)
        self.kernel_ = KernelMap.draw(
            X, self.n_anchors, generator, sigma=self.sigma, normalize=self.normalize, constant=False
        )
        B = Y @ words / Y.sum(1, keepdim=True).clamp(min=1)
        self.projection_ = Regression(self.kernel_(X), self.ridge)(B)

    def _project(self, X: torch.Tensor) -> torch.Tensor:
        return self.kernel_(X) @ self.projection_
