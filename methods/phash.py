"""Hash of the discrete cosine transform (pHash).

Zauner, "Implementation and benchmarking of perceptual image hash functions", diploma thesis, 2010; Krawetz,
"Looks like it", The Hacker Factor Blog, 2011, as the package ImageHash 4.3 has it (``phash``): the grey
image is resized to 4k x 4k pixels (Lanczos); of its two-dimensional cosine transform the k x k lowest
frequencies are kept, with the mean, and
    bit = coefficient > median of the coefficients.
Departures from the paper: those of the package: the thesis leaves the mean and the lowest row and column
out. k x k bits, 8 x 8 in the text.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt
from typing import ClassVar

import torch

from hashbench.contracts.method import HashMethod
from hashbench.errors import InvalidInputError


@dataclass(eq=False, repr=False, kw_only=True)
class PHash(HashMethod):
    """Which low frequencies of an image are strong."""

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
        bits = np.stack([imagehash.phash(picture, side).hash.ravel() for picture in pictures])
        return torch.from_numpy(bits).float() * 2 - 1
