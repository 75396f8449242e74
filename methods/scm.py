"""Semantic correlation maximization (SCM).

Zhang & Li, "Large-scale supervised multimodal hashing with semantic correlation maximization", AAAI 2014.
Codes sgn(X W) of images and sgn(T U) of texts approximate K S, K the number of bits and S = 2 L L' - 1 1' the
similarity of items by labels; a row of L is an item's labels, scaled to length 1. ``orth``: the K leading
solutions of C Ctt^-1 C' w = s^2 Cxx w with C = X' S T, Cxx = X'X, Ctt = T'T, and u = Ctt^-1 C' w / s.
``seq``: bit by bit the leading solution, after which C loses what the bit explains,
X' sgn(X w) sgn(T u)' T. S (n, n) is never formed: C = 2 (X'L)(T'L)' - (X'1)(T'1)'.
With c classes, ``orth`` has at most c - 1 solutions for centred views; bits beyond these are constant.

Formula: from a port (BMC-SDNU/Cross-Modal-Hashing-Retrieval).
Departures from the paper: formulas from a port of the release [Cross-Modal-Hashing-Retrieval], with its
ridge of 0.000001. ``seq`` starts from K C; as in the port, where the leading value grows from one bit to the
next, the bits that are left keep the directions of ``orth``. Both views are centred by the training means,
database and queries alike; the port's demo leaves the database uncentred.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch

from hashbench.contracts.cross_view import CrossViewMethod
from hashbench.errors import InvalidInputError
from hashbench.numerics import canonical_pairs, cholesky, gram, one_hot, sign


@dataclass(eq=False, repr=False, kw_only=True)
class SCM(CrossViewMethod):
    """Directions of both views whose signs agree with the labels' similarities.

    learning: "seq", bit by bit, or "orth", all at once.
    ridge: added to the diagonals of X'X and T'T.
    relative: whether ridge is in units of each matrix's mean diagonal; the scale of X then has no effect.
    """

    supervision: ClassVar = "supervised"
    learning: Literal["seq", "orth"] = "seq"
    ridge: float = 1e-6
    relative: bool = False

    def _fit(
        self,
        X: torch.Tensor,
        y: torch.Tensor | None,
        generator: torch.Generator,
        texts: torch.Tensor | None = None,
    ) -> None:
        assert texts is not None
        assert y is not None
        if self.learning not in ("seq", "orth"):
            raise InvalidInputError(f"{self.name()}: learning={self.learning!r} must be 'seq' or 'orth'")
        self.mean_, self.text_mean_ = X.mean(0), texts.mean(0)
        centred, words = X - self.mean_, texts - self.text_mean_
        left, right = (cholesky(gram(view, view), self.ridge, self.relative) for view in (centred, words))
        C = self.n_bits * semantic_correlation(centred, words, one_hot(y))
        W, U, _ = canonical_pairs(left, right, C, self.n_bits)
        if self.learning == "seq":
            W, U = sequential(centred, words, left, right, C, (W, U))
        self.directions_, self.text_directions_ = W.to(X), U.to(X)

    def _project(self, X: torch.Tensor) -> torch.Tensor:
        return (X - self.mean_) @ self.directions_

    def _project_text(self, T: torch.Tensor) -> torch.Tensor:
        return (T - self.text_mean_) @ self.text_directions_


def semantic_correlation(X: torch.Tensor, T: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """C = X' S T (p, q) float64 of views X (n, p), T (n, q) and labels (n, c), without S (n, n)."""
    L = torch.nn.functional.normalize(labels)
    ones = torch.ones(len(X), 1).to(X)
    return 2 * gram(X, L) @ gram(T, L).T - gram(X, ones) @ gram(T, ones).T


def sequential(
    X: torch.Tensor,
    T: torch.Tensor,
    left: torch.Tensor,
    right: torch.Tensor,
    C: torch.Tensor,
    start: tuple[torch.Tensor, torch.Tensor],
) -> tuple[torch.Tensor, torch.Tensor]:
    """Directions (p, K), (q, K) float64, bit by bit; from the first bit whose value grows on, those of start.

    left (p, p), right (q, q): lower Cholesky factors of X'X and T'T with their ridges. C: (p, q) float64.
    """
    W, U = (directions.clone() for directions in start)
    before = float("inf")
    for bit in range(W.shape[1]):
        w, u, values = canonical_pairs(left, right, C, 1)
        value = float(values[0])
        if value > before * (1 + 1e-9):
            break
        W[:, bit], U[:, bit] = w[:, 0], u[:, 0]
        C = C - gram(X, sign(X @ w.to(X))) @ gram(T, sign(T @ u.to(T))).T
        before = value
    return W, U
