"""Hashes of centre-symmetric local binary patterns (CS-LBP) in the blocks of an image.

Heikkila, Pietikainen and Schmid, "Description of interest regions with local binary patterns", Pattern
Recognition 42(3), 2009, Eq. 2: code = sum_{i=0..3} 2^i [g_i - g_{i+4} > T], g_0..g_7 the neighbours of a
pixel; here the eight square neighbours, in grey images resized to 64 x 64 pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from hashbench.families.blocks import BlockHash
from hashbench.numerics import neighbours, relative_luma, resizing

BINS = 16
SIZE = 64


@dataclass(eq=False, repr=False, kw_only=True)
class PatternHash(BlockHash):
    """Bits of the patterns in each block.

    threshold: T, in grey levels.
    """

    threshold: float = 2.55

    def _fit(self, X: torch.Tensor, y: torch.Tensor | None, generator: torch.Generator) -> None:
        self.blocks_ = self._averages(SIZE, X.device)
        self.sides_ = tuple(resizing(side, SIZE, "bicubic", X.device) for side in X.shape[2:])

    def project_batch(self, device: torch.device) -> int:
        """On a CPU, as many images as its cache holds."""
        return 64 if device.type == "cpu" else 1024

    def _patterns(self, X: torch.Tensor) -> torch.Tensor:
        """The code, 0..15, of each pixel: (n, 64, 64) uint8."""
        rows, columns = self.sides_
        around = neighbours(rows @ relative_luma(X) @ columns.T)
        code = torch.zeros(around[0].shape, device=X.device, dtype=torch.uint8)
        for i in range(4):
            code += (around[i] - around[i + 4] > self.threshold).to(torch.uint8) << i
        return code
