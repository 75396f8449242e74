"""Kernel-based supervised hashing (KSH).

Liu, Wang, Ji, Jiang, Chang, "Supervised hashing with kernels", CVPR 2012. A bit is
h(x) = sgn(sum_j a_j (k(x, x_j) - mean_j)) over m anchors x_j, k an RBF kernel. With S_ij = 1 for items of one
class and -1 otherwise, min ||H H' / r - S||_F^2 over codes H (n, r) is solved bit by bit: each maximises
h' R h with R = r S - (sum of h h' over earlier bits). The spectral relaxation, the largest eigenvector of
K'R K a = lambda K'K a, starts Nesterov's gradient ascent with phi(x) = 2 / (1 + exp(-x)) - 1 in place of sgn;
of the two solutions the one with the larger h' R h stays.
Departures from the paper: all training items are labelled items (there 1,000 or 2,000), S being kept in
factors. sigma^2 is the mean squared distance to the anchors, as in the authors' release. Coefficients are
sought in a basis where K'K is the identity. The ascent takes 50 steps at most (release: 500).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt
from typing import ClassVar

import torch

from hashbench.contracts.method import HashMethod
from hashbench.numerics import (
    gram,
    mean_squared_distance,
    one_hot,
    rbf,
    sample_rows,
    sign,
    top_eigenvectors,
    wide,
)


@dataclass(eq=False, repr=False, kw_only=True)
class KSH(HashMethod):
    """Kernel hash functions whose code inner products fit the label similarity, bit by bit.

    n_anchors: m, at most the number of training items.
    n_iter: largest number of gradient steps a bit.
    """

    supervision: ClassVar = "supervised"
    n_anchors: int = 300
    n_iter: int = 50

    def _fit(self, X: torch.Tensor, y: torch.Tensor | None, generator: torch.Generator) -> None:
        assert y is not None
        self.anchors_ = sample_rows(X, self.n_anchors, generator)
        self.sigma_squared_ = mean_squared_distance(X, self.anchors_)
        K = rbf(X, self.anchors_, self.sigma_squared_)
        self.kernel_mean_ = K.mean(0)
        K -= self.kernel_mean_
        inner = gram(K, K) / len(X)
        inner += 1e-6 * inner.diagonal().mean().clamp(min=1e-12) * torch.eye(len(inner)).to(inner)
        basis = torch.linalg.inv(torch.linalg.cholesky(inner)).T.to(X)
        Z = K @ basis  # Z'Z = n I
        # S = G T G' with G the membership in the distinct label sets, T the similarity of these.
        sets, member = one_hot(y).unique(dim=0, return_inverse=True)
        G, T = one_hot(member), 2 * (sets @ sets.T > 0).float() - 1
        H = torch.zeros(len(X), self.n_bits).to(X)

        def residual(b: torch.Tensor) -> torch.Tensor:
            return self.n_bits * (G @ (T @ (G.T @ b))) - H @ (H.T @ b)

        coefficients = []
        relaxed = self.n_bits * wide((G.T @ Z).T @ T @ (G.T @ Z))  # Z'R Z
        for bit in range(self.n_bits):
            spectral = top_eigenvectors(relaxed, 1)[1][:, 0].to(X)
            pair = torch.stack([spectral, self._ascend(spectral, Z, residual)], 1)
            h = sign(Z @ pair)
            best = int((h * residual(h)).sum(0).argmax())
            H[:, bit] = h[:, best]
            coefficients.append(pair[:, best])
            projected = wide(Z.T @ H[:, bit])
            relaxed -= projected[:, None] * projected
        self.coefficients_ = basis @ torch.stack(coefficients, 1)

    def _ascend(
        self, a: torch.Tensor, Z: torch.Tensor, residual: Callable[[torch.Tensor], torch.Tensor]
    ) -> torch.Tensor:
        """Nesterov's method with backtracking on b' R b / (n^2 r), b = phi(Z a)."""
        scale = len(Z) ** 2 * self.n_bits
        previous, step, t = a, 4.0, 1.0
        for _ in range(self.n_iter):
            t_next = (1 + sqrt(1 + 4 * t * t)) / 2
            point = a + (t - 1) / t_next * (a - previous)
            b = torch.tanh(Z @ point / 2)  # = phi
            Rb = residual(b)
            gradient = Z.T @ (Rb * (1 - b * b)) / scale
            value, slope = float(b @ Rb) / scale, float(gradient @ gradient)
            for _ in range(20):
                b = torch.tanh(Z @ (point + step * gradient) / 2)
                if float(b @ residual(b)) / scale >= value + step / 2 * slope:
                    break
                step /= 2
            previous, a, t = a, point + step * gradient, t_next
            if step * slope < 1e-5 * abs(value):
                break
        return a

    def _project(self, X: torch.Tensor) -> torch.Tensor:
        K = rbf(X, self.anchors_, self.sigma_squared_) - self.kernel_mean_
        return K @ self.coefficients_
