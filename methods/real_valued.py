"""Real-valued features (no coding).

A control, the ceiling of coding without supervision: the features that a shallow method would get, centred on
the mean of the training items, scaled to unit length, ranked by cosine. Centred LSH converges to it
as the number of bits grows (Charikar, STOC 2002).
Formula: ours.
Departures from the paper: none, there is no paper. n_bits is ignored.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from hashbench.contracts.method import HashMethod


@dataclass(eq=False, repr=False, kw_only=True)
class RealValued(HashMethod):
    """Centred features of unit length, (n, d)."""

    output: ClassVar = "vectors"
    control: ClassVar = True

    def _fit(self, X: torch.Tensor, y: torch.Tensor | None, generator: torch.Generator) -> None:
        self.mean_ = X.mean(0)

    def _project(self, X: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.normalize(X - self.mean_, dim=1)
