"""Hashes of the blocks of an image, a fixed number of bits a block."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from hashbench.contracts.method import HashMethod
from hashbench.errors import InvalidInputError
from hashbench.numerics import averaging, block_grid


@dataclass(eq=False, repr=False, kw_only=True)
class BlockHash(HashMethod):
    """Bits of blocks in a grid, as near to a square as can be. A method states ``bits_a_block``."""

    inputs: ClassVar = "images"
    made_for: ClassVar = ("authentication",)

    bits_a_block: ClassVar[int] = 1

    @classmethod
    def accepts_bits(cls, n_bits: int) -> str | None:
        """At least two, a fixed number a block, in a grid that is not too long."""
        blocks, rest = divmod(n_bits, cls.bits_a_block)
        if n_bits < 2 or rest or block_grid(blocks) is None:
            number = "a bit" if cls.bits_a_block == 1 else f"{cls.bits_a_block} bits"
            return f"{cls.name()} has {number} a block in a grid of blocks, such as 64 or 256, not {n_bits}"
        return None

    def _averages(
        self, size: int, device: torch.device, bits_a_block: int | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The matrices R (rows, size) and C (columns, size) that average in blocks: R g C' of g (size, size).

        bits_a_block: where a parameter makes them other than the class says. Raises InvalidInputError where
        there is no such grid, or one of more than ``size`` rows.
        """
        blocks, rest = divmod(self.n_bits, bits_a_block or self.bits_a_block)
        grid = None if rest else block_grid(blocks)
        if grid is None or max(grid) > size:
            raise InvalidInputError(
                f"{self.name()}: {self.n_bits} bits, {bits_a_block or self.bits_a_block} a block, make no "
                f"grid of blocks in {size} x {size} pixels"
            )
        return averaging(size, grid[0], device), averaging(size, grid[1], device)
