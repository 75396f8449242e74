"""Hash of the wavelet transform (wHash).

Petrov, "Wavelet image hash in Python", 2016, as the package ImageHash 4.3 has it (``whash``): the grey
image is resized to the largest power of two that fits, or to k where that is more; the mean is taken out by
a full Haar transform and back; of the Haar transform the k x k approximation is kept, and
    bit = coefficient > median of the coefficients.
Departures from the paper: none from the package; k x k bits, k a power of two, 8 x 8 in the text.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt
from typing import ClassVar

import torch

from hashbench.contracts.method import HashMethod
from hashbench.errors import InvalidInputError


@dataclass(eq=False, repr=False, kw_only=True)
class WHash(HashMethod):
    """Which cells of an image are bright, by wavelets."""

    inputs: ClassVar = "images"
    made_for: ClassVar = ("authentication",)

    @classmethod
    def accepts_bits(cls, n_bits: int) -> str | None:
        """The square of a power of two."""
        side = isqrt(n_bits)
        if side < 2 or side * side != n_bits or side & (side - 1):
            return f"{cls.name()} has k x k bits, k a power of two, such as 64 or 256, not {n_bits}"
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
        bits = np.stack([imagehash.whash(picture, side).hash.ravel() for picture in pictures])
        return torch.from_numpy(bits).float() * 2 - 1
