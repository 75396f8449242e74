"""Raw pixels (n, c, h, w) as rows (n, c * h * w) in [0, 1]."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from hashbench.contracts.dataset import Images
from hashbench.contracts.feature import Feature
from hashbench.errors import InvalidInputError

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True)
class Pixels(Feature):
    """Each value divided by 255."""

    cached: ClassVar[bool] = False

    def rows(self, images: Images, index: NDArray[np.int64], device: torch.device) -> NDArray[np.float32]:
        """Rows (len(index), c * h * w) of the data set's images."""
        return self.rows_of(images.pixels[index], device)

    def rows_of(self, pixels: NDArray[np.uint8], device: torch.device) -> NDArray[np.float32]:
        """Rows (n, c * h * w) of any images (n, c, h, w) uint8."""
        if pixels.ndim != 4 or pixels.dtype != np.uint8:
            raise InvalidInputError(f"pixels are (n, c, h, w) uint8, not {pixels.shape} {pixels.dtype}")
        return np.divide(pixels.reshape(len(pixels), -1), np.float32(255), dtype=np.float32)
