"""Features that shallow methods read: what can be had from the images alone."""

import numpy as np
from numpy.typing import NDArray

from hashbench.errors import InvalidInputError


def pixels(pixels_uint8: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Raw pixels (n, c, h, w) uint8 as vectors (n, c * h * w) float32 in [0, 1]."""
    if pixels_uint8.ndim != 4 or pixels_uint8.dtype != np.uint8:
        raise InvalidInputError(
            f"pixels are (n, c, h, w) uint8, not {pixels_uint8.shape} {pixels_uint8.dtype}"
        )
    vectors = pixels_uint8.reshape(len(pixels_uint8), -1)
    return np.divide(vectors, np.float32(255), dtype=np.float32)
