"""Keyed centre-symmetric local binary patterns: one bit of each block under a secret key.

Davarzani, Mozaffari and Yaghmaie, "Perceptual image hashing using center-symmetric local binary patterns",
Multimedia Tools and Applications 75, 2016, doi 10.1007/s11042-015-2496-6: CS-LBP of every block of the grey
image, without overlap; the hash of a block is the inner product of its CS-LBP vector with a pseudo-random
weight vector, which the key gives.
    h_b (16): part of the pixels of block b that have each pattern;  s_b = <h_b, v>, v ~ N(0, I_16);
    bit = s_b > mean over the blocks of the image of s_b
Formula: in the paper's text (the abstract; the rest is ours).
Departures from the paper: its abstract fixes patterns, blocks and the keyed inner product, and compares
real values. Ours are the bit, the number of blocks, the threshold T of CS-LBP (1 % of the grey range), and
the size of 64 x 64 that small images are brought to, where the paper takes the image as it is. The key is
``random_state``; how well it is kept is not evaluated.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from hashbench.families.patterns import BINS, PatternHash


@dataclass(eq=False, repr=False, kw_only=True)
class KeyedCSLBP(PatternHash):
    """A keyed inner product of each block's histogram of patterns."""

    def _fit(self, X: torch.Tensor, y: torch.Tensor | None, generator: torch.Generator) -> None:
        super()._fit(X, y, generator)
        self.key_ = torch.randn(BINS, generator=generator).to(X.device)

    def _project(self, X: torch.Tensor) -> torch.Tensor:
        by_row, by_column = self.blocks_
        # the inner product of a histogram with the key is the mean of the key over the block's pixels
        products = (by_row @ self.key_[self._patterns(X).long()] @ by_column.T).flatten(1)
        return products - products.mean(1, keepdim=True)
