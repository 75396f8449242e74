"""Random codes (chance).

A control that shows what chance scores: each bit is a bit of SHAKE-256 (FIPS 202) of the seed and the image's
bytes. The codes carry no information about the class, they are the same in every call and on every device,
and copies of an image share their code, as they do for any method.
Formula: ours.
Departures from the paper: none, there is no paper.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import shake_256
from typing import ClassVar

import numpy as np
import torch

from hashbench.contracts.method import HashMethod


@dataclass(eq=False, repr=False, kw_only=True)
class Random(HashMethod):
    """Fair coins, drawn from the image's bytes and ``random_state``."""

    inputs: ClassVar = "images"
    control: ClassVar = True
    made_for: ClassVar = ("retrieval", "authentication")

    def _fit(self, X: torch.Tensor, y: torch.Tensor | None, generator: torch.Generator) -> None:
        self.seed_ = f"{self.random_state}:".encode()

    def _project(self, X: torch.Tensor) -> torch.Tensor:
        n_bytes = -(-self.n_bits // 8)
        images = X.cpu().numpy()
        digests = b"".join(shake_256(self.seed_ + image.tobytes()).digest(n_bytes) for image in images)
        packed = np.frombuffer(digests, np.uint8).reshape(len(images), n_bytes)
        bits = torch.from_numpy(np.unpackbits(packed, axis=1, count=self.n_bits))
        return bits.float() * 2 - 1
