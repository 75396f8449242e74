"""Semantics-preserving hashing (SePH).

Lin, Ding, Hu, Wang, "Semantics-preserving hashing for cross-view retrieval", CVPR 2015. P_ij, the cosine of
two items' label vectors, and Q_ij, (1 + d_ij / 4)^-1 with d_ij the squared distance of their rows of C
(n, K), are made distributions over all pairs i != j. Real codes C of the training items minimise

    KL(P || Q) + alpha / (K n) || |C| - 1 ||^2

by the gradient descent of t-SNE. The training codes are sgn(C). Each bit is then predicted in each view by
kernel logistic regression: weights w of the RBF features phi of some anchors minimise
sum log(1 + exp(-bit phi w)) + lambda w' K w, K the anchors' kernel matrix. An item is encoded by its own
view.

Formula: from a port (BMC-SDNU/Cross-Modal-Hashing-Retrieval).
Departures from the paper: constants from a port [Cross-Modal-Hashing-Retrieval]: alpha = 0.01, 100 steps at
the rate 500 with momentum 0.5 and t-SNE's gains, 500 anchors, lambda = 0.01, the squared width of the RBF the
mean squared distance (here: to the anchors). Anchors are drawn from the training items, there they are
centres of k-means. C starts from a normal distribution of standard deviation 0.01, ours. The logistic
regressions of all bits are solved at once by 100 steps on the bound of Boehning & Lindsay, "Monotonicity of
quadratic-approximation algorithms", AISM 1988; the port uses minFunc. Database items are encoded by one view,
in the paper by both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from hashbench.contracts.cross_view import CrossViewMethod
from hashbench.numerics import cholesky, gram, mean_squared_distance, one_hot, rbf, sample_rows, sign, wide

START = 0.01
ROWS = 256  # handled at a time in the gradient: they stay in the cache
GAIN_UP, GAIN_DOWN, LEAST_GAIN = 0.2, 0.8, 0.01  # van der Maaten's t-SNE
BOUND_STEPS = 100


@dataclass(eq=False, repr=False, kw_only=True)
class SePH(CrossViewMethod):
    """Codes whose distances follow the labels, predicted from either view. Time grows with n squared.

    quantization: alpha of the objective.
    n_steps, rate, momentum: of the descent.
    n_anchors: number of kernel features of a view, at most the number of training items.
    regularization: lambda of the logistic regression.
    """

    supervision: ClassVar = "supervised"
    quantization: float = 0.01
    n_steps: int = 100
    rate: float = 500.0
    momentum: float = 0.5
    n_anchors: int = 500
    regularization: float = 0.01

    def _fit(
        self,
        X: torch.Tensor,
        y: torch.Tensor | None,
        generator: torch.Generator,
        texts: torch.Tensor | None = None,
    ) -> None:
        assert y is not None
        assert texts is not None
        L = torch.nn.functional.normalize(one_hot(y))
        C = START * torch.randn(len(X), self.n_bits, generator=generator).to(X)
        bits = sign(self._descend(C, L))
        self.anchors_, self.width_, self.weights_ = self._predictor(X, bits, generator)
        self.text_anchors_, self.text_width_, self.text_weights_ = self._predictor(texts, bits, generator)

    def _descend(self, C: torch.Tensor, L: torch.Tensor) -> torch.Tensor:
        step, gains = torch.zeros_like(C), torch.ones_like(C)
        for _ in range(self.n_steps):
            slope = gradient(C, L, self.quantization)
            turned = (slope > 0) != (step > 0)
            gains = torch.where(turned, gains + GAIN_UP, gains * GAIN_DOWN).clamp(min=LEAST_GAIN)
            step = self.momentum * step - self.rate * gains * slope
            C = C + step
            C = C - C.mean(0)
        return C

    def _predictor(
        self, items: torch.Tensor, bits: torch.Tensor, generator: torch.Generator
    ) -> tuple[torch.Tensor, float, torch.Tensor]:
        anchors = sample_rows(items, self.n_anchors, generator)
        width = mean_squared_distance(items, anchors)
        penalty = self.regularization * wide(rbf(anchors, anchors, width))
        return anchors, width, logistic_weights(rbf(items, anchors, width), bits, penalty)

    def _project(self, X: torch.Tensor) -> torch.Tensor:
        return rbf(X, self.anchors_, self.width_) @ self.weights_

    def _project_text(self, T: torch.Tensor) -> torch.Tensor:
        return rbf(T, self.text_anchors_, self.text_width_) @ self.text_weights_


def gradient(C: torch.Tensor, L: torch.Tensor, quantization: float) -> torch.Tensor:
    """The gradient (n, K) of the objective at C (n, K); L (n, c): label rows of length 1.

    Pairs attract in proportion to P_ij, and repel to Q_ij; both sums are taken over blocks of rows, so that
    no (n, n) matrix is held.
    """
    n, K = C.shape
    squares = C.square().sum(1)
    attraction: list[torch.Tensor] = []
    repulsion: list[torch.Tensor] = []
    mass: list[torch.Tensor] = []
    for first in range(0, n, ROWS):
        block = slice(first, first + ROWS)
        near = torch.addmm(squares, C[block], C.T, alpha=-2).add_(squares[block, None]).clamp_(min=0)
        near = near.div_(4).add_(1).reciprocal_()
        near.diagonal(first).zero_()
        mass.append(near.sum())
        for forces, pull in ((attraction, L[block] @ L.T * near), (repulsion, near * near)):
            forces.append(pull.sum(1, keepdim=True) * C[block] - pull @ C)
    all_p = (L.sum(0).square().sum() - L.square().sum()).clamp(min=1e-12)
    slope = torch.cat(attraction) / all_p - torch.cat(repulsion) / torch.stack(mass).sum()
    return slope + 2 * quantization / (K * n) * (C.abs() - 1) * C.sign()


def logistic_weights(features: torch.Tensor, bits: torch.Tensor, penalty: torch.Tensor) -> torch.Tensor:
    """The W (m, K) that minimises sum log(1 + exp(-bits * features W)) + tr(W' penalty W).

    features: (n, m). bits: (n, K) of +-1. penalty: (m, m) float64, symmetric, no negative eigenvalue.
    """
    curvature = gram(features, features) / 4 + 2 * penalty  # never less than that of the objective
    bound = cholesky(curvature, 1e-9, relative=True)
    W = torch.zeros(features.shape[1], bits.shape[1]).to(penalty)
    for _ in range(BOUND_STEPS):
        missing = bits * torch.sigmoid(-bits * (features @ W.to(features)))
        W = W + torch.cholesky_solve(gram(features, missing) - 2 * penalty @ W, bound)
    return W.to(features)
