"""Minimum-magnitude centre-symmetric local binary patterns (MM-CSLBP).

Minimum-magnitude CS-LBP for perceptual image hashing, J. AI and Data Mining, article 1191, by Patil and
Sarode as it seems (the abstract, without their names, is all that was at hand). A perceptual hash for
authentication; nothing is learned. Each pixel has one of four directions, that of the smallest difference
between opposite neighbours; the histogram of directions of each block, weighted by the strength of edges,
is cut to one bit a bin.
    grey g, smoothed (Gaussian, sd 1) and resized to size x size; g_0..g_7 the neighbours of a pixel
    D_i = g_i - g_{i+4}, i = 0..3;   q = argmin_i |D_i|, the lowest index of equals
    M = Sobel magnitude;   w = 1/8 sum_n |M_n - M|
    h_b[i] = sum of w over the pixels of block b with q = i, divided by the sum of w over b
    bit = h_b[i] > 1/4
A block whose mean w is below ``flat`` has h_b = 0. On a plane g = c + G.r the smallest |D_i| is that of the
pair that is most nearly perpendicular to G: q is the direction of the edge without its sign. So a constant
added to the image changes no bit (without clipping), nor does a positive factor while no block crosses
``flat``; a quarter turn rotates the grid and swaps the bins 0 with 2 and 1 with 3. Relatives: CS-LBP
(Heikkila, Pietikainen and Schmid, Pattern Recognition 42, 2009); Davarzani, Mozaffari and Yaghmaie, "Image
authentication using LBP-based perceptual image hashing", J. AI and Data Mining 3(1), 2015, and "Perceptual
image hashing using center-symmetric local binary patterns", Multimedia Tools and Applications, 2016; Patil
and Sarode's siblings, IJECE 9(4), 2019, 2950-2959 and 2982-2992.
Formula: in the paper's text (the abstract; the rest is reconstructed).
Departures from the paper: the abstract fixes CS-LBP, "minimum magnitude" that compresses the histogram to a
quarter, a weight of edges from a modified LBP of the gradient image, and the comparison by Hamming
distance. Ours are all else: argmin |D_i| as the meaning of minimum magnitude (``reading="two_pairs"`` is
the other reading, two of the four comparisons as in the sibling), the weight's formula (``weight``: "none",
"magnitude", "lbp_count", the number of neighbours with M_n >= M + 1, are the others), smoothing, size,
grid, the rule of flat blocks, and the quantiser (``quantiser="double"``: two bits a bin, the level of h
among 1/8, 1/4, 1/2 in Gray code, as siblings have double-bit quantisation). No key: security is not
evaluated.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch

from hashbench.errors import InvalidInputError
from hashbench.families.blocks import BlockHash
from hashbench.numerics import neighbours, relative_luma, resizing

BINS = 4
RADIUS = 3  # of the Gaussian, in pixels


@dataclass(eq=False, repr=False, kw_only=True)
class MMCSLBP(BlockHash):
    """Directions of smallest difference in the blocks of an image.

    weight: of a pixel in its block's histogram. flat: mean contrast in grey levels below which a block's bits
    are all zero; 0: none. quantiser: one bit a bin, or two. reading: of "minimum magnitude". size: side in
    pixels that images are brought to.
    """

    bits_a_block: ClassVar = BINS

    weight: Literal["contrast", "none", "magnitude", "lbp_count"] = "contrast"
    flat: float = 2.0
    quantiser: Literal["threshold", "double"] = "threshold"
    reading: Literal["argmin", "two_pairs"] = "argmin"
    size: int = 64

    def _fit(self, X: torch.Tensor, y: torch.Tensor | None, generator: torch.Generator) -> None:
        for name, allowed in (
            ("weight", ("contrast", "none", "magnitude", "lbp_count")),
            ("quantiser", ("threshold", "double")),
            ("reading", ("argmin", "two_pairs")),
        ):
            if getattr(self, name) not in allowed:
                raise InvalidInputError(
                    f"{self.name()}: {name} is {getattr(self, name)!r}; choose from {', '.join(allowed)}"
                )
        per_block = BINS * (2 if self.quantiser == "double" else 1)
        self.blocks_ = self._averages(self.size, X.device, per_block)
        height, width = X.shape[2:]
        rows, columns = (
            resizing(side, self.size, "bicubic", X.device) @ _smoothing(side, X.device)
            for side in (height, width)
        )
        self.rows_, self.columns_ = rows, columns.T.contiguous()

    def project_batch(self, device: torch.device) -> int:
        """On a CPU, as many images as its cache holds."""
        return 32 if device.type == "cpu" else 1024

    def _project(self, X: torch.Tensor) -> torch.Tensor:
        grey = self.rows_ @ relative_luma(X) @ self.columns_
        contrast, weight = self._weights(grey)
        code = _codes(grey, self.reading)
        by_row, by_column = self.blocks_
        votes = torch.stack([weight * (code == i) for i in range(BINS)], 1)
        sums = by_row @ votes @ by_column.T  # (n, 4, rows, columns)
        totals = sums.sum(1, keepdim=True)
        counted = (totals > 0) & (by_row @ contrast[:, None] @ by_column.T >= self.flat)
        share = torch.where(counted, sums / totals.clamp(min=torch.finfo(sums.dtype).tiny), 0.0)
        share = share.permute(0, 2, 3, 1)  # block by block
        if self.quantiser == "double":
            # the level among 1/8, 1/4, 1/2 in Gray code: 00, 01, 11, 10
            share = torch.stack([share - 1 / 4, torch.minimum(share - 1 / 8, 1 / 2 - share)], -1)
            return share.flatten(1)
        return share.flatten(1) - 1 / 4

    def _weights(self, grey: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Contrast of the gradient image in grey levels, and the weight of each pixel, (n, size, size)."""
        gradient = _sobel(grey)
        around = neighbours(gradient)
        contrast, count = torch.zeros_like(gradient), torch.zeros_like(gradient)
        for neighbour in around:
            contrast += (neighbour - gradient).abs()
        contrast /= len(around)
        if self.weight == "contrast":
            return contrast, contrast
        if self.weight == "magnitude":
            return contrast, gradient
        if self.weight == "none":
            return contrast, torch.ones_like(gradient)
        for neighbour in around:
            count += neighbour >= gradient + 1
        return contrast, count


def _codes(grey: torch.Tensor, reading: str) -> torch.Tensor:
    """A number 0..3 for each pixel, (n, size, size)."""
    around = neighbours(grey)
    if reading == "two_pairs":  # horizontal and vertical, with their signs
        return (around[0] > around[4]).to(torch.uint8) + 2 * (around[2] > around[6]).to(torch.uint8)
    least = (around[0] - around[4]).abs()
    code = torch.zeros_like(least, dtype=torch.uint8)
    for i in range(1, BINS):  # torch's argmin takes any of equals
        size = (around[i] - around[i + 4]).abs()
        code.masked_fill_(size < least, i)
        least = torch.minimum(least, size)
    return code


def _sobel(grey: torch.Tensor) -> torch.Tensor:
    """Length of the Sobel gradient, kernels [1 2 1] x [-1 0 1], of (n, h, w)."""
    right, up_right, up, up_left, left, down_left, down, down_right = neighbours(grey)
    across = (up_right + 2 * right + down_right) - (up_left + 2 * left + down_left)
    along = (down_left + 2 * down + down_right) - (up_left + 2 * up + up_right)
    return torch.sqrt(across.square() + along.square())


def _smoothing(side: int, device: torch.device) -> torch.Tensor:
    """The matrix (side, side) of a Gaussian of sd 1 along a column of pixels; edge pixels repeat."""
    offsets = torch.arange(-RADIUS, RADIUS + 1)
    kernel = torch.exp(-offsets.double().square() / 2)
    matrix = torch.zeros(side, side, dtype=torch.float64)
    for offset, part in zip(offsets.tolist(), kernel / kernel.sum(), strict=True):
        matrix[torch.arange(side), (torch.arange(side) + offset).clamp(0, side - 1)] += part
    return matrix.float().to(device)
