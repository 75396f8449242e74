"""Keyed centre-symmetric local binary patterns: one bit of each block under a secret key.

Davarzani, Mozaffari and Yaghmaie, "Perceptual image hashing using center-symmetric local binary patterns",
Multimedia Tools and Applications 75, 2016, doi 10.1007/s11042-015-2496-6: CS-LBP of every block of the grey
image, without overlap; the hash of a block is the inner product of its CS-LBP vector with a pseudo-random
weight vector, which the key gives.
    h_b (16): part of the pixels of block b that have each pattern;  s_b = <h_b, v>, v ~ N(0, I_16);
    bit = s_b > mean over the blocks of the image of s_b
Departures from the paper: its abstract fixes patterns, blocks and the keyed inner product, and compares
real values. Ours are the bit, the number of blocks, the threshold T of CS-LBP (1 % of the grey range), and
the size of 64 x 64 that small images are brought to, where the paper takes the image as it is. The key is
``random_state``; how well it is kept is not evaluated.
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
class KeyedCSLBP(HashMethod):
    """A keyed inner product of each block's histogram of patterns.

    threshold: T, in grey levels.
    """

    inputs: ClassVar = "images"
    made_for: ClassVar = ("authentication",)

    threshold: float = 2.55

    @classmethod
    def accepts_bits(cls, n_bits: int) -> str | None:
        """One bit a block, at least two, in a grid that is not too long."""
        grid = block_grid(n_bits)
        if n_bits < 2 or grid is None or max(grid) > SIZE:
            return f"{cls.name()} has a bit a block in a grid of blocks, such as 64 or 256, not {n_bits}"
        return None

    def _fit(self, X: torch.Tensor, y: torch.Tensor | None, generator: torch.Generator) -> None:
        fault, grid = self.accepts_bits(self.n_bits), block_grid(self.n_bits)
        if fault is not None or grid is None:
            raise InvalidInputError(str(fault))
        self.key_ = torch.randn(BINS, generator=generator).to(X.device)
        self.sides_ = tuple(resizing(side, SIZE, "bicubic", X.device) for side in X.shape[2:])
        self.blocks_ = tuple(averaging(SIZE, parts, X.device) for parts in grid)

    def project_batch(self, device: torch.device) -> int:
        """On a CPU, as many images as its cache holds."""
        return 64 if device.type == "cpu" else 1024

    def _project(self, X: torch.Tensor) -> torch.Tensor:
        rows, columns = self.sides_
        around = neighbours(rows @ relative_luma(X) @ columns.T)
        code = torch.zeros(around[0].shape, device=X.device, dtype=torch.long)
        for i in range(4):
            code += (around[i] - around[i + 4] > self.threshold).long() << i
        by_row, by_column = self.blocks_
        # the inner product of a histogram with the key is the mean of the key over the block's pixels
        products = (by_row @ self.key_[code] @ by_column.T).flatten(1)
        return products - products.mean(1, keepdim=True)
