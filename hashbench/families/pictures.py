"""Hashes that a package computes, one image at a time; nothing is learned."""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from hashbench.contracts.method import HashMethod
from hashbench.errors import InvalidInputError

if TYPE_CHECKING:
    from PIL.Image import Image


@dataclass(eq=False, repr=False, kw_only=True)
class PictureHash(HashMethod):
    """Bits of grey images and of images of three colours. A method writes ``_bits``."""

    inputs: ClassVar = "images"
    made_for: ClassVar = ("authentication",)

    def _bits(self, image: NDArray[np.uint8]) -> NDArray:
        """n_bits zeros and ones, of any shape, of an image (h, w) or (h, w, 3)."""
        raise NotImplementedError

    def _fit(self, X: torch.Tensor, y: torch.Tensor | None, generator: torch.Generator) -> None:
        if X.shape[1] not in (1, 3):
            raise InvalidInputError(f"{self.name()} reads images of 1 or 3 channels, not {X.shape[1]}")

    def _project(self, X: torch.Tensor) -> torch.Tensor:
        arrays = X.permute(0, 2, 3, 1).cpu().numpy()
        images = arrays[..., 0] if arrays.shape[3] == 1 else arrays
        bits = np.stack([self._bits(np.ascontiguousarray(image)).ravel() for image in images])
        return torch.from_numpy(bits).float() * 2 - 1


@dataclass(eq=False, repr=False, kw_only=True)
class SquareHash(PictureHash):
    """k x k bits by a function of the package ImageHash. A method writes ``_square``."""

    @classmethod
    def accepts_bits(cls, n_bits: int) -> str | None:
        """The square of a number from 2 on."""
        side = isqrt(n_bits)
        if side < 2 or side * side != n_bits:
            return f"{cls.name()} has k x k bits, k at least 2, such as 64 or 256, not {n_bits}"
        return None

    def _square(self, picture: Image, side: int) -> NDArray[np.bool_]:
        """The bits (side, side) of a picture, grey or of three colours."""
        raise NotImplementedError

    def _bits(self, image: NDArray[np.uint8]) -> NDArray:
        from PIL import Image

        return self._square(Image.fromarray(image), isqrt(self.n_bits))
