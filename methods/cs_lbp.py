"""Centre-symmetric local binary patterns (CS-LBP), their 16-bin block histograms cut to bits.

Heikkila, Pietikainen and Schmid, "Description of interest regions with local binary patterns", Pattern
Recognition 42(3), 2009, Eq. 2: code = sum_{i=0..3} 2^i [g_i - g_{i+4} > T], T about 1 % of the grey range.
As a hash it is the plain baseline of MM-CSLBP, which has a quarter of its bins.
    grey resized to 64 x 64; bit = part of a block's pixels with the code > 1/16
Departures from the paper: a descriptor of interest regions there, a hash here, so that bits, grid and size
are ours; the eight square neighbours take the place of points on a circle.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from hashbench.contracts.method import HashMethod
from hashbench.errors import InvalidInputError
from hashbench.numerics import averaging, block_grid, neighbours, relative_luma, resizing

BINS = 16
SIZE = 64


@dataclass(eq=False, repr=False, kw_only=True)
class CSLBP(HashMethod):
    """Histograms of 16 patterns in the blocks of an image.

    threshold: T, in grey levels.
    """

    inputs: ClassVar = "images"
    made_for: ClassVar = ("authentication",)

    threshold: float = 2.55

    @classmethod
    def accepts_bits(cls, n_bits: int) -> str | None:
        """Sixteen bits a block, in a grid that is not too long."""
        if n_bits % BINS or block_grid(n_bits // BINS) is None:
            return f"{cls.name()} has 16 bits a block in a grid of blocks, such as 64 or 256, not {n_bits}"
        return None

    def _fit(self, X: torch.Tensor, y: torch.Tensor | None, generator: torch.Generator) -> None:
        fault = self.accepts_bits(self.n_bits)
        grid = block_grid(self.n_bits // BINS) if fault is None else None
        if grid is None or max(grid) > SIZE:
            raise InvalidInputError(fault or f"{self.name()}: {self.n_bits} bits need more than 64 rows")
        self.sides_ = tuple(resizing(side, SIZE, "bicubic", X.device) for side in X.shape[2:])
        self.blocks_ = tuple(averaging(SIZE, parts, X.device) for parts in grid)

    def project_batch(self, device: torch.device) -> int:
        """On a CPU, as many images as its cache holds."""
        return 64 if device.type == "cpu" else 1024

    def _project(self, X: torch.Tensor) -> torch.Tensor:
        rows, columns = self.sides_
        around = neighbours(rows @ relative_luma(X) @ columns.T)
        code = torch.zeros(around[0].shape, device=X.device, dtype=torch.uint8)
        for i in range(4):
            code += (around[i] - around[i + 4] > self.threshold).to(torch.uint8) << i
        by_row, by_column = self.blocks_
        votes = torch.stack([(code == i).float() for i in range(BINS)], 1)
        share = by_row @ votes @ by_column.T  # (n, 16, rows, columns)
        return share.permute(0, 2, 3, 1).flatten(1) - 1 / BINS
