"""Centre-symmetric local binary patterns (CS-LBP), their 16-bin block histograms cut to bits.

Heikkila, Pietikainen and Schmid, "Description of interest regions with local binary patterns", Pattern
Recognition 42(3), 2009, Eq. 2: code = sum_{i=0..3} 2^i [g_i - g_{i+4} > T], T about 1 % of the grey range.
As a hash it is the plain baseline of MM-CSLBP, which has a quarter of its bins.
    grey resized to 64 x 64; bit = part of a block's pixels with the code > 1/16
Formula: from memory.
Departures from the paper: a descriptor of interest regions there, a hash here, so that bits, grid and size
are ours; the eight square neighbours take the place of points on a circle.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from hashbench.families.patterns import BINS, PatternHash


@dataclass(eq=False, repr=False, kw_only=True)
class CSLBP(PatternHash):
    """Histograms of 16 patterns in the blocks of an image."""

    bits_a_block: ClassVar = BINS

    def _project(self, X: torch.Tensor) -> torch.Tensor:
        code = self._patterns(X)
        by_row, by_column = self.blocks_
        votes = torch.stack([(code == i).float() for i in range(BINS)], 1)
        share = by_row @ votes @ by_column.T  # (n, 16, rows, columns)
        return share.permute(0, 2, 3, 1).flatten(1) - 1 / BINS
