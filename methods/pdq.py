"""PDQ, the hash of images that Meta published for sharing between platforms.

Facebook, "The TMK+PDQF video-hashing algorithm and the PDQ image-hashing algorithm", 2019, by its authors'
C++ code, which the package pdqhash 0.2 compiles: luma, two passes of a box filter, 64 x 64 samples, the 16
x 16 lowest frequencies of the cosine transform without the mean, and
    bit = coefficient > median of the 256 coefficients.
Its authors call two images copies where at most 31 bits of 256 differ, and leave out those of quality below
50.
Formula: read in the authors' code (ThreatExchange, compiled by pdqhash).
Departures from the paper: none from the code. No image is left out for its quality. Images smaller than 64
x 64 are sampled more than once a pixel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hashbench.families.pictures import PictureHash

N_BITS = 256


@dataclass(eq=False, repr=False, kw_only=True)
class PDQ(PictureHash):
    """Which low frequencies of an image are strong, in 256 bits."""

    @classmethod
    def accepts_bits(cls, n_bits: int) -> str | None:
        """256 bits only."""
        return None if n_bits == N_BITS else f"{cls.name()} has 256 bits, not {n_bits}"

    def _bits(self, image: NDArray[np.uint8]) -> NDArray:
        import pdqhash

        return pdqhash.compute(image if image.ndim == 3 else np.stack([image] * 3, axis=-1))[0]
