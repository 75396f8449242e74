"""Hash of the wavelet transform (wHash).

Petrov, "Wavelet image hash in Python", 2016, as the package ImageHash 4.3 has it (``whash``): the grey
image is resized to the largest power of two that fits, or to k where that is more; the mean is taken out by
a full Haar transform and back; of the Haar transform the k x k approximation is kept, and
    bit = coefficient > median of the coefficients.
Formula: from a port (the package ImageHash).
Departures from the paper: none from the package; k x k bits, k a power of two, 8 x 8 in the text.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hashbench.families.pictures import SquareHash

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(eq=False, repr=False, kw_only=True)
class WHash(SquareHash):
    """Which cells of an image are bright, by wavelets."""

    @classmethod
    def accepts_bits(cls, n_bits: int) -> str | None:
        """The square of a power of two."""
        fault, side = super().accepts_bits(n_bits), isqrt(n_bits)
        if fault is None and side & (side - 1):
            return f"{cls.name()} has k x k bits, k a power of two, such as 64 or 256, not {n_bits}"
        return fault

    def _square(self, picture: Image, side: int) -> NDArray[np.bool_]:
        import imagehash

        return imagehash.whash(picture, side).hash
