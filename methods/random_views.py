"""Random codes of images and texts (chance).

A control that shows what chance scores between views: each bit is a bit of SHAKE-256 (FIPS 202) of the seed,
the view and the item's bytes. Equal texts share their code, as they do for any method.
Formula: ours.
Departures from the paper: none, there is no paper.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import shake_256
from typing import ClassVar

import numpy as np
import torch

from hashbench.contracts.cross_view import CrossViewMethod


@dataclass(eq=False, repr=False, kw_only=True)
class RandomViews(CrossViewMethod):
    """Fair coins, drawn from the item's bytes and ``random_state``."""

    inputs: ClassVar = "images"
    control: ClassVar = True

    def _fit(
        self,
        X: torch.Tensor,
        y: torch.Tensor | None,
        generator: torch.Generator,
        texts: torch.Tensor | None = None,
    ) -> None:
        self.seed_ = f"{self.random_state}:"

    def _project(self, X: torch.Tensor) -> torch.Tensor:
        return self._coins("image", X)

    def _project_text(self, T: torch.Tensor) -> torch.Tensor:
        return self._coins("text", T)

    def _coins(self, view: str, items: torch.Tensor) -> torch.Tensor:
        n_bytes, key = -(-self.n_bits // 8), f"{self.seed_}{view}:".encode()
        digests = b"".join(shake_256(key + item.tobytes()).digest(n_bytes) for item in items.cpu().numpy())
        packed = np.frombuffer(digests, np.uint8).reshape(len(items), n_bytes)
        return torch.from_numpy(np.unpackbits(packed, axis=1, count=self.n_bits)).float() * 2 - 1
