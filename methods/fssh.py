"""Fast scalable supervised hashing (FSSH).

Luo, Nie, He, Wu, Chen, Xu, "Fast scalable supervised hashing", SIGIR 2018. Codes B (n, n_bits), a map W of
RBF features phi and class words G minimise ||S - phi W (Y G)'||^2 + mu ||B - Y G||^2 + theta ||B - phi W||^2,
S = Y Y' of the labels Y. S enters only through phi'S Y, computed once, so that a turn costs O(n). In turn:
B = sgn(mu Y G + theta phi W),
G = (Y'Y)^-1 (mu Y'B + Y'S phi W) (mu I + W'phi'phi W)^-1,
W = (phi'phi)^-1 (theta phi'B + phi'S Y G) (theta I + G'Y'Y G)^-1.
The code of a new item is the sign of the ridge regression of B on phi.
Formula: from a port (Eddie-Wang1120/single-modal-supervised-hashing-baseline-for-image-retrieval).
Departures from the paper: the features phi have variance 1 and are not centred, as in the port. A ridge of
1e-6 of the mean diagonal keeps Y'Y and phi'phi regular.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch

from hashbench.contracts.method import HashMethod
from hashbench.numerics import KernelMap, Regression, cholesky, gram, one_hot, ridged, sign, spread, wide


@dataclass(eq=False, repr=False, kw_only=True)
class FSSH(HashMethod):
    """Codes, class words and a kernel map that agree with each other and with the similarity of labels.

    n_anchors: number of kernel features, at most the number of training items.
    n_iter: iterations of the three steps.
    mu, theta: weights of the codes' agreement with the class words and with the map.
    ridge: of the final regression.
    normalize: whether rows are scaled to Euclidean length 1; a row of zeros stays zero.
    sigma: width of the RBF; "mean": sigma^2 is the mean squared distance to the anchors.
    """

    supervision: ClassVar = "supervised"
    n_anchors: int = 1000
    n_iter: int = 5
    mu: float = 1e4
    theta: float = 1e-2
    ridge: float = 1.0
    normalize: bool = True
    sigma: float | Literal["mean"] = 0.4

    def _fit(self, X: torch.Tensor, y: torch.Tensor | None, generator: torch.Generator) -> None:
        assert y is not None
        self.kernel_ = KernelMap.draw(
            X, self.n_anchors, generator, sigma=self.sigma, normalize=self.normalize, constant=False
        )
        Y, phi = one_hot(y), self.kernel_(X)
        self.spread_ = spread(phi)
        phi = phi / self.spread_
        steps = Steps(Y, phi, self.mu, self.theta)
        G = wide(torch.randn(Y.shape[1], self.n_bits, generator=generator).to(X))
        W = wide(torch.randn(phi.shape[1], self.n_bits, generator=generator).to(X))
        for _ in range(self.n_iter):
            B = steps.codes(G, W)
            G = steps.words(B, W)
            W = steps.map(B, G)
        self.projection_ = Regression(phi, self.ridge)(B)

    def _project(self, X: torch.Tensor) -> torch.Tensor:
        return self.kernel_(X) / self.spread_ @ self.projection_


class Steps:
    """The three steps for labels Y (n, C) and features phi (n, m), with all that they share."""

    def __init__(self, Y: torch.Tensor, phi: torch.Tensor, mu: float, theta: float) -> None:
        self.Y, self.phi, self.mu, self.theta = Y, phi, mu, theta
        self.labels, self.inner = gram(Y, Y), gram(phi, phi)
        self.agreement = gram(phi, Y) @ self.labels  # phi'S Y
        self.label_root = cholesky(self.labels, 1e-6, relative=True)
        self.root = cholesky(self.inner, 1e-6, relative=True)

    def codes(self, G: torch.Tensor, W: torch.Tensor) -> torch.Tensor:
        """B (n, r) for class words G (C, r) and the map W (m, r), both float64."""
        return sign(self.Y @ (self.mu * G).to(self.Y) + self.phi @ (self.theta * W).to(self.phi))

    def words(self, B: torch.Tensor, W: torch.Tensor) -> torch.Tensor:
        """G for codes B and the map W."""
        right = self.mu * gram(self.Y, B) + self.agreement.T @ W
        G = torch.cholesky_solve(right, self.label_root)
        return torch.linalg.solve(ridged(W.T @ self.inner @ W, self.mu), G, left=False)

    def map(self, B: torch.Tensor, G: torch.Tensor) -> torch.Tensor:
        """W for codes B and class words G."""
        right = self.theta * gram(self.phi, B) + self.agreement @ G
        W = torch.cholesky_solve(right, self.root)
        return torch.linalg.solve(ridged(G.T @ self.labels @ G, self.theta), W, left=False)
