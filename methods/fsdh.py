"""Fast supervised discrete hashing (FSDH).

Gui, Liu, Sun, Tao, Tan, "Fast supervised discrete hashing", TPAMI 2018. SDH regresses the labels on the
codes; here the codes are regressed on the labels: ||B - Y W||^2 + lambda ||W||^2 + nu ||B - phi P||^2 over
codes B, class words W and a linear map P of RBF features phi. Each step has a closed form: W and P by ridge
regression, B = sgn(Y W + nu phi P), without a cycle over the bits. The code of a new item is sgn(P'phi(x)).
With the authors' nu, B is fixed after one turn: all items of a class get the majority of their random first
bits. The words of the classes are thus random, and what is learned is P.
Formula: from a port (Eddie-Wang1120/single-modal-supervised-hashing-baseline-for-image-retrieval).
Departures from the paper: none known; the constant feature and the ridge for P are the port's. Rows of
length 1, as the port's width asks for ("for normalized data").
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch

from hashbench.contracts.method import HashMethod
from hashbench.numerics import KernelMap, Regression, one_hot, sign


@dataclass(eq=False, repr=False, kw_only=True)
class FSDH(HashMethod):
    """Codes regressed on labels, and a kernel hash function regressed on codes.

    n_anchors: number of kernel features, at most the number of training items.
    n_iter: iterations of the three steps.
    regularization, penalty: lambda and nu of the objective.
    ridge: of the least squares for P.
    normalize: whether rows are scaled to Euclidean length 1; a row of zeros stays zero.
    sigma: width of the RBF; "mean": sigma^2 is the mean squared distance to the anchors.
    """

    supervision: ClassVar = "supervised"
    n_anchors: int = 1000
    n_iter: int = 5
    regularization: float = 1.0
    penalty: float = 1e-5
    ridge: float = 1e-2
    normalize: bool = True
    sigma: float | Literal["mean"] = 0.4

    def _fit(self, X: torch.Tensor, y: torch.Tensor | None, generator: torch.Generator) -> None:
        assert y is not None
        Y = one_hot(y)
        self.kernel_ = KernelMap.draw(
            X, self.n_anchors, generator, sigma=self.sigma, normalize=self.normalize
        )
        phi = self.kernel_(X)
        on_labels, on_features = Regression(Y, self.regularization), Regression(phi, self.ridge)
        B = sign(torch.randn(len(X), self.n_bits, generator=generator)).to(X)
        for _ in range(self.n_iter):
            B = sign(Y @ on_labels(B) + self.penalty * (phi @ on_features(B)))
        self.projection_ = on_features(B)

    def _project(self, X: torch.Tensor) -> torch.Tensor:
        return self.kernel_(X) @ self.projection_
