"""Kernel-based supervised hashing (KSH).

Liu, Wang, Ji, Jiang, Chang, "Supervised hashing with kernels", CVPR 2012, and the authors' release. A bit is
h(x) = sgn(sum_j a_j (k(x, x_j) - mean_j)) over m anchors x_j. The kernel k is an RBF; its sigma^2 is the mean
squared distance to the anchors. With S_ij = 1 for items of one class and -1 otherwise, min ||H H'/r - S||_F^2
over codes H (n, r) is solved bit by bit: each maximises h'R h, R = r S - (sum of h h' over earlier bits). The
largest eigenvector of K'R K a = lambda K'K a, scaled to a'K'K a = n, starts a gradient ascent on b'R b with
b = phi(K a), phi(x) = 2 / (1 + exp(-x)) - 1 in place of sgn. Its result is kept where its h'R h is larger.
Formula: read in the authors' code (Liu's OptProjectionFast.m, in a copy).
Departures from the paper: all items given to ``fit`` are labelled items, as for every supervised method here;
``n_labelled`` gives the 1,000 of the paper. K'K has a ridge, for anchors that are equal. Items with several
labels are similar where they share one.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import ClassVar, Literal

import torch

from hashbench.contracts.method import HashMethod
from hashbench.errors import InvalidInputError
from hashbench.numerics import (
    mean_squared_distance,
    one_hot,
    rbf,
    sample_rows,
    sign,
    top_eigenvectors,
    whitening,
    wide,
)


@dataclass(eq=False, repr=False, kw_only=True)
class KSH(HashMethod):
    """Kernel hash functions whose code inner products fit the label similarity, bit by bit.

    n_anchors: m, drawn from all items; sigma and the kernel's mean are those of all items too.
    n_labelled: how many items, drawn from all, the bits are fitted to; None: all.
    n_iter: largest number of gradient steps a bit.
    basis: of the ascent: "raw" kernel features, as released, or features "whitened" to K'K = n I.
    """

    supervision: ClassVar = "supervised"
    n_anchors: int = 300
    n_labelled: int | None = None
    n_iter: int = 500
    basis: Literal["raw", "whitened"] = "raw"

    def _fit(self, X: torch.Tensor, y: torch.Tensor | None, generator: torch.Generator) -> None:
        assert y is not None
        self.anchors_ = sample_rows(X, self.n_anchors, generator)
        self.sigma_squared_ = mean_squared_distance(X, self.anchors_)
        K = rbf(X, self.anchors_, self.sigma_squared_)
        self.kernel_mean_ = K.mean(0)
        if self.n_labelled is not None:
            if self.n_labelled < 1:
                raise InvalidInputError(f"{self.name()}: n_labelled={self.n_labelled} must be positive")
            labelled = torch.randperm(len(X), generator=generator)[: self.n_labelled].to(X.device)
            K, y = K[labelled], y[labelled]
        Z = wide(K - self.kernel_mean_)
        basis = whitening(Z) if self.basis == "whitened" else torch.eye(Z.shape[1]).to(Z)
        Z = Z @ basis
        white = whitening(Z)
        # R = F D F'. F: membership in the distinct label sets, then the earlier bits.
        sets, member = one_hot(y).unique(dim=0, return_inverse=True)
        F = wide(one_hot(member))
        D = self.n_bits * (2 * wide(sets @ sets.T > 0) - 1)
        chosen = []
        for _ in range(self.n_bits):
            P = white.T @ (Z.T @ F)
            start = white @ top_eigenvectors(P @ D @ P.T, 1)[1][:, 0]
            pair = torch.stack([start, ascend(start, Z, F, D, self.n_iter)], 1)
            h = sign(Z @ pair)
            best = quadratic(h, F, D).argmax()
            chosen.append(pair[:, best])
            F = torch.cat([F, h[:, best, None]], 1)
            D = torch.block_diag(D, -torch.ones(1, 1).to(D))
        self.coefficients_ = (basis @ torch.stack(chosen, 1)).to(X)

    def _project(self, X: torch.Tensor) -> torch.Tensor:
        return (rbf(X, self.anchors_, self.sigma_squared_) - self.kernel_mean_) @ self.coefficients_


def quadratic(b: torch.Tensor, F: torch.Tensor, D: torch.Tensor) -> torch.Tensor:
    """b' F D F' b of b (n,), or of each column of b (n, k)."""
    q = F.T @ b
    return (q * (D @ q)).sum(0)


def ascend(a: torch.Tensor, Z: torch.Tensor, F: torch.Tensor, D: torch.Tensor, n_iter: int) -> torch.Tensor:
    """Nesterov's ascent from a (m,) on b'R b, b = phi(Z a) = tanh(Z a / 2), R = F D F', as in the release.

    A step is 1 / beta long. beta starts at 1, only grows, and doubles until the gain is what the gradient
    predicts. The ascent ends after 50 doublings, or where b'R b changes by 0.01 n at most.
    """
    x = before = torch.cat([a, Z @ a])  # Z a is carried along, so that a new beta needs no product with Z

    def objective(x: torch.Tensor) -> torch.Tensor:
        return quadratic(torch.tanh(x[len(a) :] / 2), F, D)

    value, beta, t_before, t = float(objective(x)), 1.0, 0.0, 1.0
    for _ in range(n_iter):
        point = x + (t_before - 1) / t * (x - before)  # no momentum in the first two steps
        b = torch.tanh(point[len(a) :] / 2)
        Rb = F @ (D @ (F.T @ b))
        gradient = Z.T @ (Rb * (1 - b * b))
        step, promised = torch.cat([gradient, Z @ gradient]), gradient @ gradient / 2
        for doubled in range(51):
            beta *= 2 if doubled else 1
            reached = objective(point + step / beta)
            surplus, new = torch.stack([reached - b @ Rb - promised / beta, reached]).tolist()
            if surplus >= 0:
                break
        else:
            break
        before, x = x, point + step / beta
        if abs(new - value) <= 0.01 * len(Z):
            break
        value, t_before, t = new, t, (1 + sqrt(1 + 4 * t * t)) / 2
    return x[: len(a)]
