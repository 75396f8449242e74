"""Grey levels, sizes and neighbourhoods of images."""

from __future__ import annotations

from math import isqrt

import torch

from hashbench.errors import InvalidInputError


def relative_luma(X: torch.Tensor) -> torch.Tensor:
    """Grey levels above the darkest pixel of each image: (n, h, w) float32 of (n, 1 or 3, h, w) uint8.

    Luma is .299 R + .587 G + .114 B (ITU-R BT.601), computed in whole thousandths: a constant added to an
    image, where nothing is clipped, changes no bit of the result. Raises InvalidInputError.
    """
    if X.shape[1] not in (1, 3):
        raise InvalidInputError(f"an image has 1 channel (grey) or 3 (red, green, blue), not {X.shape[1]}")
    weights = (1000,) if X.shape[1] == 1 else (299, 587, 114)
    thousandths = (X.float() * X.new_tensor(weights, dtype=torch.float32)[:, None, None]).sum(1)
    return (thousandths - thousandths.amin((1, 2), keepdim=True)) / 1000


def resizing(source: int, target: int, mode: str, device: torch.device) -> torch.Tensor:
    """The matrix (target, source) that resizes a column of pixels as ``torch.nn.functional.interpolate``.

    mode: "bilinear" or "bicubic", antialiased. Rows and columns of an image are resized by R g C'.
    """
    rows = torch.eye(source)[:, None, None]  # torch 2.14 resizes images one pixel wide wrongly
    resized = torch.nn.functional.interpolate(
        rows, (1, target), mode=mode, align_corners=False, antialias=True
    )
    return resized[:, 0, 0].T.contiguous().to(device)


def averaging(source: int, parts: int, device: torch.device) -> torch.Tensor:
    """The matrix (parts, source) that averages a column of pixels in equal parts; pixels on an edge count
    with their share in each."""
    edges = torch.arange(parts + 1, dtype=torch.float64) * source / parts
    pixels = torch.arange(source, dtype=torch.float64)
    overlap = torch.minimum(edges[1:, None], pixels + 1) - torch.maximum(edges[:-1, None], pixels)
    return (overlap.clamp(min=0) * parts / source).float().to(device)


def neighbours(images: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """The eight neighbours of each pixel, eight views (n, h, w) of (n, h, w); edge pixels repeat.

    They go round from the right-hand one, against the clock: neighbour i + 4 is opposite to neighbour i.
    """
    padded = torch.nn.functional.pad(images[:, None], (1, 1, 1, 1), mode="replicate")[:, 0]
    height, width = images.shape[1:]
    steps = ((1, 2), (0, 2), (0, 1), (0, 0), (1, 0), (2, 0), (2, 1), (2, 2))
    return tuple(padded[:, y : y + height, x : x + width] for y, x in steps)


def block_grid(n_blocks: int) -> tuple[int, int] | None:
    """(rows, columns) of a grid of so many blocks, rows >= columns, as near to a square as can be.

    None where the best grid has more than three times as many rows as columns.
    """
    columns = next(k for k in range(isqrt(n_blocks), 0, -1) if n_blocks % k == 0)
    rows = n_blocks // columns
    return (rows, columns) if rows <= 3 * columns else None
