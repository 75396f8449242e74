"""Difference hash (dHash).

Krawetz, "Kind of like that", The Hacker Factor Blog, 2013, as the package ImageHash 4.3 has it (``dhash``):
the grey image is resized to k rows of k + 1 pixels (Lanczos), and
    bit = pixel > its left-hand neighbour.
Formula: from a port (the package ImageHash).
Departures from the paper: none from the package; k x k bits, 8 x 8 in the text.
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
class DHash(SquareHash):
    """Where an image grows brighter from left to right."""

    def _square(self, picture: Image, side: int) -> NDArray[np.bool_]:
        import imagehash

        return imagehash.dhash(picture, side).hash
