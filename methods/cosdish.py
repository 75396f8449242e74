"""Column sampling based discrete supervised hashing (COSDISH).

Kang, Li, Zhou, "Column sampling based discrete supervised hashing", AAAI 2016. Codes B of the training items
minimise sum (r S_ij - b_i'b_j)^2 over drawn columns j, r = n_bits. A turn draws r items. In it, three times:
each bit x of the drawn items solves the binary quadratic problem min x'Q x + p'x, with Q = -2 (r S_oo -
sum_l b_l b_l') and p = -2 (r S_go - sum_l g_l b_l')'g over the bits l before it, g and b the bits of the
other and of the drawn items; then the other items get sgn(S_go B_o). S_ij is 1 for similar items and -w
else, w the number of similar over that of dissimilar pairs among the drawn columns. The hash function is the
ridge regression of B on the features.
Formula: from a port (Eddie-Wang1120/single-modal-supervised-hashing-baseline-for-image-retrieval).
Departures from the paper: the weight of dissimilar pairs is -w, as recalled from the paper; the port has +w.
The quadratic problem is solved by coordinate descent from the bit as it is and from random starts; the port
factors a matrix and clusters its columns (a 2-approximation). A draw without a similar or without a
dissimilar pair is drawn again. Items with several labels are similar where they share one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from hashbench.contracts.method import HashMethod
from hashbench.errors import InvalidInputError
from hashbench.numerics import Regression, binary_quadratic, label_sets, sign, spread


@dataclass(eq=False, repr=False, kw_only=True)
class COSDISH(HashMethod):
    """Discrete codes that fit the similarity to drawn items, regressed on the features.

    n_iter: turns, each with n_bits drawn items.
    n_alternations: of the two steps in a turn.
    n_starts: random starts of a binary quadratic problem.
    ridge: of the regression.
    """

    supervision: ClassVar = "supervised"
    n_iter: int = 10
    n_alternations: int = 3
    n_starts: int = 4
    ridge: float = 1.0

    def _fit(self, X: torch.Tensor, y: torch.Tensor | None, generator: torch.Generator) -> None:
        assert y is not None
        self.mean_, self.spread_ = X.mean(0), spread(X)
        X = (X - self.mean_) / self.spread_
        member, similarity = label_sets(y)
        B = sign(torch.randn(len(X), self.n_bits, generator=generator)).to(X)
        for _ in range(self.n_iter):
            drawn, S = self._draw(member, similarity, generator)
            rest = torch.ones(len(X), dtype=torch.bool).to(X.device)
            rest[drawn] = False
            for _ in range(self.n_alternations):
                B[drawn] = self._drawn_codes(B[drawn], B[rest], S[drawn], S[rest], generator)
                field = S[rest] @ B[drawn]
                B[rest] = torch.where(field.abs() < 1e-5, B[rest], sign(field))
        self.projection_ = Regression(X, self.ridge)(B)

    def _draw(
        self, member: torch.Tensor, similarity: torch.Tensor, generator: torch.Generator
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """n_bits items, and the similarity (n, n_bits) of all items to them."""
        for _ in range(100):
            drawn = torch.randperm(len(member), generator=generator)[: self.n_bits].to(member.device)
            S = similarity[:, member[drawn]][member]
            similar = float((S > 0).double().mean())
            if 0 < similar < 1:
                return drawn, torch.where(S > 0, 1.0, -similar / (1 - similar))
        raise InvalidInputError(
            f"{self.name()}: a hundred draws had no similar or no dissimilar pair; give items of more classes"
        )

    def _drawn_codes(
        self, B: torch.Tensor, G: torch.Tensor, S: torch.Tensor, T: torch.Tensor, generator: torch.Generator
    ) -> torch.Tensor:
        """New codes of the drawn items: codes now B (k, r), of the others G; similarities S (k, k), T."""
        codes = B.clone()
        quadratic, cross = -2 * self.n_bits * S, self.n_bits * T
        for k in range(self.n_bits):
            starts = sign(torch.randn(self.n_starts, len(B), generator=generator)).to(B)
            starts = torch.cat([codes[None, :, k], starts])
            codes[:, k] = binary_quadratic(quadratic, -2 * cross.T @ G[:, k], starts)
            quadratic = quadratic + 2 * torch.outer(codes[:, k], codes[:, k])
            cross = cross - torch.outer(G[:, k], codes[:, k])
        return codes

    def _project(self, X: torch.Tensor) -> torch.Tensor:
        return (X - self.mean_) / self.spread_ @ self.projection_
