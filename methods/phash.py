"""Hash of the discrete cosine transform (pHash).

Zauner, "Implementation and benchmarking of perceptual image hash functions", diploma thesis, 2010; Krawetz,
"Looks like it", The Hacker Factor Blog, 2011, as the package ImageHash 4.3 has it (``phash``): the grey
image is resized to 4k x 4k pixels (Lanczos); of its two-dimensional cosine transform the k x k lowest
frequencies are kept, with the mean, and
    bit = coefficient > median of the coefficients.
Formula: from a port (the package ImageHash).
Departures from the paper: those of the package: the thesis leaves the mean and the lowest row and column
out. k x k bits, 8 x 8 in the text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hashbench.families.pictures import SquareHash

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(eq=False, repr=False, kw_only=True)
class PHash(SquareHash):
    """Which low frequencies of an image are strong."""

    def _square(self, picture: Image, side: int) -> NDArray[np.bool_]:
        import imagehash

        return imagehash.phash(picture, side).hash
