"""GIST, the spatial envelope of an image: energies of Gabor filters in 4 x 4 blocks, 512 numbers.

Oliva and Torralba, "Modeling the shape of the scene: a holistic representation of the spatial envelope",
IJCV 42(3), 2001, as the authors' code ``LMgist`` computes it: 4 scales x 8 orientations x 4 x 4 blocks, on
grey images at their own size, as papers on hashing use it on the 32 x 32 images of CIFAR-10.
    grey g = mean of the colours, stretched to 0..255;  l = log(1 + g), 5 pixels of its mirror image around it
    prefilter: G_s = exp(-(f / s)^2), s = 4 / sqrt(log 2) cycles an image, f in cycles
        u = l - G_s * l;   p = u / (0.2 + sqrt(|G_s * u^2|)), without the 5 pixels again
    scale i = 0..3, orientation j = 0..7, p with 32 pixels of its mirror image around it, (r, t) the polar
    coordinates of a frequency, r in cycles a pixel, t turned by j pi / 8 and brought to [-pi, pi]:
        H_ij = exp(-3.5 (r / (0.3 / 1.85^i) - 1)^2 - 2 pi t^2)
        512 numbers: mean over each block of |H_ij * p|, filter by filter, in each the blocks column by column
A constant added to the image or a positive factor (without clipping) changes nothing but rounding; an image
of one grey level is all zeros. Mirror images repeat the edge pixel, and mirror again where the image is
smaller.
Nothing is scaled or centred: methods do that themselves.
Departures from the source: none in the formulas, in float32. A side that does not divide into four has blocks
of unequal size, as in the source. MNIST-like images have 512 numbers too: which papers use 320, and with
which filters, could not be read.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from math import log, pi, sqrt
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hashbench.contracts.dataset import Images
from hashbench.contracts.feature import Feature
from hashbench.errors import InvalidInputError

if TYPE_CHECKING:
    import torch

SCALES, ORIENTATIONS, BLOCKS = 4, 8, 4
CYCLES = 4  # of the prefilter, an image
BORDER, MARGIN = 5, 32  # pixels mirrored around the image for the prefilter and for the filters


@dataclass(frozen=True, kw_only=True)
class Gist(Feature):
    """Where an image has edges, of which direction and how fine."""

    def check(self, images: Images) -> None:
        """Raise InvalidInputError where images are smaller than 4 x 4 pixels."""
        self._check(images.pixels)

    def rows(self, images: Images, index: NDArray[np.int64], device: torch.device) -> NDArray[np.float32]:
        """Rows (len(index), 512) of the data set's images. Raises as ``check``."""
        return self.rows_of(images.pixels[index], device)

    def rows_of(self, pixels: NDArray[np.uint8], device: torch.device) -> NDArray[np.float32]:
        """Rows (n, 512) of any images (n, c, h, w) uint8. Raises as ``check``."""
        import torch

        self._check(pixels)
        size = 16 if device.type == "cpu" else 1024  # on a CPU, as many images as its cache holds
        with torch.inference_mode():
            parts = [
                _describe(torch.from_numpy(pixels[start : start + size].copy()).to(device))
                for start in range(0, len(pixels), size)
            ]
            return torch.cat(parts).cpu().numpy() if parts else np.zeros((0, 512), np.float32)

    def _check(self, pixels: NDArray[np.uint8]) -> None:
        if pixels.ndim != 4 or pixels.dtype != np.uint8 or min(pixels.shape[2:]) < BLOCKS:
            raise InvalidInputError(
                f"{self.name()} reads images (n, c, h, w) uint8 of 4 x 4 pixels or more, not {pixels.shape} "
                f"{pixels.dtype}"
            )


def _describe(images: torch.Tensor) -> torch.Tensor:
    """GIST (n, 512) of images (n, c, h, w) uint8."""
    import torch

    height, width = images.shape[2:]
    ready = _mirrored(_prefiltered(images), (MARGIN, MARGIN), (MARGIN, MARGIN))
    spectrum = torch.fft.fft2(ready).contiguous()[:, None]
    rows, columns = (_averages(side, images.device) for side in (height, width))
    inner_y, inner_x = (_inverse(side, images.device) for side in (height, width))
    energies = []
    for filters in _filters(ready.shape[1], ready.shape[2], images.device):
        # One matrix on the right of all others is a single product, many times as fast as one a filter.
        across = (spectrum * filters) @ inner_x.T
        filtered = (across.transpose(2, 3).contiguous() @ inner_y.T).abs()  # (n, 8, width, height)
        means = (filtered @ rows.T).transpose(2, 3).contiguous() @ columns.T  # (n, 8, rows, columns)
        energies.append(means.transpose(2, 3).flatten(1))
    return torch.cat(energies, 1)


def _prefiltered(images: torch.Tensor) -> torch.Tensor:
    """Images (n, h, w) float32 of (n, c, h, w) uint8: grey, no slow changes, equal local contrast."""
    import torch

    grey = images.float().mean(1)
    grey = grey - grey.amin((1, 2), keepdim=True)
    grey = 255 * grey / grey.amax((1, 2), keepdim=True).clamp(min=1 / 3)  # the least step of a mean of three
    tall, wide = (side + 2 * BORDER for side in grey.shape[1:])
    size = max(tall, wide) + max(tall, wide) % 2
    bright = _mirrored(
        _mirrored(torch.log1p(grey), (BORDER, BORDER), (BORDER, BORDER)), (0, size - tall), (0, size - wide)
    )
    cycles = torch.fft.fftfreq(size, 1 / size, device=images.device)
    slow = torch.exp(-(cycles[:, None] ** 2 + cycles**2) / (CYCLES / sqrt(log(2))) ** 2)
    fast = bright - torch.fft.ifft2(torch.fft.fft2(bright) * slow).real
    contrast = torch.fft.ifft2(torch.fft.fft2(fast.square()) * slow).abs().sqrt()
    return (fast / (0.2 + contrast))[:, BORDER : tall - BORDER, BORDER : wide - BORDER]


@lru_cache(maxsize=4)
def _filters(height: int, width: int, device: torch.device) -> torch.Tensor:
    """The transfer functions H (scales, orientations, height, width) of padded images."""
    import torch

    # In Matlab's order: of an even number of frequencies the middle one is negative.
    y, x = (torch.fft.fftfreq(side, 1 / side, dtype=torch.float64) for side in (height, width))
    radius = torch.hypot(y[:, None], x) / width
    angle = torch.atan2(y[:, None], x.expand(height, width))
    turned = angle + torch.arange(ORIENTATIONS, dtype=torch.float64)[:, None, None] * pi / ORIENTATIONS
    turned = torch.where(turned > pi, turned - 2 * pi, turned)
    steps = torch.arange(SCALES, dtype=torch.float64)[:, None, None, None]
    along = (radius / (0.3 / 1.85**steps) - 1).square()
    transfer = torch.exp(-3.5 * along - 2 * pi * turned.square())
    # Far below the rounding error of a sum: 0, as numbers too small for float32's exponent take a CPU long.
    return torch.where(transfer < 1e-15, 0.0, transfer).float().to(device)


@lru_cache(maxsize=8)
def _inverse(side: int, device: torch.device) -> torch.Tensor:
    """The matrix (side, side + 2 margins) of an inverse Fourier transform of a padded side, without margins.

    Transforms as products of matrices take half the time of fast ones, two thirds of which is thrown away.
    """
    import torch

    padded = side + 2 * MARGIN
    place = torch.arange(MARGIN, MARGIN + side)[:, None] * torch.arange(padded) % padded
    angles = place.double() * (2 * pi / padded)
    return (torch.polar(torch.ones_like(angles), angles) / padded).to(torch.complex64).to(device)


@lru_cache(maxsize=8)
def _averages(side: int, device: torch.device) -> torch.Tensor:
    """The matrix (4, side) of means over four parts of a side, whose edges are whole pixels."""
    import torch

    edges = [side * part // BLOCKS for part in range(BLOCKS + 1)]
    matrix = torch.zeros(BLOCKS, side)
    for part, (start, stop) in enumerate(pairwise(edges)):
        matrix[part, start:stop] = 1 / (stop - start)
    return matrix.to(device)


def _mirrored(images: torch.Tensor, rows: tuple[int, int], columns: tuple[int, int]) -> torch.Tensor:
    """Images (n, h, w) with so many mirrored rows (before, after) and columns; the edge pixel repeats."""
    down = _reflected(images.shape[1], *rows, images.device)
    across = _reflected(images.shape[2], *columns, images.device)
    return images[:, down][:, :, across]


def _reflected(side: int, before: int, after: int, device: torch.device) -> torch.Tensor:
    """Which pixel is at each place of a mirrored side: 1 0 | 0 1 2 | 2 1."""
    import torch

    place = torch.arange(-before, side + after, device=device) % (2 * side)
    return torch.minimum(place, 2 * side - 1 - place)
