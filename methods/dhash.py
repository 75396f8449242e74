"""Difference hash (dHash).

Krawetz, "Kind of like that", The Hacker Factor Blog, 2013, as the package ImageHash 4.3 has it (``dhash``):
the grey image is resized to k rows of k + 1 pixels (Lanczos), and
    bit = pixel > its left-hand neighbour.
Departures from the paper: none from the package; k x k bits, 8 x 8 in the text.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt
from typing import ClassVar

import torch

from hashbench.contracts.method import HashMethod
from hashbench.errors import InvalidInputError


@dataclass(eq=False, repr=False, kw_only=True)
class DHash(HashMethod):
    """Where an image grows brighter from left to right."""

    inputs: ClassVar = "images"
    made_for: ClassVar = ("authentication",)

    @classmethod
    def accepts_bits(cls, n_bits: int) -> str | None:
        """The square of a number from 2 on."""
        side = isqrt(n_bits)
        if side < 2 or side * side != n_bits:
            return f"{cls.name()} has k x k bits, k at least 2, such as 64 or 256, not {n_bits}"
        return None

    def _fit(self, X: torch.Tensor, y: torch.Tensor | None, generator: torch.Generator) -> None:
        fault = self.accepts_bits(self.n_bits)
        if fault is None and X.shape[1] not in (1, 3):
            fault = f"{self.name()} reads images of 1 or 3 channels, not {X.shape[1]}"
        if fault is not None:
            raise InvalidInputError(fault)

    def _project(self, X: torch.Tensor) -> torch.Tensor:
        import imagehash
        import numpy as np
        from PIL import Image

        arrays = X.permute(0, 2, 3, 1).cpu().numpy()
        pictures = [Image.fromarray(array[..., 0] if array.shape[2] == 1 else array) for array in arrays]
        side = isqrt(self.n_bits)
        bits = np.stack([imagehash.dhash(picture, side).hash.ravel() for picture in pictures])
        return torch.from_numpy(bits).float() * 2 - 1
