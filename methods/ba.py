"""Binary autoencoder (BA).

Carreira-Perpinan & Raziperchikolaei, "Hashing with binary autoencoders", CVPR 2015. Linear hash functions h
and a linear decoder f minimise sum ||x - f(h(x))||^2 by the method of auxiliary coordinates: codes z in
{0, 1}^n_bits of each item minimise ||x - f(z)||^2 + mu ||z - h(x)||^2 in turn with f (least squares) and h (a
linear classifier for each bit), while mu grows until z = h(x). The step for z goes round the bits and sets
each to its better value, until none changes.
Formula: from memory (the step for z was read in the authors' code).
Departures from the paper: a bit's classifier is ridge regression, taken where it fits z no worse than the
last one, in place of a linear SVM. Bits are set at the same time for all items, once from h(x) and once from
the last z, and the better result is kept; the code also flips bits where that changes nothing. The first
codes are ITQ's, one of the starts that the paper names. mu is in units of the data's variance a bit; its
schedule is ours.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from hashbench.contracts.method import HashMethod
from hashbench.errors import InvalidInputError
from hashbench.numerics import (
    cholesky,
    covariance,
    gram,
    pca,
    procrustes,
    random_rotation,
    ridged,
    sign,
    wide,
)


@dataclass(eq=False, repr=False, kw_only=True)
class BA(HashMethod):
    """Linear hash functions whose bits a linear decoder turns back into the item.

    n_iter: largest number of turns; they end where z = h(x).
    n_start: iterations of ITQ, which gives the first codes.
    n_cycles: largest number of rounds over the bits in a step for z.
    mu, growth: the first mu, and the factor from turn to turn.
    ridge: of the classifiers, in units of the mean variance of a feature.
    """

    n_iter: int = 20
    n_start: int = 50
    n_cycles: int = 10
    mu: float = 0.01
    growth: float = 2.0
    ridge: float = 1e-3

    def _fit(self, X: torch.Tensor, y: torch.Tensor | None, generator: torch.Generator) -> None:
        if not self.mu > 0 or not self.growth >= 1:
            raise InvalidInputError(
                f"{self.name()}: mu={self.mu} must be positive, growth={self.growth} >= 1"
            )
        self.mean_, components = pca(X, self.n_bits)
        rotation = random_rotation(self.n_bits, generator).to(X)
        V = (X - self.mean_) @ components
        for _ in range(self.n_start):
            rotation = procrustes(V, sign(V @ rotation))
        self.normals_ = components @ rotation
        self.offsets_ = torch.zeros(self.n_bits).to(X)
        matrix = covariance(X)[1]
        root = cholesky(matrix, self.ridge, relative=True)
        unit = float(matrix.trace()) / self.n_bits or 1.0  # all rows equal: any unit will do
        Z = (self._project(X) > 0).to(X)
        for turn in range(self.n_iter):
            mu = self.mu * self.growth**turn * unit
            decoder, origin = decoded(X, Z)
            inner, target = decoder @ decoder.T, (X - origin) @ decoder.T
            hashed = (self._project(X) > 0).to(X)
            from_last, from_hash = (
                auxiliary(start, inner, target, hashed, mu, self.n_cycles) for start in (Z, hashed)
            )
            Z = better(from_last, from_hash, (inner, target, hashed, mu))
            self._classify(X, Z, hashed, root)
            if torch.equal(Z, (self._project(X) > 0).to(X)):
                break

    def _classify(self, X: torch.Tensor, Z: torch.Tensor, hashed: torch.Tensor, root: torch.Tensor) -> None:
        """Fit the hash functions to Z; a bit keeps its own where the new one would make more mistakes."""
        old, share = (self.normals_, self.offsets_), Z.mean(0)
        normals = torch.cholesky_solve(gram(X - self.mean_, Z - share) / len(X), root).to(X)
        self.normals_, self.offsets_ = normals, 0.5 - share
        worse = ((self._project(X) > 0).to(X) != Z).sum(0) > (hashed != Z).sum(0)
        self.normals_ = torch.where(worse, old[0], normals)
        self.offsets_ = torch.where(worse, old[1], self.offsets_)

    def _project(self, X: torch.Tensor) -> torch.Tensor:
        return (X - self.mean_) @ self.normals_ - self.offsets_


def decoded(X: torch.Tensor, Z: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """W (r, d) and w (d,) that minimise ||X - Z W - w||^2, for X (n, d), Z (n, r) of zeros and ones."""
    share, mean = Z.mean(0), X.mean(0)
    inner = gram(Z - share, Z - share)
    unit = inner.diagonal().mean().clamp(min=1e-12)
    W = torch.linalg.solve(ridged(inner, 1e-9 * unit), gram(Z - share, X - mean)).to(X)
    return W, mean - share @ W


def penalised(
    Z: torch.Tensor, inner: torch.Tensor, target: torch.Tensor, hashed: torch.Tensor, mu: float
) -> torch.Tensor:
    """||x - w - z W||^2 + mu ||z - h||^2 less ||x - w||^2, (n,); inner = W W', target = (X - w) W'."""
    return ((Z @ inner - 2 * target) * Z + mu * (Z - hashed).square()).sum(1)


def auxiliary(
    Z: torch.Tensor, inner: torch.Tensor, target: torch.Tensor, hashed: torch.Tensor, mu: float, n_cycles: int
) -> torch.Tensor:
    """Codes (n, r) that no change of one bit makes better, found from Z round by round, bit by bit."""
    Z = Z.clone()
    for _ in range(n_cycles):
        before = Z.clone()
        for k in range(Z.shape[1]):
            others = Z @ inner[k] - Z[:, k] * inner[k, k]
            gain = 2 * (target[:, k] - others) - inner[k, k] - mu * (1 - 2 * hashed[:, k])
            Z[:, k] = torch.where(gain == 0, Z[:, k], (gain > 0).to(Z))
        if torch.equal(Z, before):
            break
    return Z


def better(
    first: torch.Tensor, second: torch.Tensor, terms: tuple[torch.Tensor, torch.Tensor, torch.Tensor, float]
) -> torch.Tensor:
    """Of two codes of each item, the one with the smaller ``penalised``; the first where they are equal."""
    chosen = wide(penalised(second, *terms)) < wide(penalised(first, *terms))
    return torch.where(chosen[:, None].to(first.device), second, first)
