"""Circulant binary embedding (CBE), random or learned.

Yu, Kumar, Gong, Chang, "Circulant binary embedding", ICML 2014. The bits are the signs of the first n_bits
entries of circ(q) D x, with circ(q) the circulant matrix of a vector q and D random signs. Random: q is
Gaussian. Learned: q minimises ||B - X R'||^2 + lambda ||R R' - I||^2, R = circ(q), in turn with
B = sgn(X R'), whose columns beyond n_bits are 0. In the frequency domain the step for q falls apart into one
small problem a frequency: m |z|^2 + h Re z + g Im z + lambda (|z|^2 - 1)^2.
Formula: read in the authors' code (as kept in hashing-baseline-for-image-retrieval).
Departures from the paper: the problem of a frequency is solved exactly (the phase from h and g, the modulus
the one positive root of a cubic), where the code calls a minimiser. Products with circ(q) are taken with its
n_bits rows, not by FFT: the values are the same, and for n_bits far below d it is no slower. Features are
also shuffled, as in the code. There are no codes longer than d.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

from hashbench.contracts.method import HashMethod
from hashbench.errors import InvalidInputError
from hashbench.numerics import sign, unit_rows, wide


@dataclass(eq=False, repr=False, kw_only=True)
class CBE(HashMethod):
    """Signs of a projection by a circulant matrix, which has d parameters in all.

    variant: "learned" or "random".
    n_items: largest number of training items, drawn at random, that q is learned from.
    n_iter: largest number of turns. tolerance: they end where the objective falls by less.
    regularization: lambda.
    """

    variant: Literal["learned", "random"] = "learned"
    n_items: int = 5000
    n_iter: int = 500
    tolerance: float = 0.1
    regularization: float = 1.0

    def _fit(self, X: torch.Tensor, y: torch.Tensor | None, generator: torch.Generator) -> None:
        d = X.shape[1]
        if self.n_bits > d:
            raise InvalidInputError(f"{self.name()}: n_bits={self.n_bits} is more than the {d} features")
        if self.variant not in ("learned", "random"):
            raise InvalidInputError(f"{self.name()}: variant={self.variant!r} must be 'learned' or 'random'")
        if self.n_items < 1 or not self.regularization > 0:
            raise InvalidInputError(f"{self.name()}: n_items and regularization must be positive")
        self.mean_ = X.mean(0)
        order = torch.randperm(d, generator=generator)
        flips = sign(torch.rand(d, generator=generator) - 0.5).to(X)
        q = torch.randn(d, generator=generator).to(X) / d**0.5
        if self.variant == "learned":
            sample = torch.randperm(len(X), generator=generator)[: self.n_items].to(X.device)
            rows = unit_rows(X[sample] - self.mean_)[:, order.to(X.device)] * flips
            q = self._learn(rows, q)
        self.directions_ = torch.empty(d, self.n_bits).to(X)
        self.directions_[order.to(X.device)] = (circulant(q, self.n_bits) * flips).T

    def _learn(self, rows: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
        energy = wide(sum(torch.fft.fft(part).abs().square().sum(0) for part in rows.split(1024)))
        before = torch.inf
        for _ in range(self.n_iter):
            B = sign(rows @ circulant(q, self.n_bits).T)
            cross = correlation(rows, B)
            q = best_vector(energy, cross, self.regularization).to(q)
            value = float(objective(wide(q), energy, cross, self.regularization)) + B.numel()
            if before - value < self.tolerance:
                break
            before = value
        return q

    def _project(self, X: torch.Tensor) -> torch.Tensor:
        return (X - self.mean_) @ self.directions_


def circulant(q: torch.Tensor, k: int) -> torch.Tensor:
    """The first k rows (k, d) of the circulant matrix of q (d,): entry i, j is q[(i - j) mod d]."""
    d = len(q)
    steps = torch.arange(d).to(q.device)
    return q[(steps[:k, None] - steps) % d]


def correlation(X: torch.Tensor, B: torch.Tensor) -> torch.Tensor:
    """sum_i fft(x_i) conj(fft(b_i)), (d,), of rows X (n, d) and B (n, r), B filled up with zeros to d."""
    d, r = X.shape[1], B.shape[1]
    steps = torch.arange(d).to(X.device)
    lagged = (B.T @ X).gather(1, (steps[:r, None] + steps) % d)
    return torch.fft.fft(wide(lagged).sum(0))


def objective(
    q: torch.Tensor, energy: torch.Tensor, cross: torch.Tensor, regularization: float
) -> torch.Tensor:
    """||B - X R'||^2 + regularization ||R R' - I||^2 less ||B||^2; energy: sum_i |fft(x_i)|^2, (d,)."""
    z = torch.fft.fft(q)
    power = z.abs().square()
    fit = (energy * power - 2 * (z * cross).real) / len(q)
    return (fit + regularization * (power - 1).square()).sum()


def best_vector(energy: torch.Tensor, cross: torch.Tensor, regularization: float) -> torch.Tensor:
    """The q (d,) float64 that minimises ``objective``."""
    m, slope = energy / len(energy), 2 * cross.abs() / len(energy)
    modulus = 1 + slope / (8 * regularization)  # from right of the root, Newton's steps fall to it
    for _ in range(60):
        value = 4 * regularization * (modulus**3 - modulus) + 2 * m * modulus - slope
        modulus = (modulus - value / (4 * regularization * (3 * modulus.square() - 1) + 2 * m)).clamp(min=0)
    phase = torch.where(cross.abs() > 0, cross.conj() / cross.abs().clamp(min=1e-30), 1)
    return torch.fft.ifft(modulus * phase).real
