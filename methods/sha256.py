"""A cryptographic hash of the pixels (SHA-256).

NIST, "Secure hash standard", FIPS 180-4, 2015. A control: any change of an image gives another code, so
that no threshold above zero accepts a changed copy more often than another image.
Formula: in the paper's text (the standard).
Departures from the paper: none; a code of fewer than 256 bits is the beginning of the digest.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import ClassVar

import numpy as np
import torch

from hashbench.contracts.method import HashMethod

N_BITS = 256


@dataclass(eq=False, repr=False, kw_only=True)
class SHA256(HashMethod):
    """The digest of an image's bytes."""

    inputs: ClassVar = "images"
    control: ClassVar = True
    made_for: ClassVar = ("authentication",)

    @classmethod
    def accepts_bits(cls, n_bits: int) -> str | None:
        """Up to 256 bits."""
        return None if n_bits <= N_BITS else f"{cls.name()} has at most 256 bits, not {n_bits}"

    def _fit(self, X: torch.Tensor, y: torch.Tensor | None, generator: torch.Generator) -> None:
        """Nothing is learned."""

    def _project(self, X: torch.Tensor) -> torch.Tensor:
        digests = b"".join(sha256(image.tobytes()).digest() for image in X.cpu().numpy())
        packed = np.frombuffer(digests, np.uint8).reshape(len(X), N_BITS // 8)
        bits = torch.from_numpy(np.unpackbits(packed, axis=1, count=self.n_bits))
        return bits.float() * 2 - 1
