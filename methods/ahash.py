"""Average hash (aHash).

Krawetz, "Looks like it", The Hacker Factor Blog, 2011, as the package ImageHash 4.3 has it
(``average_hash``): the grey image is resized to k x k pixels (Lanczos), and
    bit = pixel > mean of the pixels.
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
class AHash(SquareHash):
    """Which cells of an image are bright."""

    def _square(self, picture: Image, side: int) -> NDArray[np.bool_]:
        import imagehash

        return imagehash.average_hash(picture, side).hash
