"""Block mean value hash (BMH).

Yang, Gu and Niu, "Block mean value based image perceptual hashing", IIH-MSP 2006, as OpenCV's img_hash has it
(BlockMeanHash, mode 0): the grey image is resized to 256 x 256 and cut in 16 x 16 blocks;
    bit = mean of the block >= mean of the image
Formula: from a port (OpenCV).
Departures from the paper: it was not at hand; formula and sizes are those of OpenCV, in floating point, where
OpenCV rounds to whole grey levels. ``against="median"`` compares with the median of the blocks' means, as the
paper is said to. Other lengths have a grid of as many blocks, as near to a square as can be. Resizing and
averaging are one linear map here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

from hashbench.errors import InvalidInputError
from hashbench.families.blocks import BlockHash
from hashbench.numerics import relative_luma, resizing

SIZE = 256


@dataclass(eq=False, repr=False, kw_only=True)
class BlockMean(BlockHash):
    """Which blocks of an image are bright.

    against: what the mean of a block is compared with.
    """

    against: Literal["mean", "median"] = "mean"

    def _fit(self, X: torch.Tensor, y: torch.Tensor | None, generator: torch.Generator) -> None:
        if self.against not in ("mean", "median"):
            raise InvalidInputError(f"{self.name()}: against is {self.against!r}; choose mean or median")
        self.rows_, self.columns_ = (
            average @ resizing(side, SIZE, "bilinear", X.device)
            for average, side in zip(self._averages(SIZE, X.device), X.shape[2:], strict=True)
        )

    def _project(self, X: torch.Tensor) -> torch.Tensor:
        means = (self.rows_ @ relative_luma(X) @ self.columns_.T).flatten(1)
        if self.against == "mean":
            level = means.mean(1, keepdim=True)  # the blocks are equal: the mean of the image
        else:
            ordered, half = means.sort(1).values, self.n_bits // 2
            level = (ordered[:, [half]] + ordered[:, [(self.n_bits - 1) // 2]]) / 2
        above = means - level
        return torch.where(above >= 0, above.clamp(min=torch.finfo(above.dtype).tiny), above)
