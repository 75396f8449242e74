"""A photograph as an image of a data set: upright, in its channels, cropped and resized."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from PIL.Image import Image


def fitting(image: Image, shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    """The pixels (c, h, w) of an opened photograph, c = 1 (grey) or 3 (RGB).

    It is turned upright by its EXIF tag; transparency is dropped. The largest central part of the proportions
    h : w is resized (bicubic, anti-aliased). Raises ValueError where its pixels are floating-point numbers,
    or for another number of channels.
    """
    from PIL import Image, ImageOps

    channels, height, width = shape
    if channels not in (1, 3):
        raise ValueError(f"a photograph has 1 or 3 channels, not {channels}")
    image = ImageOps.exif_transpose(image)
    if image.mode == "F":
        raise ValueError("its pixels are floating-point numbers")
    if image.mode.startswith("I"):  # 16 bits a pixel, which convert() would clip at 255 and not scale
        image = Image.fromarray((np.asarray(image) >> 8).clip(0, 255).astype(np.uint8))
    image = image.convert("L" if channels == 1 else "RGB")
    if image.size != (width, height):
        scale = min(image.width / width, image.height / height)
        across, down = max(1, round(width * scale)), max(1, round(height * scale))
        left, top = (image.width - across) // 2, (image.height - down) // 2
        # cropped first: resizing a box of an image would blend in what lies around the box
        image = image.crop((left, top, left + across, top + down))
        image = image.resize((width, height), Image.Resampling.BICUBIC)
    return np.ascontiguousarray(np.asarray(image).reshape(height, width, channels).transpose(2, 0, 1))
