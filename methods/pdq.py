"""PDQ, the hash of images that Meta published for sharing between platforms.

Facebook, "The TMK+PDQF video-hashing algorithm and the PDQ image-hashing algorithm", 2019, by its authors'
C++ code, which the package pdqhash 0.2 compiles: luma, two passes of a box filter, 64 x 64 samples, the 16
x 16 lowest frequencies of the cosine transform without the mean, and
    bit = coefficient > median of the 256 coefficients.
Its authors call two images copies where at most 31 bits of 256 differ, and leave out those of quality below
50.
Departures from the paper: none from the code. No image is left out for its quality. Images smaller than 64
x 64 are sampled more than once a pixel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from hashbench.contracts.method import HashMethod
from hashbench.errors import InvalidInputError

N_BITS = 256


@dataclass(eq=False, repr=False, kw_only=True)
class PDQ(HashMethod):
    """Which low frequencies of an image are strong, in 256 bits."""

    inputs: ClassVar = "images"
    made_for: ClassVar = ("authentication",)

    @classmethod
    def accepts_bits(cls, n_bits: int) -> str | None:
        """256 bits only."""
        return None if n_bits == N_BITS else f"{cls.name()} has 256 bits, not {n_bits}"

    def _fit(self, X: torch.Tensor, y: torch.Tensor | None, generator: torch.Generator) -> None:
        fault = self.accepts_bits(self.n_bits)
        if fault is None and X.shape[1] not in (1, 3):
            fault = f"{self.name()} reads images of 1 or 3 channels, not {X.shape[1]}"
        if fault is not None:
            raise InvalidInputError(fault)

    def _project(self, X: torch.Tensor) -> torch.Tensor:
        import numpy as np
        import pdqhash

        arrays = X.expand(-1, 3, -1, -1).permute(0, 2, 3, 1).contiguous().cpu().numpy()
        bits = np.stack([pdqhash.compute(array)[0] for array in arrays])
        return torch.from_numpy(bits).float() * 2 - 1
