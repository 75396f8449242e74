"""Kernelized locality-sensitive hashing (KLSH).

Kulis & Grauman, "Kernelized locality-sensitive hashing for scalable image search", ICCV 2009. p items give a
centred kernel matrix K (p, p). A random hyperplane in kernel space, approximately Gaussian after whitening,
is w = sqrt((p - 1) / t) K^(-1/2) e_S, with e_S the indicator of a random set S of t items; its bit is
[sum_i w_i k(x, x_i) > 0].
Formula: read in the authors' code (as kept in ZJULearning/MatlabFunc).
Departures from the paper: the kernel of a new item is centred as K is, by the training statistics; the
release leaves it as it is. Directions of K with eigenvalues below 1e-8 are left out of K^(-1/2). The kernel
is an RBF whose sigma^2 is the mean squared distance to the p items (ours; the paper takes any kernel).
p = 300 is from memory.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from hashbench.contracts.method import HashMethod
from hashbench.errors import InvalidInputError
from hashbench.numerics import mean_squared_distance, rbf, sample_rows, wide


@dataclass(eq=False, repr=False, kw_only=True)
class KLSH(HashMethod):
    """Signs of random projections in the space of a kernel.

    n_anchors: p, drawn from the training items; all of them where there are fewer.
    n_chosen: t, items summed for a bit; None: a quarter of p, 30 at most, as in the release.
    """

    n_anchors: int = 300
    n_chosen: int | None = None

    def _fit(self, X: torch.Tensor, y: torch.Tensor | None, generator: torch.Generator) -> None:
        self.anchors_ = sample_rows(X, self.n_anchors, generator)
        p = len(self.anchors_)
        t = max(1, min(p // 4, 30)) if self.n_chosen is None else self.n_chosen
        if not 1 <= t <= p:
            raise InvalidInputError(f"{self.name()}: n_chosen={t} of {p} items cannot be drawn")
        self.sigma_squared_ = mean_squared_distance(X, self.anchors_)
        K = wide(rbf(self.anchors_, self.anchors_, self.sigma_squared_))
        self.kernel_mean_ = K.mean(0).to(X)
        chosen = torch.rand(p, self.n_bits, generator=generator).argsort(0)[:t]
        indicator = torch.zeros(p, self.n_bits).scatter_(0, chosen, 1.0).to(K)
        centred = K - K.mean(0) - K.mean(1, keepdim=True) + K.mean()
        values, vectors = torch.linalg.eigh(centred)
        scale = torch.where(values > 1e-8, values.clamp(min=1e-8).rsqrt(), 0.0)
        self.weights_ = (((p - 1) / t) ** 0.5 * vectors @ (scale[:, None] * (vectors.T @ indicator))).to(X)

    def _project(self, X: torch.Tensor) -> torch.Tensor:
        # The weights of a bit sum to zero: the mean over the anchors, which centring subtracts, drops out.
        return (rbf(X, self.anchors_, self.sigma_squared_) - self.kernel_mean_) @ self.weights_
